"""Time limits of tasks and executions, on cloud time with a floor of wall time where real processes work."""

import threading
import time
from collections.abc import Callable
from typing import Any

from rehearsal.asl.errors import TIMEOUT, StatesError
from rehearsal.asl.frames import Stop
from rehearsal.clock import Clock

# A fast clock does not end real work: no limit strikes a process before this much of the wall (or the limit itself).
WALL_FLOOR_SECONDS = 60.0
LOOK_SECONDS = 0.05


class Deadline:
    """`seconds` of cloud time after `began` (epoch seconds of cloud time); for ever if `seconds` is None."""

    def __init__(self, clock: Clock, seconds: float | None, began: float | None = None, *, real_work: bool) -> None:
        self._clock, self.seconds = clock, seconds
        self._began = clock.now() if began is None else began
        self._wall = time.monotonic()
        self._floor = min(seconds, WALL_FLOOR_SECONDS) if real_work and seconds is not None else 0.0

    @property
    def over(self) -> bool:
        """Past on cloud time and, for real work, past the floor on the wall."""
        if self.seconds is None:
            return False
        return self._clock.now() - self._began >= self.seconds and time.monotonic() - self._wall >= self._floor

    def check(self) -> None:
        """Raise States.Timeout if it is over."""
        if self.over:
            raise StatesError(TIMEOUT, f"Task timed out after {self.seconds:g} seconds" if self.seconds else "")


def bounded(
    function: Callable[[], Any], deadline: Deadline, stop: Stop, spawn: Callable[[Callable[[], None]], None]
) -> Any:
    """The function's result; States.Timeout or CancelledError if that comes first: the function is left alone then."""
    if deadline.seconds is None:
        stop.check()
        result = function()
        stop.check()
        return result
    came = threading.Event()
    outcome: list[Any] = []

    def run() -> None:
        try:
            outcome.append((function(), None))
        except Exception as error:  # carried to the thread that waits
            outcome.append((None, error))
        came.set()

    spawn(run)
    while not came.wait(LOOK_SECONDS):
        stop.check()
        deadline.check()
    stop.check()
    result, error = outcome[0]
    if error is not None:
        raise error
    return result
