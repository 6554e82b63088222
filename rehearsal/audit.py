"""Every call of the embedded cloud as CloudTrail would tell of it, with the decision and the statement that made it."""

import json
import random
import threading
from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

from rehearsal.clock import Clock

KEPT_IN_MEMORY = 20_000
FILE_BYTES = 64 << 20  # then audit.jsonl becomes audit.jsonl.1, and what was there before it goes
_HELD_BACK = 2000  # calls that may wait for `flush`


class Audit:
    """A bounded memory of decisions and JSON lines on disk. Counts are exact whatever either drops.

    Lines reach the disk with `flush`, which a timer calls: a call must not wait for a disk. A disk that is full stops
    the file, never the cloud: `file_error` then says so.
    """

    def __init__(self, path: Path, clock: Clock, file_bytes: int = FILE_BYTES) -> None:
        self.clock = clock
        self._path, self._file_bytes = path, file_bytes
        self._lock = threading.Lock()
        self._calls: deque[dict[str, Any]] = deque(maxlen=KEPT_IN_MEMORY)
        self._operator: deque[dict[str, Any]] = deque(maxlen=KEPT_IN_MEMORY)
        self._used: dict[str, dict[str, int]] = {}
        self._writing = threading.Lock()  # taken before _lock
        self._unwritten: list[dict[str, Any]] = []
        self._file = path.open("a", encoding="ascii")
        self._size = path.stat().st_size
        self.allowed = 0
        self.denied = 0
        self.file_error: str | None = None

    def record(
        self,
        principal: str,
        action: str,
        resource: str,
        *,
        allowed: bool,
        details: Mapping[str, Any] | None = None,
        operator: bool = False,
    ) -> None:
        """Note one decision at the present cloud time. The operator's calls are kept apart and not counted."""
        call = {
            "principal": principal,
            "action": action,
            "resource": resource,
            "decision": "allowed" if allowed else "denied",
            "time": self.clock.datetime().isoformat(),
            "eventId": _event_id(),
            **(details or {}),
        }
        with self._lock:
            if not operator:
                self.allowed += allowed
                self.denied += not allowed
                if allowed:
                    used = self._used.setdefault(entity(principal), {})
                    used[action] = used.get(action, 0) + 1
            (self._operator if operator else self._calls).append(call)
            self._unwritten.append(call)
            waits = len(self._unwritten) < _HELD_BACK and not self._file.closed
        if not waits:
            self.flush()

    def flush(self) -> None:
        """Write down what is not on disk yet."""
        with self._writing:
            with self._lock:
                calls, self._unwritten = self._unwritten, []
            if not calls:
                return
            try:
                for call in calls:
                    self._write(json.dumps(call) + "\n")
                self._file.flush()
            except (OSError, ValueError) as error:
                self.file_error = str(error)

    def _write(self, line: str) -> None:
        if self._size + len(line) > self._file_bytes:
            self._file.close()
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._file, self._size = self._path.open("a", encoding="ascii"), 0
        self._file.write(line)
        self._size += len(line)

    def summary(self, *, with_calls: bool = True) -> dict[str, Any]:
        """{"enforced", "allowed", "denied", "calls"}; calls are the newest that the memory holds, oldest first.

        The operator's are not among them: see `calls`.
        """
        with self._lock:
            return {
                "enforced": True,
                "allowed": self.allowed,
                "denied": self.denied,
                "file_error": self.file_error,
                "calls": list(self._calls) if with_calls else [],
            }

    def calls(
        self, *, principal: str = "", action: str = "", decision: str = "", operator: bool = False, last: int = 0
    ) -> list[dict[str, Any]]:
        """Calls, oldest first, whose principal and action hold these texts and whose decision is this one.

        `operator` adds the account root's; `last` keeps only so many of the newest.
        """
        with self._lock:
            held = [*self._calls, *self._operator] if operator else list(self._calls)
        held.sort(key=lambda call: call["time"])
        matching: Callable[[dict[str, Any]], bool] = lambda call: (  # noqa: E731
            principal in call["principal"]
            and action.lower() in call["action"].lower()
            and decision in ("", call["decision"])
        )
        found = [call for call in held if matching(call)]
        return list(islice(found, max(0, len(found) - last), None)) if last else found

    def used(self) -> dict[str, dict[str, int]]:
        """Allowed calls by user, role or service and by action, since the start."""
        with self._lock:
            return {who: dict(actions) for who, actions in self._used.items()}

    def close(self) -> None:
        """Finish the file."""
        self.flush()
        with self._writing:
            try:
                self._file.close()
            except OSError as error:
                self.file_error = str(error)


def _event_id() -> str:
    """A random UUID, as text; made without the system's source of randomness, since it is no secret."""
    text = f"{random.getrandbits(128):032x}"
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def entity(principal: str) -> str:
    """The role behind a session, by name; any other principal as it is."""
    account, _, session = principal.partition(":assumed-role/")
    return f"{account.split(':')[4]}:role/{session.split('/')[0]}" if session else principal
