"""Invocations of Python functions: concurrency, environments, log, metrics; in place of the emulator's executor."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from rehearsal.emulator import write_log
from rehearsal.functions import faults as lambda_faults
from rehearsal.functions.environment import Answer, Environment, Plan
from rehearsal.functions.log import InvocationLog
from rehearsal.functions.plan import Planner
from rehearsal.functions.pool import Pool
from rehearsal.iam.delivery import notification_allowed
from rehearsal.runtime import Runtime

# The service's limit on an answer, and its words.
RESPONSE_BYTES = 6_291_556
# Set while a caller counts the invocation in the metrics itself, which the emulator does for the Invoke API.
COUNTED: ContextVar[bool] = ContextVar("counted", default=False)
Invoke = Callable[[dict[str, Any], Any], dict[str, Any]]


def execute(original: Invoke, runtime: Runtime) -> Invoke:
    """Run one invocation to its end. Gives the emulator's result: {body, log} and, when it failed, {error}."""
    from ministack.services import lambda_svc as service

    executor = Executor(runtime)

    def run(function: dict[str, Any], event: Any) -> dict[str, Any]:
        config = function.get("config") or function
        durable = (config.get("DurableConfig") or {}).get("Enabled")
        if durable or not function.get("code_zip") or not str(config.get("Runtime", "")).startswith("python"):
            return original(function, event)
        if service._function_config_scope_mismatch(config):
            scoped: dict[str, Any] = service._run_with_function_config_scope(config, run, function, event)
            return scoped
        if not notification_allowed(runtime.authority, str(config.get("FunctionArn", "")), event):
            return {"body": None, "log": ""}  # nobody waits for what a topic's delivery gives back
        return executor.run(function, config, event)

    return run


class Executor:
    """All that invocations of one cloud share."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._planner = Planner(runtime)
        self.pool = Pool()

    def run(self, function: dict[str, Any], config: Mapping[str, Any], event: Any) -> dict[str, Any]:
        """One invocation, refused or carried out, and counted."""
        from ministack.services import lambda_svc as service

        began = time.monotonic()
        result = self._run(function, config, event)
        if not COUNTED.get():
            milliseconds = 0.0 if result.get("refused") else (time.monotonic() - began) * 1000
            failed = bool(result.get("error")) and not result.get("refused")
            service._emit_lambda_metrics(config["FunctionName"], milliseconds, failed, bool(result.get("throttle")))
        return result

    def _run(self, function: dict[str, Any], config: Mapping[str, Any], event: Any) -> dict[str, Any]:
        from ministack.services import lambda_svc as service

        name = str(config["FunctionName"])
        struck = lambda_faults.take(self._runtime, "D07", name)
        if struck is not None:
            return refusal(str(struck.where.get("error", "TooManyRequestsException")))
        # Reserved concurrency is the function's, whichever version of it runs.
        slot, limit = service._acquire_execution_slot(service._functions.get(name) or function, config)
        if slot is None:
            reserved = limit == "function"
            return refusal("TooManyRequestsException", reserved=reserved)
        try:
            return self._invoke(function, config, event)
        finally:
            service._release_execution_slot(slot)

    def _invoke(self, function: dict[str, Any], config: Mapping[str, Any], event: Any) -> dict[str, Any]:
        request_id = str(uuid.uuid4())
        log = InvocationLog(request_id, str(config.get("Version", "$LATEST")), int(config.get("MemorySize") or 128))
        try:
            plan = self._planner.plan(function, config)
        except ValueError as error:
            return _failed({"errorMessage": str(error), "errorType": "InvalidZipFileException"}, "")
        environment, answer = self._initialised(plan, float(config.get("Timeout") or 3), log)
        began = time.monotonic()
        if answer is None:
            answer = environment.invoke(_message(request_id, config, event), float(config.get("Timeout") or 3))
            log.add(answer.lines)
        seconds = time.monotonic() - began if answer.timed_out else answer.seconds
        if answer.alive:
            self.pool.give_back(environment)
        answer = self._distorted(answer, str(config["FunctionName"]), request_id, float(config.get("Timeout") or 3))
        text = log.finish(answer, seconds, environment.peak_mb)
        self._write(environment.plan, text)
        if answer.error is not None:
            return _failed(answer.error, "\n".join(text))
        result = answer.result or "null"
        if len(result.encode()) > RESPONSE_BYTES:
            words = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_BYTES} bytes)."
            document = {"errorMessage": words, "errorType": "Function.ResponseSizeTooLarge"}
            return _failed(document, "\n".join(text))
        return {"body": _parsed(result), "log": "\n".join(text)}

    def _write(self, plan: Plan, lines: list[str]) -> None:
        from ministack.services import cloudwatch_logs as logs

        write_log(plan.log_group, plan.log_stream, lines, self._runtime.clock)
        now_ms = int(self._runtime.clock.now() * 1000)
        events = [{"timestamp": now_ms, "message": line} for line in lines]
        logs._fanout_to_subscription_filters(plan.log_group, plan.log_stream, events)

    def _initialised(self, plan: Plan, timeout_seconds: float, log: InvocationLog) -> tuple[Environment, Answer | None]:
        """An environment that is ready, or the answer that its init phase came to."""
        environment, warm = self.pool.lease(plan)
        if warm:
            log.begin()
            return environment, None
        version = plan.environment["AWS_EXECUTION_ENV"].removeprefix("AWS_Lambda_python")
        log.lines.append(f"INIT_START Runtime Version: python:{version}\tRuntime Version ARN: embedded")
        answer = environment.start()
        if answer.timed_out:
            # The service starts the init phase anew with the first invocation, under the function's own time-out.
            log.lines.append("INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout")
            environment = Environment(plan)
            answer = environment.start(timeout_seconds)
        log.init_seconds = answer.seconds
        log.add(answer.lines)
        log.begin()
        if answer.error is not None and answer.error["errorType"] in ("Runtime.ExitError", "Sandbox.Timedout"):
            # Of the init phase, but told to the invocation that asked for it.
            words = answer.error["errorMessage"].replace("RequestId: ", f"RequestId: {log.request_id}", 1)
            answer.error["errorMessage"] = words
        return environment, answer if answer.error is not None else None

    def _distorted(self, answer: Answer, name: str, request_id: str, timeout_seconds: float) -> Answer:
        if answer.error is not None or lambda_faults.take(self._runtime, "D06", name) is None:
            return answer
        words = f"RequestId: {request_id} Error: Task timed out after {timeout_seconds:.2f} seconds"
        return Answer(error={"errorType": "Sandbox.Timedout", "errorMessage": words}, timed_out=True)


def refusal(error: str, *, reserved: bool = True) -> dict[str, Any]:
    """What the emulator's callers get when the service refuses to run the function."""
    if error != "TooManyRequestsException":
        words = "The AWS Lambda service encountered an internal error."
        body = {"Type": "Service", "Message": words, "errorType": f"Lambda.{error}", "errorMessage": words}
        return {"error": True, "refused": error, "body": body, "log": ""}
    reason = "ReservedFunctionConcurrentInvocationLimitExceeded" if reserved else "ConcurrentInvocationLimitExceeded"
    body = {
        "__type": error,
        "Reason": reason,
        "Type": "User",
        "message": "Rate Exceeded.",
        "retryAfterSeconds": "1",
        "errorType": f"Lambda.{error}",
        "errorMessage": "Rate Exceeded.",
    }
    return {"error": True, "throttle": True, "refused": error, "body": body, "log": ""}


def _message(request_id: str, config: Mapping[str, Any], event: Any) -> dict[str, Any]:
    from ministack.services import lambda_svc as service

    seconds = float(config.get("Timeout") or 3)
    # AWS carries the depth of a chain of functions in the trace header, which its SDKs hand on.
    depth = int(service._invoke_depth.get() or 0)
    trace = f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]};Parent={uuid.uuid4().hex[:16]};Sampled=0"
    return {
        "event": json.dumps(event),
        "request_id": request_id,
        "deadline_ms": int((time.time() + seconds) * 1000),
        "arn": config.get("FunctionArn", ""),
        "trace_id": f"{trace};Lineage={depth}:{hashlib.sha256(request_id.encode()).hexdigest()[:8]}:0",
    }


def _failed(document: dict[str, Any], log: str) -> dict[str, Any]:
    return {"body": document, "error": True, "function_error": "Unhandled", "log": log}


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # a handler may return bytes that are no JSON
        return text
