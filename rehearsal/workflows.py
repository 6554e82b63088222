"""Hooks on Step Functions: whose role a task has, cloud time, ends from outside, and JSONata in Parallel states."""

import contextvars
import copy
import json
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from rehearsal import integrations
from rehearsal.cloudtime import iso
from rehearsal.executions import Running
from rehearsal.integrations import Task, current_task
from rehearsal.runtime import Runtime

_running: contextvars.ContextVar[Running | None] = contextvars.ContextVar("slipway_execution", default=None)
_STOPPED = "the execution was stopped"


def run_execution(original: Callable[[str], None], runtime: Runtime) -> Callable[[str], None]:
    """Watch the execution for its timeout and for StopExecution."""
    from ministack.services import stepfunctions as sfn

    def run(arn: str) -> None:
        current_task.set(None)  # a task that started this execution does not lend it its role
        record = sfn._executions.get(arn)
        if record is None:
            return
        machine = sfn._state_machines.get(record["stateMachineArn"]) or {}
        try:
            timeout = json.loads(machine.get("definition", "{}")).get("TimeoutSeconds")
        except ValueError:
            timeout = None
        running = runtime.executions.begin(arn, record, timeout if isinstance(timeout, int | float) else None)
        token = _running.set(running)
        try:
            original(arn)
        finally:
            _running.reset(token)
            runtime.executions.end(arn)

    return run


def execute_task(original: Callable[..., Any], _: Runtime) -> Callable[..., Any]:
    """Give the task its machine's role; let none start in an execution that has been stopped."""
    from ministack.core import iam_evaluator
    from ministack.services import stepfunctions as sfn

    def execute(state: dict[str, Any], raw_input: Any, execution: dict[str, Any], context: dict[str, Any]) -> Any:
        running = _running.get()
        if execution["status"] != "RUNNING":
            raise sfn._ExecutionError("States.Runtime", _STOPPED)
        machine = sfn._state_machines.get(execution["stateMachineArn"])
        stop = running.stop if running else threading.Event()
        task = Task(machine["roleArn"], execution["name"], state.get("TimeoutSeconds"), stop) if machine else None
        token = current_task.set(task)
        # Resource policies see who calls, and that Step Functions calls over TLS.
        iam_evaluator.pin_request_origin("127.0.0.1", True)
        if machine:
            role = machine["roleArn"].replace(":iam:", ":sts:").replace(":role/", ":assumed-role/")
            iam_evaluator._request_caller_arn.set(f"{role}/{execution['name']}")
        try:
            return original(state, raw_input, execution, context)
        finally:
            current_task.reset(token)

    return execute


def invoke_resource(original: Callable[[str, Any], Any], runtime: Runtime) -> Callable[[str, Any], Any]:
    """SageMaker tasks are ours; every other optimised task is checked against the role first."""

    def invoke(resource: str, arguments: Any) -> Any:
        if integrations.is_sagemaker(resource):
            return integrations.sagemaker(resource, arguments, runtime)
        integrations.check_optimised(resource, arguments, runtime)
        return original(resource, arguments)

    return invoke


def invoke_with_callback(original: Callable[..., Any], runtime: Runtime) -> Callable[..., Any]:
    """Task-token tasks need the same permissions."""

    def invoke(resource: str, arguments: Any, token: str, state: dict[str, Any]) -> Any:
        integrations.check_optimised(resource, arguments, runtime)
        return original(resource, arguments, token, state)

    return invoke


def guard_calls(original: Callable[..., Any], runtime: Runtime) -> Callable[..., Any]:
    """SDK tasks reach a service through this function: check the role, then let the service work without it."""

    def call(  # noqa: PLR0917  # the emulator\'s own signature
        handler: Callable[..., Any],
        method: str,
        path: str,
        headers: dict[str, str],
        body: Any,
        query: dict[str, Any],
        timeout: float | None = None,
    ) -> Any:
        if current_task.get() is None:
            return original(handler, method, path, headers, body, query, timeout)
        integrations.check_request(method, path, headers, body, query, runtime)

        async def unguarded(*arguments: Any) -> Any:
            current_task.set(None)
            return await handler(*arguments)

        return original(unguarded, method, path, headers, body, query, timeout)

    return call


def fail_execution(original: Callable[..., None], _: Runtime) -> Callable[..., None]:
    """What was aborted or timed out does not become FAILED afterwards."""

    def fail(execution: dict[str, Any], error: str, cause: str) -> None:
        if execution["status"] == "RUNNING":
            original(execution, error, cause)

    return fail


def scaled_sleep(_: Callable[[float], None], runtime: Runtime) -> Callable[[float], None]:
    """Waits and retry intervals pass on cloud time and end when the execution is stopped."""
    from ministack.services import stepfunctions as sfn

    def sleep(seconds: float) -> None:
        running = _running.get()
        if not runtime.clock.sleep(seconds, running.stop if running else None):
            raise sfn._ExecutionError("States.Runtime", _STOPPED)

    return sleep


def sleep_until(_: Callable[[str], None], runtime: Runtime) -> Callable[[str], None]:
    """Wait for a moment of cloud time."""
    from ministack.services import stepfunctions as sfn

    def sleep(timestamp: str) -> None:
        due = datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()
        sfn._scaled_sleep(max(0.0, due - runtime.clock.now()))

    return sleep


def now_iso(_: Callable[[], str], runtime: Runtime) -> Callable[[], str]:
    """Time stamps of executions."""
    return lambda: iso(runtime.clock)


def jsonata_functions(original: Callable[[Any], None], runtime: Runtime) -> Callable[[Any], None]:
    """$now() and $millis() read the cloud's clock; $now with a picture keeps the engine's own formatting."""

    def register(expression: Any) -> None:
        original(expression)
        expression.register_lambda("millis", lambda: int(runtime.clock.now() * 1000))
        expression.register_lambda("now", lambda: iso(runtime.clock))

    return register


def parallel(original: Callable[..., Any], _: Runtime) -> Callable[..., Any]:
    """JSONata: branches get Arguments, own variables; Output and Assign see the results."""
    from ministack.services import stepfunctions as sfn

    def run(state: dict[str, Any], raw_input: Any, execution: dict[str, Any], context: dict[str, Any]) -> Any:
        if sfn._state_query_language(state, context) != "JSONata":
            return original(state, raw_input, execution, context)
        given = sfn._apply_jsonata_arguments(state, raw_input, context)
        branches = state["Branches"]
        results: list[Any] = [None] * len(branches)
        errors: list[Exception] = []

        def branch(index: int) -> None:
            inner = {**context, "variables": copy.deepcopy(context.get("variables") or {})}
            definition = branches[index]
            try:
                results[index] = sfn._run_sub_machine(
                    definition["States"], definition["StartAt"], given, execution, inner
                )
            except Exception as error:  # carried to the state's own thread
                errors.append(error)

        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(branch, index), daemon=True)
            for index in range(len(branches))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if errors:
            first = errors[0]
            raise first if isinstance(first, sfn._ExecutionError) else sfn._ExecutionError("States.Runtime", str(first))
        output = sfn._apply_jsonata_output(state, raw_input, context, result=results, default=results)
        sfn._apply_state_assign(state, raw_input, context, result=results)
        return output, sfn._next_or_end(state)

    return run


def succeed_output(original: Callable[..., Any], _: Runtime) -> Callable[..., Any]:
    """A Succeed state's Output; the emulator reads only its OutputPath, which JSONata states do not have."""
    from ministack.services import stepfunctions as sfn

    def output(state: dict[str, Any], data: Any, context: dict[str, Any] | None = None) -> Any:
        if state.get("Type") == "Succeed" and sfn._state_query_language(state, context) == "JSONata":
            return sfn._apply_jsonata_output(state, data, context, default=data)
        return original(state, data, context)

    return output
