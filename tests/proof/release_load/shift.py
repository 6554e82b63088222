"""A release, or a way back, under load: what every request became, step by step, with a worker killed in each phase."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from statistics import quantiles
from typing import Any

from release_load.client import Load, Seen
from release_load.endpoint import LOOK_SECONDS, Ended, Endpoint, until
from release_load.phases import Phase, phases

WARM_SECONDS, STEADY_SECONDS = 1.0, 15.0
"""Of the wall: connections are opened, then the latency without a release is measured, while the endpoint is looked at
as often as in the shift: these looks share the machine with the requests."""
HELD_SECONDS = 1.0
"""Of the wall, in which the process that replaces a killed one starts and takes processor from all others: so it does
in the steady stretch, which has no kill."""
EDGE_SECONDS = 0.25
"""Of the wall, around the moment in which a step was seen to begin: whose step a request there was is not known."""


@dataclass
class Shift:
    """`why`: of an end that is no release. `dropped`: failures that no version is to blame for; `wrong`: answers that
    are not their version's. `splits`: (asked, measured, answers) of each step but the whole; `shares`: asked of every
    step.
    Latencies are of the 99th percentile: before the release, while new instances start, from the first step to the end
    of the last, and of that what no kill held up."""

    what: str
    strategy: str
    outcome: str
    why: str = ""
    requests: int = 0
    blamed: int = 0
    dropped: int = 0
    wrong: int = 0
    steady_milliseconds: float = 0.0
    start_milliseconds: float = 0.0
    shift_milliseconds: float = 0.0
    calm_milliseconds: float = 0.0
    seconds: float = 0.0
    shares: tuple[float, ...] = ()
    kills: list[str] = field(default_factory=list)
    splits: list[tuple[float, float, int]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """JSON."""
        return asdict(self)


def shift(
    endpoint: Endpoint,
    what: str,
    start: Callable[[], str],
    version: int,
    *,
    rate: float,
    requests: int,
    steady_seconds: float = STEADY_SECONDS,
) -> Shift:
    """Load, a quiet stretch, a kill; `start` (gives the execution); a kill in each step; one more after the end; and
    load until there were so many requests."""
    killed: list[Kill] = []
    with Load(endpoint.cloud, endpoint.name, rate=rate, connections=32) as load:
        quiet = time.monotonic() + WARM_SECONDS + steady_seconds
        while time.monotonic() < quiet:
            endpoint.describe()
            time.sleep(LOOK_SECONDS)
        old = next(iter(endpoint.servers().values()))
        _kill(endpoint, old, "steady", killed)
        started = time.monotonic()
        arn = start()
        steps = list(phases(endpoint, arn, lambda step, fleet: _kill(endpoint, fleet, step.name, killed)))
        ended = endpoint.end_of(arn)
        _kill(endpoint, None, "after", killed)
        until(lambda: len(load.seen) >= requests, f"{requests} requests", 300)
    outcome, errors = _outcome(ended), load.seen.errors[:5]
    found = Shift(what, endpoint.strategy.value, outcome, ended.cause, kills=[k.where for k in killed], errors=errors)
    _count(found, load.seen, (quiet - steady_seconds, quiet), started, steps, killed)
    found.shares = tuple(one.step.share for one in steps)
    found.splits = [_split(load.seen, one, version) for one in steps if one.step.share < 1]
    return found


@dataclass(frozen=True)
class Kill:
    """In a phase; from its moment until another process of the instance runs, or its fleet was ended (monotonic)."""

    where: str
    at: float
    over: float

    def held(self, sent: float) -> bool:
        """Whether a request may have been held up."""
        return self.at - EDGE_SECONDS <= sent <= self.over + HELD_SECONDS


def _kill(endpoint: Endpoint, fleet: str | None, where: str, killed: list[Kill]) -> None:
    """One serving process; then its instance serves again, or its fleet was ended meanwhile."""
    before, at = set(endpoint.servers()), time.monotonic()
    if not endpoint.kill_one(fleet):
        return

    def over() -> bool:
        now = endpoint.servers()
        return bool(set(now) - before) or (fleet is not None and fleet not in now.values())

    until(over, "another process of the instance")
    killed.append(Kill(where, at, time.monotonic()))


def _outcome(ended: Ended) -> str:
    return "rolled_back" if ended.error == "ReleaseRolledBack" else str(ended.output.get("outcome", ended.error))


def _count(
    found: Shift, seen: Seen, quiet: tuple[float, float], started: float, steps: list[Phase], killed: list[Kill]
) -> None:
    every = range(len(seen))
    found.requests, found.blamed = len(seen), sum(seen.blamed)
    found.dropped = sum(1 for n in every if seen.status[n] != 200 and not seen.blamed[n])
    found.wrong = sum(1 for n in every if seen.status[n] == 200 and not seen.good[n])
    steady = [seen.took[n] for n in every if quiet[0] <= seen.sent[n] < quiet[1]]
    found.steady_milliseconds = _p99(steady)
    if steps:
        first, last = steps[0].began, steps[-1].ended
        found.start_milliseconds = _p99([seen.took[n] for n in every if started <= seen.sent[n] < first])
        shifting = [n for n in every if first <= seen.sent[n] <= last]
        found.shift_milliseconds = _p99([seen.took[n] for n in shifting])
        calm = [n for n in shifting if not any(kill.held(seen.sent[n]) for kill in killed)]
        found.calm_milliseconds = _p99([seen.took[n] for n in calm])
        found.seconds = round(last - first, 1)


def _p99(values: list[float]) -> float:
    return round(quantiles(values, n=100)[-1], 2) if len(values) > 100 else 0.0


def _split(seen: Seen, phase: Phase, version: int) -> tuple[float, float, int]:
    began, ended = phase.began + EDGE_SECONDS, phase.ended - EDGE_SECONDS
    of = [seen.version[n] for n in range(len(seen)) if began <= seen.sent[n] <= ended and seen.status[n] == 200]
    share = sum(1 for v in of if v == version) / len(of) if of else 0.0
    return phase.step.share, round(share, 4), len(of)
