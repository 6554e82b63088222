"""Who makes a request, and what the Principal element says of them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

_ACCOUNT = re.compile(r"\d{12}")
_ROOT = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):root")


@dataclass(frozen=True)
class Principal:
    """A caller. `kind` is Account (root), User, AssumedRole, FederatedUser, AWSService, WebIdentity or Anonymous.

    `arn` is the session's for an assumed role or a federated user; `issuer_arn` is the role, path included, or the user
    that it comes from. A service has only `service`, a federated identity only `provider`.
    """

    kind: str
    arn: str = ""
    account: str = ""
    issuer_arn: str = ""
    service: str = ""
    provider: str = ""

    @property
    def identity_arn(self) -> str:
        """What aws:PrincipalArn says: for a role's session the role."""
        return self.issuer_arn if self.kind == "AssumedRole" else self.arn


class Grant(IntEnum):
    """How closely a Principal element names the caller; it decides which other policies still limit an Allow."""

    NONE = 0
    ACCOUNT = 1  # delegates to the account: its identity policies must allow too
    IDENTITY = 2  # the role of a session, the user of a federated session: its boundary and session policies limit
    DIRECT = 3  # the very user, session, service or provider, or everyone: nothing else limits


def named(element: Any, principal: Principal) -> Grant:
    """The closest way in which a Principal element names the caller. There are no partial wildcards."""
    if element == "*":
        return Grant.DIRECT
    if not isinstance(element, Mapping):
        return Grant.NONE
    best = Grant.NONE
    for kind, values in element.items():
        for value in values if isinstance(values, list) else [values]:
            best = max(best, _grant(kind, str(value), principal))
    return best


def _grant(kind: str, value: str, principal: Principal) -> Grant:
    grant = Grant.NONE
    outside = {"Service": principal.service, "Federated": principal.provider}
    if kind in outside:
        same = value == outside[kind] or (kind == "Service" and value.lower() == principal.service.lower())
        grant = Grant.DIRECT if outside[kind] and same else Grant.NONE
    elif kind == "AWS":
        if value == "*" or (principal.arn and value == principal.arn and principal.kind != "Account"):
            grant = Grant.DIRECT
        elif principal.issuer_arn and value == principal.issuer_arn:
            grant = Grant.IDENTITY
        elif principal.account and _account(value) == principal.account:
            # The root user is the account: what the account is granted, it has.
            grant = Grant.DIRECT if principal.kind == "Account" else Grant.ACCOUNT
    return grant


def excepted(element: Any, principal: Principal) -> bool:
    """Whether NotPrincipal spares the caller: the session, its role and its account must all be listed."""
    if not isinstance(element, Mapping):
        return bool(element == "*")
    listed = {
        (kind, value)
        for kind, values in element.items()
        for value in (values if isinstance(values, list) else [values])
    }
    if principal.service:
        spared = any(kind == "Service" and value.lower() == principal.service.lower() for kind, value in listed)
    elif principal.provider:
        spared = ("Federated", principal.provider) in listed
    else:
        accounts = {_account(value) for kind, value in listed if kind == "AWS"}
        chain = [] if principal.kind == "Account" else [arn for arn in (principal.arn, principal.issuer_arn) if arn]
        spared = principal.account in accounts - {""} and all(("AWS", arn) in listed for arn in chain)
    return spared or ("AWS", "*") in listed


def _account(value: str) -> str:
    if _ACCOUNT.fullmatch(value):
        return value
    match = _ROOT.fullmatch(value)
    return match[1] if match else ""
