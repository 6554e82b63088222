"""Map Runs: the record of a distributed Map and its child executions."""

import threading
import uuid
from typing import TYPE_CHECKING, Any

from rehearsal.asl.errors import EXCEED_TOLERATED, CancelledError, StatesError
from rehearsal.asl.flow import State
from rehearsal.asl.frames import Stop
from rehearsal.asl.parallel import processor
from rehearsal.asl.values import iso

if TYPE_CHECKING:
    from rehearsal.asl.run import Run

_COUNTS = (
    "pending", "running", "succeeded", "failed", "timedOut", "aborted", "total", "resultsWritten",
    "failuresNotRedrivable", "pendingRedrive",
)  # fmt: skip
_ENDS = {"SUCCEEDED": "succeeded", "FAILED": "failed", "TIMED_OUT": "timedOut", "ABORTED": "aborted"}


class MapRun:
    """Runs children and counts them. `record` is what DescribeMapRun shows; members beginning with _ are private."""

    def __init__(self, parent: "Run | None", record: dict[str, Any], state: State) -> None:
        self.record, self.arn = record, str(record["mapRunArn"])
        self._execution, self._state = parent, state
        self._lock = threading.Lock()

    @property
    def _parent(self) -> "Run":
        assert self._execution is not None, "a Map Run of an execution that has ended only tells what it was"
        return self._execution

    def adopt(self, run: "Run") -> None:
        """The execution it belongs to goes on after a redrive."""
        if self.record["executionArn"] == run.record["executionArn"]:
            self._execution = run

    def snapshot(self) -> dict[str, Any]:
        """The record, in JSON values."""
        with self._lock:
            children = [dict(child) for child in self.record["_children"]]
            counts = {name: dict(self.record[name]) for name in ("itemCounts", "executionCounts")}
            return {**self.record, **counts, "_children": children}

    @classmethod
    def begin(
        cls, parent: "Run", state: State, name: str, inputs: list[tuple[Any, int]], limits: dict[str, Any]
    ) -> "MapRun":
        """A new Map Run, with the input of each child and how many items it holds."""
        arn = parent.machine.arn.split(":")
        label = state.get("Label") or str(uuid.uuid4())
        base = ":".join(arn[:5])
        total = sum(count for _, count in inputs)
        record = {
            "mapRunArn": f"{base}:mapRun:{arn[6]}/{label}:{uuid.uuid4()}",
            "executionArn": parent.record["executionArn"],
            "status": "RUNNING",
            "startDate": iso(parent.clock.now()),
            **limits,
            "itemCounts": {**dict.fromkeys(_COUNTS, 0), "total": total, "pending": total},
            "executionCounts": {**dict.fromkeys(_COUNTS, 0), "total": len(inputs), "pending": len(inputs)},
            "stopDate": None,
            "redriveCount": 0,
            "redriveDate": None,
            "_stateMachineArn": f"{base}:stateMachine:{arn[6]}/{label}",
            "_state": name,
            "_definition": parent.record["_definition"],
            "_children": [{"input": given, "items": count, "status": "PENDING"} for given, count in inputs],
        }
        return parent.engine.keep_map_run(cls(parent, record, state))

    def unfinished(self) -> list[int]:
        """Numbers of the children that have not ended."""
        return [n for n, child in enumerate(self.record["_children"]) if child["status"] in ("PENDING", "RUNNING")]

    def outcomes(self) -> list[dict[str, Any]]:
        """Status, input and output of every child, in the order of the items."""
        found: list[dict[str, Any]] = self.record["_children"]
        return found

    def run_child(self, number: int, group: Stop) -> None:
        """Run one child to its end in this thread. Raises StatesError once too many have failed."""
        child = self.record["_children"][number]
        express = processor(self._state)["ProcessorConfig"].get("ExecutionType") == "EXPRESS"
        run = self._parent.engine.child(self._parent, self, self._state, child, express=express, above=group)
        if child["status"] == "PENDING":
            self._count(child, "pending", "running")
        child["arn"], child["status"] = run.record["executionArn"], "RUNNING"
        run.drive()
        if group.is_set():
            raise CancelledError
        with self._lock:
            child["status"] = run.record["status"]
            child["output"], child["ended"] = run.output, run.summary()
        self._count(child, "running", _ENDS[child["status"]])
        self.check()

    def _count(self, child: dict[str, Any], before: str, after: str) -> None:
        with self._lock:
            for counts, by in ((self.record["itemCounts"], child["items"]), (self.record["executionCounts"], 1)):
                counts[before] -= by
                counts[after] += by

    def written(self, number: int) -> None:
        """So many results are in S3."""
        with self._lock:
            for counts in (self.record["itemCounts"], self.record["executionCounts"]):
                counts["resultsWritten"] = number

    def check(self) -> None:
        """Raise States.ExceedToleratedFailureThreshold if more failed than the Map tolerates."""
        record, counts = self.record, self.record["itemCounts"]
        failed = counts["failed"] + counts["timedOut"] + counts["aborted"]
        stated = set(record["_stated"])
        exceeded = []
        if "toleratedFailureCount" in stated:
            exceeded.append(failed > record["toleratedFailureCount"])
        if "toleratedFailurePercentage" in stated:
            exceeded.append(failed * 100 > record["toleratedFailurePercentage"] * counts["total"])
        if failed and (any(exceeded) if exceeded else True):
            raise StatesError(EXCEED_TOLERATED, "The specified tolerated failure threshold was exceeded")

    def redrive(self) -> None:
        """Run again what did not succeed."""
        with self._lock:
            self.record["status"] = "RUNNING"
            self.record["redriveCount"] += 1
            self.record["redriveDate"] = iso(self._parent.clock.now())
            self.record["stopDate"] = None
            for child in self.record["_children"]:
                if child["status"] in ("FAILED", "TIMED_OUT", "ABORTED"):
                    for counts, by in (
                        (self.record["itemCounts"], child["items"]),
                        (self.record["executionCounts"], 1),
                    ):
                        counts[_ENDS[child["status"]]] -= by
                        counts["pending"] += by
                    child["status"], child["redriven"] = "PENDING", True

    def end(self, status: str) -> None:
        """The Map Run is over; children that still run are aborted."""
        for child in self.record["_children"]:
            if child["status"] == "RUNNING":
                run = self._parent.engine.runs.get(child["arn"])
                if run is not None:
                    run.end("ABORTED", error=None, cause=None)
                child["status"] = "ABORTED"
                self._count(child, "running", "aborted")
        self.record["status"], self.record["stopDate"] = status, iso(self._parent.clock.now())
        if status == "SUCCEEDED":
            self.record["_children"] = []  # nothing is left to redrive
