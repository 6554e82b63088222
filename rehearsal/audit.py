"""Every IAM decision of the embedded cloud: who asked for what on which resource, and what came of it."""

import json
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rehearsal.clock import Clock

KEPT_IN_MEMORY = 20_000


class Audit:
    """A bounded memory of decisions and a complete JSON-lines file. Counts are exact whatever the memory drops.

    A disk that is full stops the file, never the cloud: `file_error` then says so.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: deque[dict[str, Any]] = deque(maxlen=KEPT_IN_MEMORY)
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self.allowed = 0
        self.denied = 0
        self.file_error: str | None = None

    def record(self, principal: str, action: str, resource: str, *, allowed: bool) -> None:
        """Note one decision at the present cloud time."""
        call = {
            "principal": principal,
            "action": action,
            "resource": resource,
            "decision": "allowed" if allowed else "denied",
            "time": self._clock.datetime().isoformat(),
        }
        with self._lock:
            self.allowed += allowed
            self.denied += not allowed
            self._calls.append(call)
            try:
                self._file.write(json.dumps(call) + "\n")
            except (OSError, ValueError) as error:
                self.file_error = str(error)

    def summary(self, *, with_calls: bool = True) -> dict[str, Any]:
        """{"enforced", "allowed", "denied", "calls"}; calls are the newest that the memory holds, oldest first."""
        with self._lock:
            calls: Sequence[dict[str, Any]] = list(self._calls) if with_calls else []
            return {
                "enforced": True,
                "allowed": self.allowed,
                "denied": self.denied,
                "file_error": self.file_error,
                "calls": calls,
            }

    def close(self) -> None:
        """Finish the file."""
        with self._lock:
            self._file.close()
