"""Events on the default bus, from one thread: no API call waits for the bus or can deadlock with it.

Delivery is at best effort, as the service documents it. The C rows of the fault catalogue make that visible, by exact
count (`times`) or by chance (`probability`, with a `seed` so that a run can be repeated):
C01 repeated (`copies`) · C02 lost · C03 held until `count` events are there, then handed out in reverse · C14 with
members that nobody expects, `bytes` long.
Without `detail_type` they concern approvals of model packages; `detail_type="*"` is every event, `name` one resource.
"""

import contextlib
import copy
import logging
import queue
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rehearsal.host import Scope
from rehearsal.sagemaker.faults import Fault, declare

if TYPE_CHECKING:
    from rehearsal.sagemaker.core import Core

DIFFERENCES = (
    "Every state change sends one event, where the service may send several; `FeatureGroupStatus` in an event is "
    "the API's word.",
)

MODEL_PACKAGE = "SageMaker Model Package State Change"
MODEL_CARD = "SageMaker Model Card State Change"
MODEL_CARD_EXPORT_JOB = "SageMaker Model Card Export Job State Change"
TRAINING_JOB = "SageMaker Training Job State Change"
PROCESSING_JOB = "SageMaker Processing Job State Change"
TRANSFORM_JOB = "SageMaker Transform Job State Change"
TUNING_JOB = "SageMaker HyperParameter Tuning Job State Change"
MODEL = "SageMaker Model State Change"
ENDPOINT_CONFIG = "SageMaker Endpoint Config State Change"
ENDPOINT = "SageMaker Endpoint State Change"
ENDPOINT_DEPLOYMENT = "SageMaker Endpoint Deployment State Change"
FEATURE_GROUP = "SageMaker Feature Group State Change"
MONITORING_SCHEDULE = "SageMaker Monitoring Schedule State Change"
PIPELINE_EXECUTION = "SageMaker Model Building Pipeline Execution Status Change"
PIPELINE_STEP = "SageMaker Model Building Pipeline Execution Step Status Change"

_AIM = ("source", "detail_type", "name", "probability", "seed")
declare("C01", *_AIM, "copies")
declare("C02", *_AIM)
declare("C03", *_AIM, "count")
declare("C14", *_AIM, "bytes")


@dataclass(frozen=True)
class Event:
    """One state change, as it will stand on the bus; `arns` are the event's resources, the first is its subject."""

    detail_type: str
    arns: tuple[str, ...]
    detail: dict[str, Any]
    scope: Scope


Observer = Callable[["Core", Event], None]
OBSERVERS: list[Observer] = []


def observes(function: Observer) -> Observer:
    """Call `function` once for every state change, in order, in the events' thread; no fault of the bus hides one."""
    OBSERVERS.append(function)
    return function


class Events:
    """Publishes asynchronously; `flush` waits until everything put so far has been handed to the host."""

    def __init__(self, core: "Core") -> None:
        self._core = core
        self._queue: queue.Queue[Callable[[], object] | None] = queue.Queue()
        self._reversed: list[tuple[Fault, list[Event]]] = []
        self._dice: list[tuple[dict[str, Any], random.Random]] = []
        self._thread = threading.Thread(target=self._serve, name="sagemaker-events", daemon=True)
        self._thread.start()

    def put(self, detail_type: str, arn: str | Sequence[str], detail: dict[str, Any], scope: Scope) -> None:
        """Queue one event about `arn` (or several). The detail is copied now: later changes do not show in it."""
        arns = (arn,) if isinstance(arn, str) else tuple(arn)
        event = Event(detail_type, arns, copy.deepcopy(detail), scope)
        self._queue.put(lambda: self._deliver(event))

    def flush(self, seconds: float = 5.0) -> bool:
        """True when all events put before are out."""
        done = threading.Event()
        self._queue.put(done.set)
        return done.wait(seconds)

    def close(self) -> None:
        """Hand out what is queued, then end."""
        self._queue.put(None)
        self._thread.join(5)

    def release(self) -> None:
        """Hand out events that an unfinished C03 holds."""
        self._queue.put(self._release)

    def _serve(self) -> None:
        while (work := self._queue.get()) is not None:
            # The service delivers at best effort: what the bus refuses is gone.
            with contextlib.suppress(Exception):
                work()

    def _deliver(self, event: Event) -> None:
        for observer in OBSERVERS:
            try:
                observer(self._core, event)
            except Exception:  # what an observer cannot make of an event must not hold the event up
                logging.getLogger(__name__).exception("%s of %s", observer.__name__, event.detail_type)
        self._distort(event)

    def _release(self) -> None:
        held = [event for _, events in self._reversed for event in reversed(events)]
        self._reversed.clear()
        self._dice.clear()
        for event in held:
            self._publish(event)

    def _distort(self, event: Event) -> None:
        for fault, held in self._reversed:
            if _concerns(event, fault.where):
                held.append(event)
                if len(held) == int(fault.where.get("count", 2)):
                    self._reversed.remove((fault, held))
                    for late in reversed(held):
                        self._publish(late)
                return
        if fault_c03 := self._taken("C03", event):
            self._reversed.append((fault_c03, [event]))
        elif self._taken("C02", event) is None:
            if fault_c14 := self._taken("C14", event):
                event.detail["UnexpectedMember"] = "x" * int(fault_c14.where.get("bytes", 1))
            fault_c01 = self._taken("C01", event)
            for _ in range(int(fault_c01.where.get("copies", 2)) if fault_c01 else 1):
                self._publish(event)

    def _taken(self, row: str, event: Event) -> Fault | None:
        return self._core.faults.take_if(row, lambda where: _concerns(event, where) and self._falls(where))

    def _falls(self, where: dict[str, Any]) -> bool:
        """Whether chance lets an armed fault act now; each has dice of its own, so that runs can be repeated."""
        if "probability" not in where:
            return True
        for armed, dice in self._dice:
            if armed is where:
                return dice.random() < float(where["probability"])
        self._dice.append((where, random.Random(where.get("seed", 0))))
        return self._falls(where)

    def _publish(self, event: Event) -> None:
        self._core.host.publish_event(event.detail_type, list(event.arns), event.detail, event.scope)


def _concerns(event: Event, where: dict[str, Any]) -> bool:
    """Whether a C row means this event."""
    if where.get("source", "aws.sagemaker") != "aws.sagemaker":  # what other services put is the bus's to distort
        return False
    if "detail_type" in where:
        wanted = where["detail_type"] in ("*", event.detail_type)
    else:
        wanted = "ModelApprovalStatus" in event.detail.get("UpdatedModelPackageFields", ())
    name = event.detail.get("ModelPackageGroupName") or event.arns[-1].rpartition("/")[2]
    return wanted and where.get("name", name) == name


def epoch_ms(seconds: float) -> int:
    """Times in most SageMaker events are epoch milliseconds."""
    return int(seconds * 1000)


def iso(seconds: float) -> str:
    """Times in events about model packages, transform jobs and pipelines: `2026-11-20T15:04:05Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_ms(seconds: float) -> str:
    """Times in events about model cards: `2026-11-20T15:04:05.101Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
