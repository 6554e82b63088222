"""Several lines of control side by side: branches and iterations."""

import threading
from collections.abc import Callable, Iterable, Iterator

from rehearsal.asl.errors import RUNTIME, CancelledError, StatesError
from rehearsal.asl.line import Line

LOOK_SECONDS = 0.1


class FanOut:
    """Runs `work(number)` for every number, `workers` at a time.

    `wait` returns when all are done, and raises the first error as soon as there is one: the others are not waited
    for. Whoever catches it ends them.
    """

    def __init__(self, line: Line, numbers: Iterable[int], workers: int, work: Callable[[int], None]) -> None:
        self._line, self._work = line, work
        self._numbers: Iterator[int] = iter(numbers)
        self._changed = threading.Condition()
        self._working = workers
        self._error: StatesError | None = None
        for _ in range(workers):
            line.spawn(self._loop)

    def _loop(self) -> None:
        try:
            while (number := self._next()) is not None:
                self._work(number)
        except CancelledError:
            pass
        except StatesError as error:
            self._fail(error)
        except Exception as error:  # a defect of ours must end the state, not hang it
            self._fail(StatesError(RUNTIME, f"internal error: {type(error).__name__}: {error}"))
        with self._changed:
            self._working -= 1
            self._changed.notify_all()

    def _next(self) -> int | None:
        with self._changed:
            return None if self._error else next(self._numbers, None)

    def _fail(self, error: StatesError) -> None:
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    def wait(self) -> None:
        """See the class. Raises CancelledError if the line that waits is stopped."""
        with self._changed:
            while self._working and self._error is None:
                self._line.stop.check()
                self._changed.wait(LOOK_SECONDS)
            self._line.stop.check()
            if self._error is not None:
                raise self._error
