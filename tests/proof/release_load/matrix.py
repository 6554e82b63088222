"""Kinds of bad model, one after another, each on every endpoint at once."""

import json
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from release_load.bad_case import run
from release_load.badness import Case
from release_load.endpoint import Endpoint
from release_load.rig import FAST, Rig

SPEED = 1.0
"""Cloud seconds in one of the wall while a case is measured: what handlers and machine take is of the wall."""
SAMPLE_SPEED = 10.0


def cases(rig: Rig, kinds: Sequence[str], speed: float = SPEED, *, again: bool) -> Iterator[Case]:
    """In lockstep: the clock is everybody's, and goes fast when nothing is measured. With `again`, what took
    too long is measured again alone, since all endpoints share the machine's processors; both are given.
    """
    for kind in kinds:
        rig.calm()
        rig.speed(speed)
        together = threading.Barrier(len(rig.endpoints), action=lambda: rig.speed(FAST))

        def one(endpoint: Endpoint, kind: str = kind, together: threading.Barrier = together) -> Case:
            return run(rig, endpoint, kind, lambda: _meet(together))

        found = rig.side_by_side(one)
        yield from found.values()
        for strategy, case in found.items():
            if again and case.late and not case.faults:
                rig.calm()
                rig.speed(speed)
                yield run(rig, rig.endpoints[strategy], kind, lambda: rig.speed(FAST))


def _meet(together: threading.Barrier) -> None:
    together.wait(300)


def line(case: Case) -> str:
    """For people: how it ended, by which alarm, seconds of the cloud from the first breach and from the first bad
    answer until the champion was back, bad answers of all."""
    times = [
        f"{'-' if s is None else f'{s:.1f} s':>8}" for s in (case.seconds_from_breach, case.seconds_from_first_bad)
    ]
    return (
        f"{case.kind:<20} {case.strategy:<12} {case.outcome:<12} {case.alarm:<20} {times[0]} {times[1]}"
        f"   {case.bad}/{case.answers} = {case.bad_share:.1%}  {'; '.join(case.faults + case.late)}"
    )


def write(found: Sequence[Case], path: Path) -> None:
    """The table as JSON."""
    path.write_text(json.dumps([case.row() for case in found], indent=1) + "\n", encoding="utf-8")
