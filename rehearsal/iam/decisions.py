"""A caller's need, with all keys and policies that apply, put to the evaluator."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rehearsal.host import Scope
from rehearsal.iam import grants, resources
from rehearsal.iam.callers import Caller
from rehearsal.iam.context import time_keys
from rehearsal.iam.evaluate import Decision, Policies, Request, evaluate
from rehearsal.permissions import Need

if TYPE_CHECKING:
    from rehearsal.authority import Authority


def decide(authority: "Authority", caller: Caller, need: Need, scope: Scope) -> Decision:
    """Identity, boundary, session and resource policies, and the grants of a KMS key."""
    service = need.action.partition(":")[0].lower()
    own, owner = resources.policy_of(service, need.resource, scope)
    closed = service in resources.CLOSED and own is not None
    policies = Policies(caller.identity, caller.boundary, caller.session, own, owner, closed)
    everything = [*caller.identity, *(caller.boundary or ()), *(caller.session or ()), *([own] if own else ())]
    context = {**keys(authority, caller, need, scope, owner)}
    if any(source.policy.mentions_tags for source in everything):
        context = _tag_keys(authority, need) | context
    decision = evaluate(Request(caller.principal, need.action, need.resource, context), policies)
    if service == "kms" and not decision.allowed and not decision.explicit:
        return grants.granted(caller, need, context, owner, scope) or decision
    return decision


def keys(authority: "Authority", caller: Caller, need: Need, scope: Scope, owner: str) -> Mapping[str, Any]:
    """Every condition key of the request, in lower case. A key of the need itself wins.

    A service that calls in a role's or its own name calls over TLS, from no address of the caller's.
    """
    context: dict[str, Any] = {
        "aws:securetransport": "true",
        "aws:requestedregion": scope.region,
        "aws:resourceaccount": owner or caller.principal.account or scope.account,
        **time_keys(authority.audit.clock.now()),
        **caller.keys,
    }
    context["s3:resourceaccount"] = context["aws:resourceaccount"]
    return context | {key.lower(): value for key, value in need.context.items() if value is not None}


def _tag_keys(authority: "Authority", need: Need) -> dict[str, Any]:
    """aws:ResourceTag/… and the service's own; looked up only for policies that ask."""
    service = need.action.partition(":")[0]
    tags = _tags(authority, need.resource).items()
    return {f"{prefix}:resourcetag/{name}".lower(): value for name, value in tags for prefix in ("aws", service)}


def _tags(authority: "Authority", arn: str) -> Mapping[str, str]:
    if arn.startswith("arn:aws:sagemaker:"):
        return authority.tags(arn)
    from ministack.services.tagging import resource_tags

    if arn.startswith("arn:aws:iam:"):
        return _identity_tags(arn)
    return dict(resource_tags(arn.partition(":log-stream:")[0]) or {})


def _identity_tags(arn: str) -> Mapping[str, str]:
    from ministack.services import iam

    account, kind, name = arn.split(":")[4], arn.split(":")[5].partition("/")[0], arn.rsplit("/", 1)[-1]
    store = {"role": iam._roles, "user": iam._users}.get(kind)
    record = (store.get_scoped(account, None, name) if store is not None else None) or {}
    return {tag["Key"]: tag["Value"] for tag in record.get("Tags") or []}
