"""The emulator's users, roles and sessions as callers with their policies, each by the name an operator knows."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam, sts

from rehearsal.iam import servicelinked
from rehearsal.iam.context import delivery_keys, principal_keys
from rehearsal.iam.evaluate import Source
from rehearsal.iam.policy import MalformedPolicyError, Policy, compiled
from rehearsal.iam.principal import Principal

_log = logging.getLogger("slipway.iam")
_NOTHING = Policy(())


@dataclass(frozen=True)
class Caller:
    """Who asks, and every policy attached to who asks."""

    principal: Principal
    identity: list[Source] = field(default_factory=list)
    boundary: list[Source] | None = None
    session: list[Source] | None = None
    keys: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """ARN, or the service principal, or `anonymous`."""
        return self.principal.arn or self.principal.service or self.principal.provider or "anonymous"


def of_credential(credential: Any) -> Caller:
    """The owner of an access key that the emulator has authenticated."""
    account, session = credential.account_id, sts._sessions.get(credential.access_key_id) or {}
    times: dict[str, Any] = {}
    if session:
        times["aws:multifactorauthpresent"] = "false"
        if isinstance(session.get("IssuedAt"), int | float):
            times["aws:tokenissuetime"] = datetime.fromtimestamp(session["IssuedAt"], UTC).strftime(
                "%Y-%m-%dT%H:%M:%SZ"
            )
    limits = _session_policies(session, account)
    tags = {tag["Key"]: tag["Value"] for tag in session.get("SessionTags") or []}
    kind = credential.principal_type
    if kind == "Root":
        principal = Principal("Account", credential.principal_arn, account)
        return Caller(principal, keys=principal_keys(principal))
    if kind == "User":
        name = credential.principal_name
        return _entity(
            Principal("User", credential.principal_arn, account),
            iam._users.get_scoped(account, None, name) or {},
            _user_policies(name, account),
            limits,
            credential.principal_id,
            tags,
            times,
        )
    if kind == "AssumedRole":
        role = iam_evaluator._role_name_from_assumed_arn(credential.principal_arn)
        return _role(role, account, credential.principal_arn, limits, credential.principal_id, tags, times)
    user = session.get("PrincipalName")
    issuer = f"arn:aws:iam::{account}:user/{user}" if user else f"arn:aws:iam::{account}:root"
    everything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    policies = _user_policies(user, account) if user else [Source("root", compiled(everything))]
    return _entity(
        Principal("FederatedUser", credential.principal_arn, account, issuer),
        iam._users.get_scoped(account, None, user or "") or {},
        policies,
        limits,
        credential.principal_id,
        tags,
        times,
    )


def of_role(role_arn: str, session: str) -> Caller:
    """A service that works in a role's name."""
    account, name = role_arn.split(":")[4], role_arn.rsplit("/", 1)[-1]
    return _role(name, account, f"arn:aws:sts::{account}:assumed-role/{name}/{session}", None, "", {}, {}, role_arn)


def of_arn(arn: str) -> Caller:
    """Who stands behind an ARN alone: no session policies and no session tags are known."""
    account = arn.split(":")[4] if arn.count(":") >= 5 else ""
    if ":assumed-role/" in arn:
        return _role(iam_evaluator._role_name_from_assumed_arn(arn), account, arn, None, "", {}, {})
    if ":user/" in arn:
        name = arn.rsplit("/", 1)[-1]
        user = iam._users.get_scoped(account, None, name) or {}
        principal = Principal("User", arn, account)
        return _entity(principal, user, _user_policies(name, account), None, user.get("UserId", ""), {}, {})
    principal = Principal("Account", arn, account) if account else Principal("Anonymous")
    return Caller(principal, keys=principal_keys(principal))


def of_service(service: str, source_arn: str = "", source_account: str = "") -> Caller:
    """A service that calls in its own name, on behalf of a resource."""
    principal = Principal("AWSService", service=service)
    keys = principal_keys(principal)
    return Caller(principal, keys=keys | (delivery_keys(source_arn, source_account) if source_arn else {}))


def _role(  # noqa: PLR0917  # the parts of a session
    name: str,
    account: str,
    session_arn: str,
    limits: list[Source] | None,
    user_id: str,
    tags: Mapping[str, str],
    more: Mapping[str, Any],
    role_arn: str = "",
) -> Caller:
    role = iam._roles.get_scoped(account, None, name) or {}
    arn = str(role.get("Arn") or role_arn or f"arn:aws:iam::{account}:role/{name}")
    principal = Principal("AssumedRole", session_arn, account, arn)
    identity = _attached(role, account) or servicelinked.policies(name)
    user_id = user_id or f"{role.get('RoleId', name)}:{session_arn.rsplit('/', 1)[-1]}"
    return _entity(principal, role, identity, limits, user_id, tags, more)


def _entity(  # noqa: PLR0917  # the parts of a caller
    principal: Principal,
    record: Mapping[str, Any],
    identity: list[Source],
    limits: list[Source] | None,
    user_id: str,
    session_tags: Mapping[str, str],
    more: Mapping[str, Any],
) -> Caller:
    tags = {tag["Key"]: tag["Value"] for tag in record.get("Tags") or []} | dict(session_tags)
    boundary = record.get("PermissionsBoundary")
    ceiling = [_managed(boundary, principal.account)] if boundary else None
    keys = {**principal_keys(principal, user_id, tags), **more}
    if organisation := iam_evaluator._principal_org_id(principal.account):
        keys["aws:principalorgid"] = organisation
    return Caller(principal, identity, ceiling, limits, keys)


def _user_policies(name: str, account: str) -> list[Source]:
    user = iam._users.get_scoped(account, None, name) or {}
    found = _inline(iam._user_inline_policies.get_scoped(account, None, name) or {})
    found += [_managed(arn, account) for arn in user.get("AttachedPolicies", [])]
    for (owner, group_name), group in list(iam._groups.to_dict().items()):
        if owner == account and name in group.get("Users", []):
            found += _inline(iam._group_inline_policies.get_scoped(account, None, group_name) or {})
            found += [_managed(arn, account) for arn in group.get("AttachedPolicies", [])]
    return found


def _attached(role: Mapping[str, Any], account: str) -> list[Source]:
    found = _inline(role.get("InlinePolicies") or {})
    return found + [_managed(arn, account) for arn in role.get("AttachedPolicies", [])]


def _inline(documents: Mapping[str, Any]) -> list[Source]:
    return [_source(name, document) for name, document in documents.items()]


def _managed(arn: str, account: str) -> Source:
    return _source(arn, iam_evaluator._resolve_managed_policy_document(arn, account))


def _session_policies(session: Mapping[str, Any], account: str) -> list[Source] | None:
    passed = session.get("SessionPolicies")
    if passed is None:
        return None
    inline = [_source("session policy", passed["Policy"])] if passed.get("Policy") else []
    return inline + [_managed(arn, account) for arn in passed.get("PolicyArns", [])]


def _source(name: str, document: Any) -> Source:
    """A document that cannot be read grants nothing; that it is there at all is told of."""
    try:
        return Source(name, compiled(document) if document else _NOTHING)
    except MalformedPolicyError as error:
        _log.error("policy %s grants nothing: %s", name, error)
        return Source(name, _NOTHING)


def named(sources: Iterable[tuple[str, Any]]) -> list[Source]:
    """Documents as policies."""
    return [_source(name, document) for name, document in sources]
