"""Look whether the account has room for a release at its peak."""

from collections import Counter
from collections.abc import Iterable

from slipway_lambda.check_preflight.room import Room, demand_room, held, more, quota_name
from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.ports.occupancy import Described, Occupancy
from slipway_lambda.ports.quotas import Quotas, QuotasUnreadableError

MOST_ENDPOINTS = 200
"""Whose use is counted, two calls each: in an account with more, what the others use is a lower bound."""


def check_quota(spec: ReleaseSpec, config: str, quotas: Quotas, fleets: Occupancy) -> str:
    """What was found, in words, for the record. Raises PreflightRefusedError where the quota is known to be too small.

    A quota that cannot be read, or is not listed, keeps nothing back: it says nothing of the version's health, and
    SageMaker itself refuses an update beyond it before anything is touched: see
    docs/decisions/0022-an-unread-quota-keeps-nothing-back.md.
    """
    try:
        described = list(fleets.described(MOST_ENDPOINTS))
        if any(e["EndpointName"] == spec.endpoint and e.get("EndpointConfigName") == config for e, _ in described):
            return "It is on the endpoint already, and takes no instance."
        found = [_room(spec, kind, described, quotas) for kind in spec.instance_types]
    except QuotasUnreadableError as error:
        return f"Not checked. {error.cause}"
    known = [room for room in found if room]
    missing = {quota_name(kind) for kind in spec.instance_types} - {room.quota.name for room in known}
    unlisted = [f"no quota '{name}' is listed" for name in sorted(missing)]
    words = [*demand_room(known), *unlisted]
    return f"{'; '.join(words)}." if words else "It takes no instance."


def _room(spec: ReleaseSpec, kind: str, described: Iterable[Described], quotas: Quotas) -> Room | None:
    quota = quotas.find(quota_name(kind))
    if quota is None:
        return None
    now, others = Counter[str](), Counter[str]()
    for endpoint, config in described:
        (now if endpoint["EndpointName"] == spec.endpoint else others).update(held(endpoint, config))
    return Room(spec.endpoint, kind, now[kind], more(spec, now[kind]), others[kind], quota)
