"""What runs in Step Functions right now: whose role, when it must end, and how its waits are woken."""

import contextvars
import threading
import time
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from rehearsal.clock import Clock

# A machine's timeout is cloud time, but real processes need wall time: it never strikes before this much of it.
WALL_FLOOR_SECONDS = 60.0
WATCH_SECONDS = 0.1


@dataclass
class Running:
    """One execution. `stop` is set when it ends for a reason from outside: aborted or timed out."""

    record: MutableMapping[str, Any]
    context: contextvars.Context
    timeout_seconds: float | None
    cloud_start: float
    wall_start: float = field(default_factory=time.monotonic)
    stop: threading.Event = field(default_factory=threading.Event)

    def overdue(self, clock: Clock) -> bool:
        """Past the machine's TimeoutSeconds on cloud time, and past the floor on the wall."""
        if self.timeout_seconds is None:
            return False
        floor = min(self.timeout_seconds, WALL_FLOOR_SECONDS)
        cloud_elapsed = clock.now() - self.cloud_start
        return cloud_elapsed >= self.timeout_seconds and time.monotonic() - self.wall_start >= floor


class Executions:
    """Watches all running executions with one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._running: dict[str, Running] = {}
        self._lock = threading.Lock()

    def begin(self, arn: str, record: MutableMapping[str, Any], timeout_seconds: float | None) -> Running:
        """Watch an execution that runs in the calling thread's context."""
        running = Running(record, contextvars.copy_context(), timeout_seconds, self._clock.now())
        with self._lock:
            self._running[arn] = running
        return running

    def end(self, arn: str) -> None:
        """The execution's thread is done."""
        with self._lock:
            self._running.pop(arn, None)

    def watch(self) -> None:
        """One look at every execution: wake the aborted, end the overdue."""
        with self._lock:
            running = list(self._running.values())
        for item in running:
            if item.record["status"] == "RUNNING" and item.overdue(self._clock):
                item.context.copy().run(_time_out, item.record, item.timeout_seconds)
            if item.record["status"] != "RUNNING":
                item.stop.set()


def _time_out(record: MutableMapping[str, Any], seconds: float | None) -> None:
    from ministack.services import stepfunctions as sfn

    record["status"] = "TIMED_OUT"
    record["stopDate"] = sfn.now_iso()
    record["error"], record["cause"] = "States.Timeout", f"The execution timed out after {seconds:g} seconds"
    details = {"error": record["error"], "cause": record["cause"]}
    sfn._add_event(record, "ExecutionTimedOut", {"executionTimedOutEventDetails": details})
    sfn._emit_execution_status_event(record)
