"""Step Functions as a service of the emulator: its calls about executions are answered by our interpreter."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any

from rehearsal.adapter import scope_of_request
from rehearsal.asl.errors import RequestError
from rehearsal.cloudtime import iso
from rehearsal.runtime import Runtime
from rehearsal.states import definitions, integrations
from rehearsal.states.executions import Executions
from rehearsal.states.starts import Record, begin

Response = tuple[int, dict[str, str], bytes]
Handler = Callable[..., Awaitable[Response]]
_EXECUTION_ARN = re.compile(r"arn:aws[\w-]*:states:[\w-]+:\d{12}:execution:[^:\s]+:[^:\s]+")
# How long GetActivityTask waits for a task, as the service does; a client's own read time-out must be longer.
ACTIVITY_POLL_SECONDS = 60


class StepFunctions:
    """Answers the calls about executions, and checks definitions; the emulator answers the rest."""

    def __init__(self, original: Handler, runtime: Runtime) -> None:
        self._original, self._runtime = original, runtime
        self._calls: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "StartExecution": self._start,
            "StopExecution": self._stop,
            "RedriveExecution": self._redrive,
            "DescribeExecution": self._describe,
            "DescribeStateMachineForExecution": self._machine_of,
            "SendTaskSuccess": self._success,
            "SendTaskFailure": self._failure,
            "SendTaskHeartbeat": self._heartbeat,
            "ValidateStateMachineDefinition": definitions.validate,
        }
        # These run a machine in the request's own thread, which is not the event loop's.
        self._long: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "StartSyncExecution": self._start_sync,
            "TestState": self._test_state,
        }
        self._checks: dict[str, Callable[[dict[str, Any]], None]] = {
            "CreateStateMachine": definitions.check_definition,
            "UpdateStateMachine": definitions.check_update,
            "DeleteStateMachine": self._abort_all,
            "ListExecutions": definitions.check_listed,
            "GetExecutionHistory": lambda data: void(self._record(data)),
        }

    @property
    def _executions(self) -> Executions:
        found: Executions = self._runtime.executions
        return found

    async def handle_request(
        self, method: str, path: str, headers: dict[str, str], body: bytes | str, query: dict[str, Any]
    ) -> Response:
        """One request, already authenticated and authorised."""
        from ministack.core.concurrency import run_reentrant

        action = headers.get("x-amz-target", "").rpartition(".")[2]
        try:
            data = json.loads(body or "{}")
        except (ValueError, RecursionError):
            data = None
        if not isinstance(data, dict):
            return refuse(RequestError("SerializationException", "the body is not a JSON object"))
        if action in self._calls:
            return self.answer(self._calls[action], data)
        if action in self._long:
            ran: Response = await run_reentrant(self.answer, self._long[action], data, thread_name="asl-request")
            return ran
        if action == "GetActivityTask":
            return await self._activity_task(data)
        try:
            if action in self._checks:
                self._checks[action](data)
        except RequestError as error:
            return refuse(error)
        return await self._original(method, path, headers, body, query)

    @staticmethod
    def answer(call: Callable[[dict[str, Any]], dict[str, Any]], data: dict[str, Any]) -> Response:
        """A call's result, or its refusal, as the emulator's services answer."""
        from ministack.core.responses import json_response
        from ministack.services import stepfunctions as sfn

        try:
            found: Response = sfn._finalize_response(json_response(call(data)))
        except RequestError as error:
            return refuse(error)
        return found

    def _record(self, data: dict[str, Any]) -> Record:
        arn = str(data.get("executionArn", ""))
        if ":express:" in arn:
            raise RequestError("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
        if not _EXECUTION_ARN.fullmatch(arn):
            raise RequestError("InvalidArn", f"Invalid Arn: 'Invalid ARN prefix: {arn}'")
        record = self._executions.record(arn)
        if record is None:
            raise RequestError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return record

    def _start(self, data: dict[str, Any]) -> dict[str, Any]:
        record = begin(self._executions, data)
        return {"executionArn": record["executionArn"], "startDate": record["startDate"]}

    def _start_sync(self, data: dict[str, Any]) -> dict[str, Any]:
        record = begin(self._executions, data, here=True)
        members = (
            "executionArn",
            "stateMachineArn",
            "name",
            "startDate",
            "stopDate",
            "status",
            "input",
            "inputDetails",
        )
        told = {member: record[member] for member in members}
        ended = {member: record[member] for member in ("output", "error", "cause") if record[member] is not None}
        milliseconds = max(1, int((record["_ended"] - record["_began"]) * 1000))
        billing = {"billedDurationInMilliseconds": milliseconds, "billedMemoryUsedInMB": 64}
        return {**told, **ended, "outputDetails": {"included": True}, "billingDetails": billing}

    def _stop(self, data: dict[str, Any]) -> dict[str, Any]:
        record = self._record(data)
        self._executions.engine.stop(record, data.get("error"), data.get("cause"))
        return {"stopDate": record["stopDate"]}

    def _redrive(self, data: dict[str, Any]) -> dict[str, Any]:
        return {"redriveDate": _epoch(self._executions.engine.redrive(self._record(data)))}

    def _describe(self, data: dict[str, Any]) -> dict[str, Any]:
        record = self._record(data)
        why = self._executions.engine.redrivable(record)
        told = {key: value for key, value in record.items() if not key.startswith("_") and value is not None}
        for member in ("events", "encryptionConfiguration"):
            told.pop(member, None)
        if record["output"] is None:
            told.pop("outputDetails", None)
        reason = {} if why is None else {"redriveStatusReason": why}
        return {**told, "redriveStatus": "REDRIVABLE" if why is None else "NOT_REDRIVABLE", **reason}

    def _machine_of(self, data: dict[str, Any]) -> dict[str, Any]:
        from ministack.services import stepfunctions as sfn

        record = self._record(data)
        machine = sfn._state_machines.get(record["stateMachineArn"], {})
        return {
            "stateMachineArn": record["stateMachineArn"],
            "name": record["stateMachineArn"].split(":")[6],
            "definition": record["_definition"],
            "roleArn": record["_role"],
            "updateDate": machine.get("creationDate") or record["startDate"],
            "encryptionConfiguration": record.get("encryptionConfiguration") or sfn._default_encryption(),
        }

    def _success(self, data: dict[str, Any]) -> dict[str, Any]:
        self._executions.engine.tokens.success(str(data.get("taskToken", "")), data.get("output", ""))
        return {}

    def _failure(self, data: dict[str, Any]) -> dict[str, Any]:
        token, error = str(data.get("taskToken", "")), str(data.get("error") or "")
        self._executions.engine.tokens.failure(token, error, str(data.get("cause") or ""))
        return {}

    def _heartbeat(self, data: dict[str, Any]) -> dict[str, Any]:
        self._executions.engine.tokens.heartbeat(str(data.get("taskToken", "")))
        return {}

    def _test_state(self, data: dict[str, Any]) -> dict[str, Any]:
        from rehearsal.asl.teststate import test_state

        scope = scope_of_request()
        asked = {**data, "_scope": f"{scope.region}:{scope.account}"}
        return test_state(self._executions.engine, asked, integrations.refusal)

    def _abort_all(self, data: dict[str, Any]) -> None:
        """Executions of a deleted machine end at their next step."""
        for run in list(self._executions.engine.runs.values()):
            if run.record["stateMachineArn"] == data.get("stateMachineArn"):
                run.end("ABORTED", cause="The state machine was deleted")

    async def _activity_task(self, data: dict[str, Any]) -> Response:
        from ministack.services import stepfunctions as sfn

        arn = str(data.get("activityArn", ""))
        if arn not in sfn._activities:
            return refuse(RequestError("ActivityDoesNotExist", f"Activity Does Not Exist: '{arn}'"))
        until = time.monotonic() + ACTIVITY_POLL_SECONDS
        while time.monotonic() < until:
            found = self._executions.engine.tokens.dequeue(arn, data.get("workerName"))
            if found is not None:
                token, given = found
                return self.answer({"taskToken": token, "input": given}.__or__, {})
            await asyncio.sleep(0.05)
        return self.answer(dict, {})


def void(_: Any) -> None:
    """A look-up that is made for its refusal only."""


def refuse(error: RequestError) -> Response:
    """An error in the service's words."""
    from ministack.core.responses import error_response_json

    found: Response = error_response_json(error.code, error.message, error.status)
    return found


def _epoch(stamp: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(stamp).timestamp()


def start_execution(_: Callable[..., Response], runtime: Runtime) -> Callable[[dict[str, Any]], Response]:
    """What EventBridge, Scheduler and Pipes call inside the emulator."""

    def start(data: dict[str, Any]) -> Response:
        def begun(request: dict[str, Any]) -> dict[str, Any]:
            record = begin(runtime.executions, request)
            return {"executionArn": record["executionArn"], "startDate": record["startDate"]}

        return StepFunctions.answer(begun, data)

    return start


def now_iso(_: Callable[[], str], runtime: Runtime) -> Callable[[], str]:
    """Time stamps of machines, versions, aliases and activities."""
    return lambda: iso(runtime.clock)
