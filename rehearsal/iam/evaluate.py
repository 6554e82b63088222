"""The decision ("Policy evaluation logic" and "Cross-account policy evaluation logic" of the IAM User Guide).

Service control and resource control policies are not modelled: the emulator has no organisation with members.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rehearsal.iam.policy import Policy, Statement
from rehearsal.iam.principal import Grant, Principal

IDENTITY, BOUNDARY, SESSION, RESOURCE = (
    "identity-based policy",
    "permissions boundary",
    "session policy",
    "resource-based policy",
)


@dataclass(frozen=True)
class Source:
    """A policy and where it comes from: the name an operator would look for."""

    name: str
    policy: Policy


@dataclass(frozen=True)
class Request:
    """One question. `context` has condition keys in lower case; values are text, booleans, numbers or lists of text."""

    principal: Principal
    action: str
    resource: str
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Policies:
    """All that apply. None means there is no such policy; an empty session or boundary allows nothing.

    `owner` is the account of the resource; "" if it has none, which is the caller's own. A resource that is `closed`
    (a KMS key, a role's trust policy) is opened by its own policy only.
    """

    identity: Sequence[Source] = ()
    boundary: Sequence[Source] | None = None
    session: Sequence[Source] | None = None
    resource: Source | None = None
    owner: str = ""
    closed: bool = False


@dataclass(frozen=True)
class Decision:
    """What came of it. `kind` is the type of policy that decided, `policy` and `statement` which one."""

    allowed: bool
    explicit: bool
    kind: str
    policy: str = ""
    statement: str = ""

    @property
    def reason(self) -> str:
        """In the words of an access denied message ("Troubleshoot access denied error messages")."""
        if self.allowed:
            return f"allowed by a {self.kind}"
        article = "an" if self.kind[0] in "aeiou" else "a"
        return f"with an explicit deny in {article} {self.kind}" if self.explicit else f"because no {self.kind} allows"


ROOT = Decision(allowed=True, explicit=True, kind="account root user", policy="root")


def evaluate(request: Request, policies: Policies) -> Decision:
    """Explicit denials first, then what is allowed; nothing said is a denial."""
    action, principal = request.action.lower(), request.principal
    denied = _denied(action, request, policies)
    if denied is not None:
        return denied
    own = policies.owner in ("", principal.account)
    grant, by_resource = _granted(action, request, policies)
    if principal.kind in ("AWSService", "WebIdentity", "Anonymous"):
        return by_resource or Decision(False, False, RESOURCE)
    identity = ROOT if principal.kind == "Account" else _allow(policies.identity, action, request)
    limit = _limit(action, request, policies)
    if own and by_resource is not None and (grant is Grant.DIRECT or (grant is Grant.IDENTITY and limit is None)):
        return by_resource
    if identity is not None and limit is None and (by_resource is not None or (own and not policies.closed)):
        return identity  # another account's resource, or a closed one, has allowed as well
    if identity is not None:
        return limit or Decision(False, False, RESOURCE)
    # A closed resource that names nobody is what the service tells of.
    return Decision(False, False, RESOURCE if own and policies.closed and by_resource is None else IDENTITY)


def _denied(action: str, request: Request, policies: Policies) -> Decision | None:
    for kind, sources in (
        (IDENTITY, policies.identity),
        (BOUNDARY, policies.boundary or ()),
        (SESSION, policies.session or ()),
    ):
        found = _first(sources, action, request, deny=True)
        if found is not None:
            return Decision(False, True, kind, found[0].name, found[1].label)
    if policies.resource is not None:
        for statement in policies.resource.policy.for_action(action)[0]:
            if statement.grant(request.principal) and statement.applies(request.resource, request.context):
                return Decision(False, True, RESOURCE, policies.resource.name, statement.label)
    return None


def _granted(action: str, request: Request, policies: Policies) -> tuple[Grant, Decision | None]:
    """The closest grant of the resource's own policy."""
    best, decision = Grant.NONE, None
    if policies.resource is not None:
        for statement in policies.resource.policy.for_action(action)[1]:
            grant = statement.grant(request.principal)
            if grant > best and statement.applies(request.resource, request.context):
                best, decision = grant, Decision(True, True, RESOURCE, policies.resource.name, statement.label)
    return best, decision


def _allow(sources: Iterable[Source], action: str, request: Request) -> Decision | None:
    found = _first(sources, action, request, deny=False)
    return None if found is None else Decision(True, True, IDENTITY, found[0].name, found[1].label)


def _limit(action: str, request: Request, policies: Policies) -> Decision | None:
    """The ceiling that does not allow, if any."""
    for kind, sources in ((BOUNDARY, policies.boundary), (SESSION, policies.session)):
        if sources is not None and _first(sources, action, request, deny=False) is None:
            return Decision(False, False, kind)
    return None


def _first(sources: Iterable[Source], action: str, request: Request, *, deny: bool) -> tuple[Source, Statement] | None:
    place = 0 if deny else 1
    for source in sources:
        for statement in source.policy.for_action(action)[place]:
            if statement.applies(request.resource, request.context):
                return source, statement
    return None
