"""Executions of Step Functions: the interpreter of `rehearsal.asl` in the emulator's stores."""

import contextvars
import threading
import time
from collections.abc import Iterator
from typing import Any

from ministack.core.responses import set_request_account_id, set_request_region

from rehearsal.asl.engine import Engine
from rehearsal.asl.ports import Call
from rehearsal.clock import Clock
from rehearsal.emulator import EmulatorHost
from rehearsal.host import Scope
from rehearsal.runtime import Runtime
from rehearsal.states import status_events as execution_events
from rehearsal.states.integrations import Integrations

Record = dict[str, Any]


class Executions:
    """Implements `rehearsal.asl.ports.Host` on ministack, and holds the engine that runs on it."""

    clock: Clock

    def __init__(self, runtime: Runtime) -> None:
        self._runtime, self.clock = runtime, runtime.clock
        self._integrations = Integrations(runtime, self._start_nested, self._described, self._stop_nested)
        self._engine: Engine | None = None
        self._emulator = EmulatorHost(runtime)
        self._lock = threading.Lock()

    @property
    def engine(self) -> Engine:
        """Made when first asked for: SageMaker, which holds the armed faults, is made after this."""
        with self._lock:
            if self._engine is None:
                self._engine = Engine(self, getattr(self._runtime.sagemaker, "armed", None))
            return self._engine

    # ---- the port

    def context(self, arn: str) -> contextvars.Context:  # see Host
        context = contextvars.Context()
        context.run(set_request_account_id, arn.split(":")[4])
        context.run(set_request_region, arn.split(":")[3])
        return context

    def call(self, call: Call) -> Any:
        return self._integrations.call(call)

    def poll(self, call: Call, response: Any) -> Any:
        return self._integrations.poll(call, response)

    def cancel(self, call: Call, response: Any) -> None:
        self._integrations.cancel(call, response)

    def s3(self, call: Call) -> Any:
        parts = call.execution_arn.split(":")
        return self._emulator.client("s3", call.role, Scope(parts[4], parts[3]), "StepFunctions")

    def save(self, record: Record) -> None:
        from ministack.services import stepfunctions as sfn

        arn = record["executionArn"]
        sfn._executions.set_scoped(arn.split(":")[4], arn.split(":")[3], arn, record)

    def save_map_run(self, record: Record) -> None:
        from ministack.services import stepfunctions as sfn

        arn = record["mapRunArn"]
        sfn._map_runs.set_scoped(arn.split(":")[4], arn.split(":")[3], arn, record)

    def status_changed(self, record: Record) -> None:
        if "mapRunArn" not in record and not record.get("_silent"):
            execution_events.tell(self._runtime, record, self.engine)

    # ---- executions that a task starts

    def _start_nested(self, request: dict[str, Any]) -> dict[str, Any]:
        from rehearsal.asl.errors import RequestError, StatesError
        from rehearsal.states.starts import begin

        try:
            record = begin(self, request)
        except RequestError as error:
            code = error.code.removesuffix("Exception")
            raise StatesError(f"StepFunctions.{code}Exception", error.message) from None
        return {"ExecutionArn": record["executionArn"], "StartDate": record["startDate"]}

    def record(self, arn: str) -> Record | None:
        """An execution's record, wherever it runs."""
        from ministack.services import stepfunctions as sfn

        parts = arn.split(":")
        found: Record | None = sfn._executions.get_scoped(parts[4], parts[3], arn) if len(parts) > 7 else None
        return found

    def _described(self, arn: str) -> dict[str, Any] | None:
        record = self.record(arn)
        if record is None:
            return None
        failed = {"Error": record["error"], "Cause": record["cause"]} if record["error"] is not None else {}
        output = {"Output": record["output"], "OutputDetails": {"Included": True}} if record["output"] else {}
        return {
            "ExecutionArn": arn,
            "Input": record["input"],
            "InputDetails": {"Included": True},
            "Name": record["name"],
            **output,
            **failed,
            "StartDate": _milliseconds(record["startDate"]),
            "StateMachineArn": record["stateMachineArn"],
            "Status": record["status"],
            "StopDate": _milliseconds(record["stopDate"]),
        }

    def _stop_nested(self, arn: str) -> None:
        record = self.record(arn)
        if record is not None:
            self.engine.stop(record, None, "The parent execution has ended")

    # ---- the life of the cloud

    def watch(self) -> None:
        """One look at every execution: end the overdue."""
        self.engine.watch()

    def records(self) -> Iterator[Record]:
        """Every record, of every account and region."""
        from ministack.services import stepfunctions as sfn

        yield from list(sfn._executions.all_values())

    def snapshot(self) -> dict[str, Any]:
        """All that runs, in JSON values; what has ended is in the emulator's own state."""
        return self.engine.snapshot()

    def resume(self, kept: dict[str, Any]) -> None:
        """Load a snapshot, after the emulator's own state. Executions go on once the cloud serves."""
        self.engine.resume(kept)
        threading.Thread(target=self._launch, name="asl-resume", daemon=True).start()

    def _launch(self) -> None:
        from ministack import app

        while app._MAIN_LOOP is None:
            time.sleep(0.01)  # the emulator has no event for it
        self.engine.launch()


def _milliseconds(stamp: str | None) -> int | None:
    from datetime import datetime

    return None if stamp is None else int(datetime.fromisoformat(stamp).timestamp() * 1000)
