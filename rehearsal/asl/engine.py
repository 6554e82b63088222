"""All executions of a cloud: begun, stopped, redriven, kept over a restart."""

import json
import logging
import threading
import time
import uuid
from collections import deque
from typing import Any

from rehearsal.asl import faults as asl_faults
from rehearsal.asl.errors import RequestError
from rehearsal.asl.flow import State
from rehearsal.asl.frames import Frame, Stop
from rehearsal.asl.history import INCLUDED
from rehearsal.asl.machine import Machine, load
from rehearsal.asl.mapruns import MapRun
from rehearsal.asl.parallel import processor
from rehearsal.asl.ports import Host
from rehearsal.asl.run import Run
from rehearsal.asl.tokens import Tokens
from rehearsal.asl.values import dump, iso
from rehearsal.sagemaker.faults import Faults

RECENT_SECONDS = 30.0
REDRIVABLE_SECONDS = 14 * 86_400
_log = logging.getLogger("slipway.asl")


class Engine:
    """`runs` are the executions at work, by ARN. `apart`: a call with a time limit is made in a thread of its own, so
    that it can be left alone; without, in the execution's, for a host whose every call comes back by itself.
    """

    def __init__(self, host: Host, faults: Faults | None = None, *, apart: bool = True) -> None:
        self.host, self.faults, self.apart = host, faults, apart
        self.tokens = Tokens(host.clock)
        self.runs: dict[str, Run] = {}
        self.map_runs: dict[str, MapRun] = {}
        # Where executions that failed stand, for a redrive; and children that wait for their parent after a restart.
        self._stopped: dict[str, Frame] = {}
        self._waiting: dict[str, tuple[dict[str, Any], Frame]] = {}
        self._recent: deque[tuple[float, dict[str, Any]]] = deque(maxlen=1000)

    # ---- begin and end

    def start(self, machine: Machine, name: str, given: str, **more: Any) -> Run:
        """Begin an execution in a thread of its own. `more` are members of its record."""
        run = self._new(machine, name, given, None, more)
        self._launch(run)
        return run

    def run(self, machine: Machine, name: str, given: str, **more: Any) -> Run:
        """Run an execution to its end in this thread."""
        run = self._new(machine, name, given, None, more)
        self.host.context(machine.arn).run(run.drive)
        return run

    def child(
        self, parent: Run, map_run: MapRun, state: State, child: dict[str, Any], *, express: bool, above: Stop
    ) -> Run:
        """A child execution of a distributed Map: new, or as it was before a restart."""
        machine = parent.machine.processor(map_run.record["_stateMachineArn"], processor(state), express=express)
        kept = self._waiting.pop(child.get("arn", ""), None)
        if kept is not None:
            run = Run(self, machine, *kept, above)
            self.runs[run.record["executionArn"]] = run
            return run
        more = {"mapRunArn": map_run.arn, "_hidden": express, "_definition": parent.record["_definition"]}
        return self._new(machine, str(uuid.uuid4()), dump(child["input"]), above, more)

    def _new(self, machine: Machine, name: str, given: str, above: Stop | None, more: dict[str, Any]) -> Run:
        parts = machine.arn.split(":")
        kind, tail = ("express", f":{uuid.uuid4()}") if machine.express else ("execution", "")
        now = self.host.clock.now()
        record: dict[str, Any] = {
            "executionArn": ":".join([*parts[:5], kind, parts[6], name]) + tail,
            "stateMachineArn": machine.arn,
            "name": name,
            "status": "RUNNING",
            "startDate": iso(now),
            "stopDate": None,
            "input": given,
            "inputDetails": {"included": True},
            "output": None,
            "outputDetails": {"included": True},
            "error": None,
            "cause": None,
            "redriveCount": 0,
            "events": [],
            "redriveDate": None,
            "_began": now,
            "_ended": None,
            "_role": machine.role_arn,
            "_type": machine.type,
            "_language": machine.language,
            **more,
        }
        frame = Frame(machine.definition["StartAt"], json.loads(given))
        run = Run(self, machine, record, frame, above)
        details = {"input": given, "inputDetails": INCLUDED, "roleArn": machine.role_arn}
        for member in ("stateMachineVersionArn", "stateMachineAliasArn"):
            if member in more:
                details[member] = more[member]
        frame.previous = run.history.add("ExecutionStarted", 0, executionStartedEventDetails=details)
        self.runs[record["executionArn"]] = run
        if not record.get("_hidden"):
            self.host.save(record)
        self.host.status_changed(record)
        return run

    def _launch(self, run: Run) -> None:
        context = self.host.context(run.machine.arn)
        threading.Thread(target=context.run, args=(run.drive,), daemon=True, name="asl").start()

    def ended(self, run: Run) -> None:
        """A run tells that it is over."""
        arn = run.record["executionArn"]
        self.runs.pop(arn, None)
        if not run.record.get("_hidden"):
            self._recent.append((time.monotonic(), run.record))
        if (
            run.record["status"] != "SUCCEEDED"
            and not run.machine.express
            and not {"mapRunArn", "_silent"} & run.record.keys()
        ):
            self._stopped[arn] = run.frame
        self.host.status_changed(run.record)

    def report(self, error: Exception) -> None:
        """A defect of the interpreter, for the cloud's log."""
        _log.error("the interpreter failed", exc_info=error)

    def stop(self, record: dict[str, Any], error: str | None, cause: str | None) -> None:
        """StopExecution. An execution that has ended stays as it is."""
        run = self.runs.get(record["executionArn"])
        if run is not None:
            run.end("ABORTED", error=error, cause=cause)

    def watch(self) -> None:
        """One look at every execution: end those that are overdue."""
        for run in list(self.runs.values()):
            run.watch()

    def keep_map_run(self, map_run: MapRun) -> MapRun:
        """A Map Run has begun."""
        self.map_runs[map_run.arn] = map_run
        self.host.save_map_run(map_run.record)
        return map_run

    def fault(self, row: str, machine: str) -> bool:
        """Whether a fault of the row is armed for a machine; it is spent then."""
        return self.faults is not None and asl_faults.take(self.faults, row, machine) is not None

    # ---- redrive

    def redrivable(self, record: dict[str, Any]) -> str | None:
        """Why an execution cannot be redriven; None if it can."""
        if record["status"] in ("RUNNING", "SUCCEEDED"):
            return f"Execution is {record['status']} and cannot be redriven"
        if record["executionArn"] not in self._stopped:
            return "Execution cannot be redriven"
        if self.host.clock.now() - record["_ended"] > REDRIVABLE_SECONDS:
            return "Execution is past the redrivable period of 14 days and cannot be redriven"
        return None

    def redrive(self, record: dict[str, Any]) -> str:
        """RedriveExecution: go on in the state that failed. Returns the redrive date."""
        why = self.redrivable(record)
        if why is not None:
            raise RequestError("ExecutionNotRedrivable", why)
        frame = self._stopped.pop(record["executionArn"])
        frame.redrive()
        moment = self.host.clock.now()
        record.update(
            status="RUNNING", redriveCount=record["redriveCount"] + 1, redriveDate=iso(moment),
            stopDate=None, output=None, error=None, cause=None, _began=moment,
        )  # fmt: skip
        run = Run(self, self._machine(record), record, frame)
        details = {"redriveCount": record["redriveCount"]}
        frame.previous = run.history.add(
            "ExecutionRedriven", len(record["events"]), executionRedrivenEventDetails=details
        )
        self.runs[record["executionArn"]] = run
        for map_run in list(self.map_runs.values()):
            map_run.adopt(run)
        self.host.status_changed(record)
        self._launch(run)
        return str(record["redriveDate"])

    @staticmethod
    def _machine(record: dict[str, Any]) -> Machine:
        """The machine as it was when the execution began."""
        definition = load(record["_definition"])
        return Machine(record["stateMachineArn"], definition, record["_role"], record["_type"], record["_language"])

    # ---- restart

    def snapshot(self) -> dict[str, Any]:
        """All that runs or may be redriven, in JSON values.

        Records of what has ended are the host's to keep; those of the last half minute are in it all the same, since
        the host may have written them down while they still ran.
        """
        moment = time.monotonic()
        running = []
        for run in list(self.runs.values()):
            with run.lock:
                record = {**run.record, "events": list(run.record["events"])}
                running.append({"record": record, "frame": run.frame.to_json()})
        return {
            "running": running,
            "ended": [record for ended, record in list(self._recent) if moment - ended < RECENT_SECONDS],
            "stopped": {arn: frame.to_json() for arn, frame in list(self._stopped.items())},
            "map_runs": [map_run.snapshot() for map_run in list(self.map_runs.values())],
        }

    def resume(self, kept: dict[str, Any]) -> None:
        """Load a snapshot. Nothing runs before `launch`."""
        self._stopped = {arn: Frame.from_json(frame) for arn, frame in kept["stopped"].items()}
        for record in kept["ended"]:
            self.host.save(record)
        for one in kept["running"]:
            record, frame = one["record"], Frame.from_json(one["frame"])
            if record["status"] != "RUNNING":  # it ended while the snapshot was made
                continue
            if not record.get("_hidden"):
                self.host.save(record)
            if "mapRunArn" in record:
                self._waiting[record["executionArn"]] = (record, frame)
            else:
                self.runs[record["executionArn"]] = Run(self, self._machine(record), record, frame)
        for record in kept["map_runs"]:
            state = _find(record["_state"], load(record["_definition"]))
            if state is not None:
                self.keep_map_run(MapRun(self.runs.get(record["executionArn"]), record, state))

    def launch(self) -> None:
        """Go on with every execution that was loaded: a Task begins again, or waits again for what it waited for."""
        for run in list(self.runs.values()):
            self._launch(run)


def _find(name: str, definition: Any) -> State | None:
    """A state by its name, wherever it is nested: names are unique in a machine."""
    for key, state in definition["States"].items():
        if key == name:
            found: State = state
            return found
        inner = list(state.get("Branches", ()))
        inner += [state[field] for field in ("ItemProcessor", "Iterator") if field in state]
        for one in inner:
            deeper = _find(name, one)
            if deeper is not None:
                return deeper
    return None
