"""The runs under load: a release by each strategy, an operator's way back, and an alarm's."""

from collections.abc import Iterator

from release_load.endpoint import Endpoint
from release_load.rig import Rig
from release_load.shift import Shift, shift

RELEASE_SPEED, ROLLBACK_SPEED, ALARM_SPEED = 12.0, 24.0, 8.0


def releases(rig: Rig, *, rate: float, requests: int) -> Iterator[Shift]:
    """One strategy after another, so that latencies can be compared. The new version is the champion afterwards."""
    for endpoint in rig.endpoints.values():
        rig.calm()
        rig.speed(RELEASE_SPEED)
        version = endpoint.registry.register()
        yield shift(endpoint, "release", lambda: endpoint.release(version), version, rate=rate, requests=requests)  # noqa: B023
        rig.champions[endpoint.strategy] = version


def ways_back(rig: Rig, to: int, *, rate: float, requests: int) -> Iterator[Shift]:
    """An operator's, to an older version, on all endpoints at once."""
    rig.calm()
    rig.speed(ROLLBACK_SPEED)

    def one(endpoint: Endpoint) -> Shift:
        done = shift(endpoint, "operator", lambda: endpoint.roll_back(to), to, rate=rate, requests=requests)
        rig.champions[endpoint.strategy] = to
        return done

    yield from rig.side_by_side(one).values()


def alarms(rig: Rig, *, rate: float, requests: int) -> Iterator[Shift]:
    """An alarm's, on all endpoints at once: the new version fails a third of what it is asked."""
    rig.calm()
    rig.speed(ALARM_SPEED)

    def one(endpoint: Endpoint) -> Shift:
        version = endpoint.registry.register("error_share")
        return shift(endpoint, "alarm", lambda: endpoint.release(version), version, rate=rate, requests=requests)

    yield from rig.side_by_side(one).values()
