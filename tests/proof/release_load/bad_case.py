"""One bad version against one endpoint under traffic, measured from outside."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from release_load.badness import Case
from release_load.client import Load
from release_load.endpoint import LOOK_SECONDS, Ended, Endpoint
from release_load.phases import SETTLED, in_trial, taken
from release_load.rig import Rig
from release_load.strategies import PERIOD_SECONDS

RATE = 60.0
AFTER_SECONDS = 0.5
WAIT_SECONDS = 200.0
"""Of the wall, until a version that is not rolled back counts as released."""


def run(rig: Rig, endpoint: Endpoint, kind: str, meet: Callable[[], None]) -> Case:
    """`meet` is called once the champion is back (or will not be): the clock may go fast from then on."""
    champion = endpoint.describe()["EndpointConfigName"]
    version, since = endpoint.registry.register(kind), rig.cloud_time(time.monotonic())
    try:
        with Load(rig.cloud, endpoint.name, rate=RATE, connections=128) as load:
            arn = endpoint.release(version)
            back = _back(endpoint, arn, champion)
            time.sleep(AFTER_SECONDS)
    finally:
        meet()
    ended = endpoint.end_of(arn)
    case = Case(kind, endpoint.strategy.value, _outcome(ended), ended.cause[:300])
    _count(case, load, version, back, rig.objectives.latency_milliseconds)
    _time(case, rig, endpoint, since, back)
    if endpoint.describe()["EndpointConfigName"] != champion:  # so that the next case begins as this one did
        case.outcome = "released"
        endpoint.end_of(endpoint.roll_back(rig.champions[endpoint.strategy]))
    return case


def _back(endpoint: Endpoint, arn: str, champion: str) -> float | None:
    """When (monotonic) the endpoint was seen to answer by the champion alone, after it had been changing: InService on
    its config; or in a trial, whose way back takes a fleet to start, with no share left to the challenger."""
    changed, deadline = False, time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = endpoint.describe()
        at = time.monotonic()
        settled = found["EndpointStatus"] in SETTLED
        changed = changed or not settled
        if changed and settled and taken(found):
            return at
        if changed and settled and not in_trial(found):
            return at if found["EndpointConfigName"] == champion else None
        if not changed and endpoint.ended(arn):
            return None
        time.sleep(LOOK_SECONDS)
    return None


def _outcome(ended: Ended) -> str:
    names = {"ReleaseRolledBack": "rolled_back", "ReleaseRefused": "refused", "ReleaseHalted": "halted"}
    return names.get(ended.error, str(ended.output.get("outcome", ended.error or ended.status)))


def _count(case: Case, load: Load, version: int, back: float | None, slow: int) -> None:
    seen = load.seen
    bad = [not seen.good[n] or (seen.version[n] == version and seen.took[n] > slow) for n in range(len(seen))]
    case.requests = len(seen)
    case.champion_wrong = sum(
        1 for n in range(len(seen)) if seen.status[n] == 200 and seen.version[n] != version and not seen.good[n]
    )
    touched = [seen.sent[n] for n in range(len(seen)) if bad[n] or seen.version[n] == version]
    if not touched:
        return
    first, last = min(touched), back or max(seen.sent)
    case.answers = sum(1 for at in seen.sent if first <= at <= last)
    case.bad = sum(1 for n, at in enumerate(seen.sent) if bad[n] and at <= last)
    case.late_bad = sum(1 for n, at in enumerate(seen.sent) if bad[n] and at > last)
    case.first_bad_at = min((at for n, at in enumerate(seen.sent) if bad[n]), default=None)


def _time(case: Case, rig: Rig, endpoint: Endpoint, since: float, back: float | None) -> None:
    if back is None:
        return
    live = rig.cloud_time(back)
    if case.first_bad_at is not None:
        case.seconds_from_first_bad = round(live - rig.cloud_time(case.first_bad_at), 1)
    if raised := endpoint.raised(since):
        case.alarm = raised[0]["metric"]
        first, last = breaches(raised[0])
        case.seconds_from_breach, case.seconds_between = round(live - first, 1), last - first


def breaches(raised: dict[str, Any]) -> tuple[float, float]:
    """When the first and the last period in breach were over, or the alarm was raised if that was earlier: nobody could
    have seen it before. Cloud time, epoch seconds."""
    data = raised["data"]
    ends = [
        datetime.strptime(p["timestamp"], "%Y-%m-%dT%H:%M:%S.%f%z").timestamp() + PERIOD_SECONDS
        for p in data["evaluatedDatapoints"]
        if p["value"] > data["threshold"]
    ]
    at = float(raised["at"])
    return min([at, *ends]), min(at, max([at, *ends]))
