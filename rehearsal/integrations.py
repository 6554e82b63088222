"""Service integrations of Step Functions: what the machine's role must allow, and SageMaker's own tasks."""

import contextvars
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from rehearsal.adapter import scope_of_request
from rehearsal.authority import DeniedError
from rehearsal.host import Scope
from rehearsal.permissions import Need, dependents, primary
from rehearsal.runtime import Runtime

POLL_SECONDS = 0.2
_STARTED_BY = {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}
# Job kind: its status member and the managed rule by which Step Functions learns that it ended.
_JOBS = {
    "TrainingJob": ("TrainingJobStatus", "StepFunctionsGetEventsForSageMakerTrainingJobsRule"),
    "ProcessingJob": ("ProcessingJobStatus", "StepFunctionsGetEventsForSageMakerProcessingJobsRule"),
    "TransformJob": ("TransformJobStatus", "StepFunctionsGetEventsForSageMakerTransformJobsRule"),
    "HyperParameterTuningJob": ("HyperParameterTuningJobStatus", "StepFunctionsGetEventsForSageMakerTuningJobsRule"),
}
_OPTIMISED_SAGEMAKER = {"CreateModel", "CreateEndpointConfig", "CreateEndpoint", "UpdateEndpoint"}
# How a denied call of an optimised task is named.
_DENIED_AS = {"lambda": "Lambda.AWSLambdaException", "dynamodb": "DynamoDB.AmazonDynamoDBException"}


@dataclass(frozen=True)
class Task:
    """The task that this thread works on."""

    role_arn: str
    session: str
    timeout_seconds: Any
    stop: threading.Event


current_task: contextvars.ContextVar[Task | None] = contextvars.ContextVar("slipway_task", default=None)


def _fail(error: str, cause: str) -> NoReturn:
    from ministack.services.stepfunctions import _ExecutionError

    raise _ExecutionError(error, cause)


def _queue(arguments: Mapping[str, Any], scope: Scope) -> list[str]:
    return [f"arn:aws:sqs:{scope.region}:{scope.account}:{str(arguments.get('QueueUrl', '')).rsplit('/', 1)[-1]}"]


def _table(arguments: Mapping[str, Any], scope: Scope) -> list[str]:
    name = str(arguments.get("TableName", ""))
    return [name if name.startswith("arn:") else f"arn:aws:dynamodb:{scope.region}:{scope.account}:table/{name}"]


def _function(arguments: Mapping[str, Any], scope: Scope) -> list[str]:
    name = str(arguments.get("FunctionName", ""))
    return [name if name.startswith("arn:") else f"arn:aws:lambda:{scope.region}:{scope.account}:function:{name}"]


def _buses(arguments: Mapping[str, Any], scope: Scope) -> list[str]:
    names = {str(entry.get("EventBusName") or "default") for entry in arguments.get("Entries") or []}
    prefix = f"arn:aws:events:{scope.region}:{scope.account}:event-bus/"
    return [name if name.startswith("arn:") else prefix + name for name in sorted(names)]


def _machine(arguments: Mapping[str, Any], _: Scope) -> list[str]:
    return [str(arguments.get("StateMachineArn", ""))]


_OPTIMISED: dict[str, tuple[str, Callable[[Mapping[str, Any], Scope], list[str]]]] = {
    "lambda:invoke": ("lambda:InvokeFunction", _function),
    "dynamodb:getItem": ("dynamodb:GetItem", _table),
    "dynamodb:putItem": ("dynamodb:PutItem", _table),
    "dynamodb:updateItem": ("dynamodb:UpdateItem", _table),
    "dynamodb:deleteItem": ("dynamodb:DeleteItem", _table),
    "sns:publish": ("sns:Publish", lambda arguments, _: [str(arguments.get("TopicArn") or "*")]),
    "sqs:sendMessage": ("sqs:SendMessage", _queue),
    "events:putEvents": ("events:PutEvents", _buses),
    "states:startExecution": ("states:StartExecution", _machine),
}


def check_optimised(resource: str, arguments: Any, runtime: Runtime) -> None:
    """Deny what the machine's role does not allow; refuse a task whose permissions are not known here."""
    task, scope = current_task.get(), scope_of_request()
    parts = resource.split(":")
    if task is None or "aws-sdk" in parts or (parts[2] == "states" and parts[5] == "activity"):
        return
    if parts[2] == "lambda":
        needs = [Need("lambda:InvokeFunction", resource)]
        service = "lambda"
    else:
        service = parts[5]
        operation = f"{service}:{parts[6].split('.')[0]}"
        known = _OPTIMISED.get(operation)
        if known is None:
            _fail(
                "States.Runtime",
                f"The embedded cloud does not know which permissions {resource} needs, so it refuses it.",
            )
        needs = [Need(known[0], target) for target in known[1](arguments, scope)]
        if operation == "states:startExecution" and ".sync" in resource:
            needs += _managed_rule("StepFunctionsGetEventsForStepFunctionsExecutionRule", scope)
    try:
        runtime.authority.require(task.role_arn, task.session, needs, scope)
    except DeniedError as denied:
        _fail(_DENIED_AS.get(service, f"{service.upper()}.AccessDeniedException"), str(denied))


def check_request(  # noqa: PLR0917  # the parts of a request, as the emulator passes them
    method: str, path: str, headers: Mapping[str, str], body: Any, query: Mapping[str, Any], runtime: Runtime
) -> None:
    """The same for a request that an SDK task is about to make."""
    from ministack import app
    from ministack.core import iam_actions
    from ministack.services import stepfunctions as sfn

    task, scope = current_task.get(), scope_of_request()
    if task is None:
        return
    service = headers["authorization"].split("/")[3]
    raw = body.encode() if isinstance(body, str) else body
    params = app._routing_params(method, path, headers, raw, query)
    action = iam_actions.extract_iam_action(service, method, path, headers, raw, params)
    if action is None:
        _fail("States.Runtime", f"The embedded cloud cannot tell which permission {method} {path} of {service} needs.")
    target = iam_actions.extract_resource_arn(service, method, path, headers, raw, params, scope.region, scope.account)
    context = iam_actions.request_tag_context(service, action, raw, params)
    try:
        runtime.authority.require(task.role_arn, task.session, [Need(action, target, context)], scope)
    except DeniedError as denied:
        names = {"states": "sfn", "monitoring": "cloudwatch", "events": "eventbridge"}
        prefix = sfn._AWS_SDK_ERROR_PREFIX.get(names.get(service, service), service.capitalize())
        _fail(f"{prefix}.AccessDeniedException", str(denied))


def is_sagemaker(resource: str) -> bool:
    """Optimised or SDK task of SageMaker's control plane."""
    return ":states:::sagemaker:" in resource or ":states:::aws-sdk:sagemaker:" in resource


def sagemaker(resource: str, arguments: Any, runtime: Runtime) -> dict[str, Any]:
    """Run a SageMaker task under the machine's role."""
    name = resource.rsplit(":", 1)[-1]
    operation, _, suffix = name.partition(".")
    action = operation[0].upper() + operation[1:]
    noun = action.removeprefix("Create")
    sync = suffix == "sync"
    known = action in _OPTIMISED_SAGEMAKER or (action.startswith("Create") and noun in _JOBS)
    if "aws-sdk" not in resource and (not known or (suffix and not (sync and noun in _JOBS))):
        _fail("States.Runtime", f"Step Functions has no integration {resource}.")
    scope = scope_of_request()
    params = dict(arguments or {})
    needs = []
    if sync:
        params["Tags"] = [*(params.get("Tags") or []), _STARTED_BY]
        needs = [primary(f"Describe{noun}", params, scope), *_managed_rule(_JOBS[noun][1], scope)]
    created = _call(
        action, params, [primary(action, params, scope), *dependents(action, params, scope), *needs], runtime
    )
    return _wait(noun, params, runtime) if sync else created


def _managed_rule(rule: str, scope: Scope) -> list[Need]:
    arn = f"arn:aws:events:{scope.region}:{scope.account}:rule/{rule}"
    return [Need(f"events:{action}", arn) for action in ("PutRule", "PutTargets", "DescribeRule")]


def _call(action: str, params: dict[str, Any], needs: list[Need], runtime: Runtime) -> dict[str, Any]:
    from rehearsal.sagemaker import ServiceError

    task, scope = current_task.get(), scope_of_request()
    if task is None:
        _fail("States.Runtime", "a SageMaker task outside an execution")
    try:
        runtime.authority.require(task.role_arn, task.session, needs, scope)
        result: dict[str, Any] = runtime.sagemaker.handle(action, params, scope, task.role_arn)
    except DeniedError as denied:
        _fail("SageMaker.AccessDeniedException", str(denied))
    except ServiceError as error:
        _fail(error_name(error.code), error.message)
    shaped: dict[str, Any] = _milliseconds(result)
    return shaped


def error_name(code: str) -> str:
    """SDK errors always end in Exception; what the service model does not list has the service's general name."""
    if code == "ValidationException":
        return "SageMaker.SageMakerException"
    return f"SageMaker.{code}" if code.endswith("Exception") else f"SageMaker.{code}Exception"


def _wait(noun: str, params: dict[str, Any], runtime: Runtime) -> dict[str, Any]:
    task = current_task.get()
    assert task is not None
    identity = {f"{noun}Name": params[f"{noun}Name"]}
    limit = task.timeout_seconds if isinstance(task.timeout_seconds, int | float) else None
    started = time.monotonic()
    while True:
        job = _call(f"Describe{noun}", identity, [], runtime)
        status = job[_JOBS[noun][0]]
        if status == "Completed":
            return job
        if status in ("Failed", "Stopped"):
            _fail("States.TaskFailed", json.dumps(job))
        timed_out = limit is not None and time.monotonic() - started >= limit
        if task.stop.wait(POLL_SECONDS) or timed_out:
            stop = primary(f"Stop{noun}", identity, scope_of_request())
            if status != "Stopping":
                _call(f"Stop{noun}", identity, [stop], runtime)
            _fail("States.Timeout" if timed_out else "States.Runtime", f"{noun} {params[f'{noun}Name']} was stopped")


def _milliseconds(value: Any, key: str = "") -> Any:
    """Step Functions hands time stamps on in epoch milliseconds."""
    if isinstance(value, dict):
        return {name: _milliseconds(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_milliseconds(item) for item in value]
    return int(value * 1000) if key.endswith("Time") and isinstance(value, float) else value
