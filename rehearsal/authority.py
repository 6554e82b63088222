"""Decisions about calls, whoever makes them: the emulator's clients, services in a role's name, services themselves."""

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rehearsal.audit import Audit
from rehearsal.host import Scope
from rehearsal.iam.evaluate import IDENTITY, Decision
from rehearsal.permissions import Need
from rehearsal.sagemaker.faults import Faults, declare

if TYPE_CHECKING:
    from rehearsal.iam.stackroles import StackRoles

# D09 AccessDenied mid-flow; F10 KMS, ECR or S3 denied. `role` is the role's name, `action` the IAM action.
declare("D09", "role", "action", "resource")
declare("F10", "role", "service")
_F10_SERVICES = ("kms", "ecr", "s3")


class DeniedError(Exception):
    """IAM denies the call. The text is AWS's."""

    def __init__(self, principal: str, need: Need, decision: Decision | None = None) -> None:
        self.principal, self.need = principal, need
        super().__init__(
            f"User: {principal} is not authorized to perform: {need.action} on resource: {need.resource} "
            f"{worded(need.action, decision)}"
        )


def worded(action: str, decision: Decision | None) -> str:
    """The end of an access denied message."""
    if decision is None:
        return "because no identity-based policy allows it"
    return decision.reason if decision.explicit else f"{decision.reason} the {action} action"


class Authority:
    """Asks the evaluator for each caller, and writes every answer down."""

    def __init__(self, audit: Audit) -> None:
        self.audit = audit
        # Set once the cloud's parts exist: armed faults, and the tags of SageMaker's resources.
        self.faults: Callable[[], Faults | None] = lambda: None
        self.tags: Callable[[str], Mapping[str, str]] = lambda _: {}

    @cached_property
    def stacks(self) -> "StackRoles":
        """Stacks' service roles."""
        from rehearsal.iam.stackroles import StackRoles

        return StackRoles(self)

    def require(self, role_arn: str, session: str, needs: Iterable[Need], scope: Scope) -> None:
        """Raise DeniedError unless the role may do all of `needs`. Every decision is in the audit."""
        from rehearsal.iam import callers

        caller = callers.of_role(role_arn, session)
        for need in needs:
            self.demand(caller, need, scope)

    def demand(self, caller: Any, need: Need, scope: Scope, details: Mapping[str, Any] | None = None) -> None:
        """Raise DeniedError unless the caller may."""
        decision = self.decide(caller, need, scope, details)
        if not decision.allowed:
            raise DeniedError(caller.name, need, decision)

    def decide(self, caller: Any, need: Need, scope: Scope, details: Mapping[str, Any] | None = None) -> Decision:
        """One decision, written down."""
        from rehearsal.iam import decisions

        decision = self._fault(caller.principal.identity_arn, need) or decisions.decide(self, caller, need, scope)
        self.note(caller, need, decision, details)
        return decision

    def note(self, caller: Any, need: Need, decision: Decision, details: Mapping[str, Any] | None = None) -> None:
        """Write a decision down."""
        principal = caller.principal
        issuer = {"sessionIssuer": principal.issuer_arn} if principal.issuer_arn else {}
        self.audit.record(
            caller.name,
            need.action,
            need.resource,
            allowed=decision.allowed,
            operator=principal.kind == "Account",
            details={
                "eventSource": f"{need.action.partition(':')[0]}.amazonaws.com",
                "eventName": need.action.partition(":")[2],
                "userIdentity": {"type": principal.kind, "accountId": principal.account, **issuer},
                "policy": decision.policy,
                "statement": decision.statement,
                "reason": decision.reason if decision.allowed else worded(need.action, decision),
                **(details or {}),
            },
        )

    def _fault(self, identity_arn: str, need: Need) -> Decision | None:
        faults = self.faults()
        if faults is None:
            return None
        role, service = identity_arn.rsplit("/", 1)[-1], need.action.partition(":")[0]
        struck = faults.take("D09", role=role, action=need.action, resource=need.resource)
        if struck is None and service in _F10_SERVICES:
            struck = faults.take("F10", role=role, service=service)
        return Decision(False, True, IDENTITY, f"fault {struck.row}") if struck else None
