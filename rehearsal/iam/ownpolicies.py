"""Hooks where services ask of a resource's own policy or a role's trust policy, and where policies are put."""

from collections.abc import Callable
from typing import Any

from rehearsal.iam import callers, present
from rehearsal.iam.context import time_keys
from rehearsal.iam.evaluate import Decision, Policies, Request, Source, evaluate
from rehearsal.iam.policy import MalformedPolicyError, compiled
from rehearsal.iam.resources import policy_source
from rehearsal.permissions import Need
from rehearsal.runtime import Runtime

# Asked of a resource's policy alone: the caller's own have been looked at, so a grant to its account is a grant.
_EVERYTHING = [Source("any", compiled({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}))]


def resource_policy(_: Callable[..., Any], runtime: Runtime) -> Callable[..., Any]:
    """A resource's policy alone, as services ask before they deliver: S3 and SNS to queues, topics and functions."""
    from ministack.core import iam_evaluator as emulator

    def decide(
        doc: Any, ctx: Any, service: str | None = None, named_only: bool = False, direct_only: bool = False
    ) -> Any:
        del named_only, direct_only  # the evaluator knows how closely a statement names the caller
        keys = {key.lower(): value for key, value in ctx.service_context.items()}
        if service:
            caller = callers.of_service(
                service, str(keys.get("aws:sourcearn") or ""), str(keys.get("aws:sourceaccount") or "")
            )
        else:
            known = present.caller.get()
            # Some services know only the caller's account: who it is was found when the request was checked.
            same = known is not None and known.principal.account == ctx.principal_account
            account_only = str(ctx.principal_arn).endswith(":root")
            caller = known if known is not None and same and account_only else callers.of_arn(ctx.principal_arn)
        source = policy_source(ctx.resource_arn, doc)
        base = _base(ctx, runtime) | ({"aws:securetransport": "true"} if service else {})
        question = Request(caller.principal, ctx.action, ctx.resource_arn, {**base, **caller.keys, **keys})
        decision = evaluate(question, Policies(_EVERYTHING, resource=source, closed=True))
        if service:
            runtime.authority.note(caller, Need(ctx.action, ctx.resource_arn), decision)
        if decision.allowed:
            return emulator.EvalResult("Allow", ctx.principal_arn, decision.statement, decision.reason)
        return emulator.EvalResult(
            "Deny" if decision.explicit else "ImplicitDeny", ctx.principal_arn, decision.statement, decision.reason
        )

    return decide


def trust(_: Callable[..., Any], runtime: Runtime) -> Callable[..., bool]:
    """AssumeRole: the role's trust policy and, unless it names the caller itself, the caller's own policies."""

    def decide(trust_doc: Any, caller_arn: str, ctx: Any = None) -> bool:
        if ctx is None:
            return False
        keys = {f"aws:requesttag/{name}".lower(): value for name, value in (ctx.request_tags or {}).items()}
        keys |= {"aws:tagkeys": list(ctx.tag_keys)} if ctx.tag_keys else {}
        keys |= {key.lower(): value for key, value in ctx.service_context.items() if value is not None}
        known = present.caller.get()
        if ctx.action == "sts:AssumeRoleWithWebIdentity":
            from rehearsal.iam.principal import Principal

            caller = callers.Caller(Principal("WebIdentity", provider=caller_arn))
        elif known is not None and known.principal.arn == caller_arn:
            caller = known
        else:
            caller = callers.of_arn(caller_arn)
        decision = may_assume(caller, ctx.resource_arn, trust_doc, ctx.action, {**_base(ctx, runtime), **keys})
        runtime.authority.note(caller, Need(ctx.action, ctx.resource_arn), decision)
        return decision.allowed

    return decide


def may_assume(caller: callers.Caller, role_arn: str, trust_policy: Any, action: str, keys: dict[str, Any]) -> Decision:
    """Whether a role's trust policy lets a caller, or a service, take the role on."""
    policies = Policies(
        caller.identity,
        caller.boundary,
        caller.session,
        policy_source(f"trust policy of {role_arn}", trust_policy),
        role_arn.split(":")[4],
        closed=True,
    )
    # A trust policy has no Resource: its statements are about the role.
    return evaluate(Request(caller.principal, action, role_arn, {**caller.keys, **keys}), policies)


def validate(original: Callable[[Any], str | None], _: Runtime) -> Callable[[Any], str | None]:
    """What IAM would not accept is refused when it is put, not found out when it decides."""

    def check(doc: Any) -> str | None:
        wrong = original(doc)
        if wrong is None:
            try:
                compiled(doc)
            except MalformedPolicyError as error:
                return f"Syntax errors in policy: {error}"
        return wrong

    return check


def _base(ctx: Any, runtime: Runtime) -> dict[str, Any]:
    return {
        "aws:sourceip": ctx.source_ip,
        "aws:securetransport": str(ctx.secure_transport).lower(),
        "aws:requestedregion": ctx.region,
        **time_keys(runtime.clock.now()),
    }
