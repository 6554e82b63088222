"""The hook on the emulator's check of a signed request: our evaluator decides, and every decision is written down."""

from collections.abc import Callable
from typing import Any

from rehearsal.authority import Authority, worded
from rehearsal.host import Scope
from rehearsal.iam import assumed, callers, onbehalf, passrole, polling, present, requestkeys
from rehearsal.iam.evaluate import IDENTITY, ROOT, Decision
from rehearsal.iam.requestkeys import Asked
from rehearsal.permissions import Need
from rehearsal.runtime import Runtime

# An action that is never denied.
_NEVER_DENIED = "sts:GetCallerIdentity"
# Services whose denials the emulator words as observed, status included; and those with their own code.
_OWN_WORDS = frozenset({"ssm", "logs"})
_DENIED_CODES = {"sns": "AuthorizationError"}
# Who may assume a role is for the role's trust policy together with the caller's own: `ownpolicies.trust` decides both.
_ASSUME = frozenset({"sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML", "sts:TagSession"})


def enforce(original: Callable[..., Any], runtime: Runtime) -> Callable[..., Any]:
    """Every signed request: the emulator checks its credentials, our evaluator the rest."""
    from ministack.core import iam_evaluator as emulator

    authority = runtime.authority
    authority.faults = lambda: getattr(getattr(runtime.sagemaker, "_core", None), "faults", None)
    authority.tags = lambda arn: _sagemaker_tags(runtime, arn)

    def checked(  # noqa: PLR0917  # the emulator\'s own signature
        access_key: str,
        action: str,
        service: str,
        region: str,
        resource_arn: str = "*",
        service_context: dict[str, Any] | None = None,
    ) -> Any:
        if emulator._anonymous.get():
            return original(access_key, action, service, region, resource_arn, service_context)
        scope = Scope(emulator_account(), region)
        credential = _authenticated(access_key or "", service, scope.account)
        if isinstance(credential, emulator.AuthError):
            return credential
        caller = callers.of_credential(credential)
        present.caller.set(caller)
        asked = present.asked.get()
        asked = asked if asked is not None and asked.service == service else None
        if caller.principal.kind == "Account":
            # The operator is never denied.
            authority.note(caller, Need(action, resource_arn), ROOT, _details(asked))
            _learn(authority, service, asked)
            return None
        if action in _ASSUME or action == _NEVER_DENIED:
            return None
        source_ip, secure = emulator._request_origin.get()
        context = {"aws:sourceip": source_ip, "aws:securetransport": str(secure).lower()}
        context |= {**(requestkeys.of_request(action, asked) if asked else {}), **(service_context or {})}
        denied = _first_denial(authority, caller, Need(action, resource_arn, context), scope, asked, service)
        if denied is None:
            _learn(authority, service, asked)
        return denied

    return checked


def _learn(authority: Authority, service: str, asked: Asked | None) -> None:
    if service == "cloudformation" and asked is not None:
        authority.stacks.learn(asked)


def _first_denial(  # noqa: PLR0917  # what a check is about
    authority: Authority, caller: callers.Caller, need: Need, scope: Scope, asked: Asked | None, service: str
) -> Any:
    """The action itself, then each role it hands over, then what the service does with keys on the caller's behalf."""
    from ministack.core import iam_evaluator as emulator

    needs, details = [need], _details(asked)
    if asked is not None and (need.action, need.resource) not in asked.checked:
        asked.checked.add((need.action, need.resource))
        needs += passrole.needs(need.action, asked)
    for one in needs:
        decision = authority.decide(caller, one, scope, details)
        if not decision.allowed:
            return _denied(service, caller, one, decision)
        if one is not need and one.action == "iam:PassRole":
            service_principal = str(one.context.get("iam:PassedToService"))
            source = str(one.context.get("iam:AssociatedResourceArn") or "")
            refused = assumed.refusal(authority, service_principal, one.resource, source, scope)
            if refused is not None:
                return emulator.AuthError(*refused)
    if asked is not None and need.action == "lambda:CreateEventSourceMapping":
        function, source = str(asked.member("FunctionName") or ""), str(asked.member("EventSourceArn") or "")
        if (refused := polling.refusal(authority, function, source, scope)) is not None:
            return emulator.AuthError(*refused)
    if asked is not None:
        for one in onbehalf.needs(need, asked, scope):
            decision = authority.decide(caller, one, scope, details)
            if not decision.allowed:
                return _denied(service, caller, one, decision)
            if (state := onbehalf.unusable(one, scope, authority.faults())) is not None:
                return emulator.AuthError(*state)
    return None


def _denied(service: str, caller: callers.Caller, need: Need, decision: Decision) -> Any:
    """What the emulator answers with: the words name the kind of policy that decided, as AWS's do.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    from ministack.core import iam_evaluator as emulator

    if service in _OWN_WORDS and decision.kind == IDENTITY and need.action.startswith(f"{service}:"):
        return emulator.EvalResult("Deny" if decision.explicit else "ImplicitDeny", caller.name, decision.statement)
    words = f"User: {caller.name} is not authorized to perform: {need.action} on resource: {need.resource} "
    code = _DENIED_CODES.get(service, "AccessDenied")
    return emulator.AuthError(code, words + worded(need.action, decision))


def emulator_account() -> str:
    """The account that this context's request is served in."""
    from ministack.core.responses import get_account_id

    return str(get_account_id())


def _authenticated(access_key: str, service: str, account: str) -> Any:
    """The credential whose signature the emulator has checked, or its AuthError."""
    from ministack.core import iam_evaluator as emulator
    from ministack.core.responses import _account_from_sts_session

    if (failed := emulator._s3_scope_failure(service)) is not None:
        return failed
    credential = emulator.authenticate(access_key, account)
    if credential is None:  # verified already, for an earlier check of this request; or a root key
        credential = emulator.resolve_credential(access_key, _account_from_sts_session(access_key) or account)
    if isinstance(credential, emulator.CredentialResolutionError):
        return emulator.AuthError(credential.code, credential.message)
    return credential


def _details(asked: Asked | None) -> dict[str, Any]:
    from ministack.core import iam_evaluator as emulator

    details = {"sourceIPAddress": emulator._request_origin.get()[0]}
    if asked is not None:
        details |= {
            "awsRegion": asked.region,
            "userAgent": asked.headers.get("user-agent", ""),
            "requestID": asked.headers.get("amz-sdk-invocation-id", ""),
        }
    return details


def _sagemaker_tags(runtime: Runtime, arn: str) -> dict[str, str]:
    core = getattr(runtime.sagemaker, "_core", None)
    if core is None:
        return {}
    scope = Scope(arn.split(":")[4], arn.split(":")[3])
    held: dict[str, str] = dict(core.store.state(scope).tags.get(arn) or {})
    return held
