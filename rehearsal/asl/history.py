"""The events of one execution (https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html)."""

import threading
from typing import Any

from rehearsal.asl.errors import RUNTIME, StatesError
from rehearsal.asl.values import HISTORY_EVENTS
from rehearsal.clock import Clock

INCLUDED = {"truncated": False}


class History:
    """Numbers and keeps events. The last event that fits is the one that says why the execution ended."""

    def __init__(self, events: list[dict[str, Any]], clock: Clock, lock: threading.RLock, limit: int | None) -> None:
        self.events = events
        self._clock, self._lock, self._limit = clock, lock, limit
        self._full = False

    def add(self, kind: str, previous: int, *, last: bool = False, **details: Any) -> int:
        """Write an event down and return its id. Raises States.Runtime once, when the history is full."""
        with self._lock:
            count = len(self.events)
            if not last and self._limit is not None and count >= self._limit - 1:
                return self._overflow()
            event = {"timestamp": self._clock.now(), "type": kind, "id": count + 1, "previousEventId": previous}
            event.update({key: value for key, value in details.items() if value is not None})
            self.events.append(event)
            return count + 1

    def fill(self) -> None:
        """Behave from now on as if the last event but one had been written (fault D05)."""
        with self._lock:
            self._limit = len(self.events) + 1

    def _overflow(self) -> int:
        if self._full:
            return len(self.events)
        self._full = True
        raise StatesError(RUNTIME, f"The execution reached the maximum number of history events ({HISTORY_EVENTS}).")
