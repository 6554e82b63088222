"""Decisions about calls that reach a service inside the process, where the emulator itself checks nothing."""

from collections.abc import Iterable, Mapping
from typing import Any

from ministack.core import iam_evaluator

from rehearsal.audit import Audit
from rehearsal.host import Scope
from rehearsal.permissions import Need


class DeniedError(Exception):
    """IAM denies the call. The text is AWS's."""

    def __init__(self, principal: str, need: Need) -> None:
        self.principal, self.need = principal, need
        super().__init__(
            f"User: {principal} is not authorized to perform: {need.action} on resource: {need.resource} "
            "because no identity-based policy allows it"
        )


class Authority:
    """Asks the emulator's own policy evaluator, and writes every answer down."""

    def __init__(self, audit: Audit) -> None:
        self.audit = audit

    def require(self, role_arn: str, session: str, needs: Iterable[Need], scope: Scope) -> None:
        """Raise DeniedError unless the role may do all of `needs`. Every decision is in the audit."""
        role_account, role = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
        principal = f"arn:aws:sts::{role_account}:assumed-role/{role}/{session}"
        for need in needs:
            allowed = self._allowed(principal, role, role_account, need, scope)
            self.audit.record(principal, need.action, need.resource, allowed=allowed)
            if not allowed:
                raise DeniedError(principal, need)

    def _allowed(self, principal: str, role: str, account: str, need: Need, scope: Scope) -> bool:
        from ministack.services import iam

        context: Mapping[str, Any] = {key.lower(): value for key, value in need.context.items()}
        evaluation = iam_evaluator.EvalContext(
            principal_arn=principal,
            principal_type="AssumedRole",
            principal_account=account,
            action=need.action,
            resource_arn=need.resource,
            region=scope.region,
            secure_transport=True,
            service_context={"aws:tagkeys": None, **context},
        )
        limits = iam_evaluator._permissions_boundary(iam._roles, role, account)
        result = iam_evaluator.evaluate(evaluation, iam_evaluator._gather_role_policies(role, account), *limits)
        service = need.action.split(":")[0]
        policy = iam_evaluator._resource_policy(service, need.resource)
        if policy is not None:
            result = iam_evaluator.combine_resource_policy(
                result, evaluation, *policy, required=service == "kms", limits=tuple(limits)
            )
        return bool(result.decision == "Allow")
