"""The runs under load: a release by each strategy, an operator's way back, and an alarm's."""

from collections.abc import Iterator

from release_load.endpoint import Endpoint, until
from release_load.phases import in_trial
from release_load.rig import FAST, Rig
from release_load.shift import STEADY_SECONDS, Shift, shift
from slipway.config.rollout import TRIALS

RELEASE_SPEED, ROLLBACK_SPEED, ALARM_SPEED = 8.0, 24.0, 8.0


def releases(
    rig: Rig,
    *,
    rate: float,
    requests: int,
    one_by_one: bool,
    speed: float = RELEASE_SPEED,
    steady_seconds: float = STEADY_SECONDS,
) -> Iterator[Shift]:
    """A release by each strategy; one by one latencies can be compared. The new version is the champion afterwards."""
    rig.calm()
    rig.speed(speed)

    def one(endpoint: Endpoint) -> Shift:
        if one_by_one:
            rig.calm()
        version = endpoint.registry.register()
        done = shift(
            endpoint,
            "release",
            lambda: endpoint.release(version),
            version,
            rate=rate,
            requests=requests,
            steady_seconds=steady_seconds,
        )
        rig.champions[endpoint.strategy] = version
        return done

    yield from map(one, rig.endpoints.values()) if one_by_one else rig.side_by_side(one).values()


def ways_back(rig: Rig, *, rate: float, requests: int) -> Iterator[Shift]:
    """An operator's, to the version before."""
    rig.calm()
    rig.speed(FAST)
    first = dict(rig.champions)
    rig.side_by_side(_forward)
    rig.speed(ROLLBACK_SPEED)

    def one(endpoint: Endpoint) -> Shift:
        rig.calm()
        to = first[endpoint.strategy]
        return shift(endpoint, "operator", lambda: endpoint.roll_back(to), to, rate=rate, requests=requests)

    yield from map(one, rig.endpoints.values())


def _forward(endpoint: Endpoint) -> None:
    """A trial is cut short: nothing asks these endpoints, and it would wait for its requests."""
    arn = endpoint.release(endpoint.registry.register())
    if endpoint.strategy in TRIALS:
        until(lambda: in_trial(endpoint.describe()) or endpoint.ended(arn), "the trial")
        endpoint.promote()
    ended = endpoint.end_of(arn)
    assert ended.status == "SUCCEEDED", ended


def alarms(rig: Rig, *, rate: float, requests: int) -> Iterator[Shift]:
    """An alarm's: the new version fails a third of what it is asked."""
    rig.speed(ALARM_SPEED)

    def one(endpoint: Endpoint) -> Shift:
        rig.calm()
        version = endpoint.registry.register("error_share")
        return shift(endpoint, "alarm", lambda: endpoint.release(version), version, rate=rate, requests=requests)

    yield from map(one, rig.endpoints.values())
