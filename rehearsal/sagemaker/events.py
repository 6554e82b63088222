"""Events on the default bus, in order, from one thread: no API call waits for the bus or can deadlock with it."""

import contextlib
import copy
import queue
import threading
from typing import Any

from rehearsal.host import Host, Scope
from rehearsal.sagemaker.faults import Fault, Faults

MODEL_PACKAGE = "SageMaker Model Package State Change"
TRAINING_JOB = "SageMaker Training Job State Change"
PROCESSING_JOB = "SageMaker Processing Job State Change"
MODEL = "SageMaker Model State Change"
ENDPOINT_CONFIG = "SageMaker Endpoint Config State Change"
ENDPOINT = "SageMaker Endpoint State Change"
ENDPOINT_DEPLOYMENT = "SageMaker Endpoint Deployment State Change"

_Event = tuple[str, str, dict[str, Any], Scope]


class Events:
    """Publishes asynchronously; `flush` waits until everything put so far has been handed to the host."""

    def __init__(self, host: Host, faults: Faults) -> None:
        self._host = host
        self._faults = faults
        self._queue: queue.Queue[_Event | threading.Event | None] = queue.Queue()
        self._reversed: list[tuple[Fault, list[_Event]]] = []
        self._thread = threading.Thread(target=self._serve, name="sagemaker-events", daemon=True)
        self._thread.start()

    def put(self, detail_type: str, arn: str, detail: dict[str, Any], scope: Scope) -> None:
        """Queue one event about the resource `arn`. The detail is copied now: later changes do not show in it."""
        self._queue.put((detail_type, arn, copy.deepcopy(detail), scope))

    def flush(self, seconds: float = 5.0) -> bool:
        """True when all events put before are out."""
        done = threading.Event()
        self._queue.put(done)
        return done.wait(seconds)

    def close(self) -> None:
        """Hand out what is queued, then end."""
        self._queue.put(None)
        self._thread.join(5)

    def release(self) -> None:
        """Hand out events that an unfinished C03 holds."""
        for _, held in self._reversed:
            for event in reversed(held):
                self._queue.put(event)
        self._reversed.clear()

    def _serve(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            # The service delivers at best effort: what the bus refuses is gone.
            with contextlib.suppress(Exception):
                self._distort(item)

    def _distort(self, event: _Event) -> None:
        for fault, held in self._reversed:
            if _concerns(event, fault.where):
                held.append(event)
                if len(held) == int(fault.where.get("count", 2)):
                    self._reversed.remove((fault, held))
                    for late in reversed(held):
                        self._publish(late)
                return
        taken = {row: self._faults.take_if(row, lambda where: _concerns(event, where)) for row in ("C03", "C02", "C01")}
        if fault_c03 := taken["C03"]:
            self._reversed.append((fault_c03, [event]))
        elif taken["C02"] is None:
            copies = int(taken["C01"].where.get("copies", 2)) if taken["C01"] else 1
            for _ in range(copies):
                self._publish(event)

    def _publish(self, event: _Event) -> None:
        detail_type, arn, detail, scope = event
        self._host.publish_event(detail_type, [arn], detail, scope)


def _concerns(event: _Event, where: dict[str, Any]) -> bool:
    """Whether a C row means this event. Without `detail_type` it means approvals: what those rows are about."""
    detail_type, arn, detail, _ = event
    if "detail_type" in where:
        wanted = where["detail_type"] == detail_type
    else:
        wanted = "ModelApprovalStatus" in detail.get("UpdatedModelPackageFields", ())
    name = detail.get("ModelPackageGroupName") or arn.rpartition("/")[2]
    return wanted and where.get("name", name) == name


def epoch_ms(seconds: float) -> int:
    """Times in SageMaker events are epoch milliseconds."""
    return int(seconds * 1000)
