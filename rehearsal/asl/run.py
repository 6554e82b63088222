"""One execution."""

import json
import threading
from typing import TYPE_CHECKING, Any

from rehearsal.asl import attempts, maps, parallel, simple, tasks  # noqa: F401  # they register what runs each state
from rehearsal.asl.deadline import Deadline
from rehearsal.asl.errors import RUNTIME, CancelledError, StatesError
from rehearsal.asl.frames import Frame, Stop
from rehearsal.asl.history import INCLUDED, History
from rehearsal.asl.line import Line
from rehearsal.asl.machine import Machine
from rehearsal.asl.values import HISTORY_EVENTS, dump, iso

if TYPE_CHECKING:
    from rehearsal.asl.engine import Engine

ENDS = {
    "SUCCEEDED": "executionSucceededEventDetails",
    "FAILED": "executionFailedEventDetails",
    "TIMED_OUT": "executionTimedOutEventDetails",
    "ABORTED": "executionAbortedEventDetails",
}
_EVENT = {"SUCCEEDED": "ExecutionSucceeded", "FAILED": "ExecutionFailed", "TIMED_OUT": "ExecutionTimedOut",
          "ABORTED": "ExecutionAborted"}  # fmt: skip


class Run:
    """Drives an execution and writes into its record, which is what DescribeExecution shows.

    Private members of the record begin with `_`.
    """

    def __init__(
        self, engine: "Engine", machine: Machine, record: dict[str, Any], frame: Frame, above: Stop | None = None
    ) -> None:
        self.engine, self.machine, self.record, self.frame = engine, machine, record, frame
        self.host, self.clock, self.tokens, self.faults = engine.host, engine.host.clock, engine.tokens, engine.faults
        self.lock = threading.RLock()
        limit = None if machine.express else HISTORY_EVENTS
        self.history = History(record["events"], self.clock, self.lock, limit)
        self.stop = Stop(above)
        self.over = threading.Event()
        self.output: Any = None
        self._deadline = Deadline(self.clock, machine.timeout_seconds, record["_began"], real_work=True)
        self.about_execution = {
            "Id": record["executionArn"],
            "Input": json.loads(record["input"]),
            "Name": record["name"],
            "RoleArn": machine.role_arn,
            "StartTime": record["startDate"],
            "RedriveCount": record["redriveCount"],
            **({"RedriveTime": record["redriveDate"]} if record["redriveDate"] else {}),
        }
        self.about_machine = {"Id": machine.arn, "Name": machine.name}

    def drive(self) -> None:
        """Run to the end in this thread."""
        try:
            output = Line(self, self.machine.definition["States"], self.frame, self.stop).walk()
            self.output = output
            self.end("SUCCEEDED", output=dump(output))
        except StatesError as error:
            self.end("FAILED", error=error.error, cause=error.cause)
        except CancelledError:
            # Whoever set our own stop has ended the execution; a child's parent has not.
            self.end("ABORTED", error=None, cause=None)
        except Exception as error:  # a defect of ours must end the execution, not leave it running for ever
            self.engine.report(error)
            self.end("FAILED", error=RUNTIME, cause=f"internal error: {type(error).__name__}: {error}")

    def end(
        self, status: str, *, output: str | None = None, error: str | None = None, cause: str | None = None
    ) -> bool:
        """The execution is over, once. False if it was before."""
        error, cause = error or None, cause or None
        with self.lock:
            if self.record["status"] != "RUNNING":
                return False
            details: dict[str, Any] = {"error": error, "cause": cause}
            if output is not None:
                details = {"output": output, "outputDetails": INCLUDED}
            details = {key: value for key, value in details.items() if value is not None}
            previous = self.frame.previous if status != "ABORTED" else len(self.history.events)
            self.history.add(_EVENT[status], previous, last=True, **{ENDS[status]: details})
            self.record.update(stopDate=iso(self.clock.now()), output=output, error=error, cause=cause)
            self.record["_ended"] = self.clock.now()
            self.record["status"] = status
        self.stop.set()
        self.stop.release()
        self.over.set()
        self.engine.ended(self)
        return True

    def watch(self) -> None:
        """End it if it has run for longer than it may."""
        if self._deadline.over:
            self.end("TIMED_OUT", error="States.Timeout", cause=None)

    def summary(self) -> dict[str, Any]:
        """The execution as a `.sync` task or a ResultWriter tells it."""
        record = self.record
        failed = {"Error": record["error"], "Cause": record["cause"]} if record["error"] else {}
        output = {"Output": record["output"], "OutputDetails": {"Included": True}} if record["output"] else {}
        return {
            "ExecutionArn": record["executionArn"],
            "Input": record["input"],
            "InputDetails": {"Included": True},
            "Name": record["name"],
            **output,
            **failed,
            "RedriveCount": record["redriveCount"],
            "RedriveStatus": "NOT_REDRIVABLE" if record["status"] == "SUCCEEDED" else "REDRIVABLE",
            "StartDate": record["startDate"],
            "StateMachineArn": record["stateMachineArn"],
            "Status": record["status"],
            "StopDate": record["stopDate"],
        }
