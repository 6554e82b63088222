"""SageMaker's tasks of Step Functions, optimised and through the SDK, under the task's role."""

import json
from typing import Any

from rehearsal.adapter import scope_of_request
from rehearsal.asl.errors import RUNTIME, TASK_FAILED, StatesError
from rehearsal.asl.ports import Call
from rehearsal.asl.resources import Resource
from rehearsal.authority import DeniedError
from rehearsal.host import Scope
from rehearsal.permissions import Need, dependents, primary
from rehearsal.runtime import Runtime

_STARTED_BY = {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"}
# Job kind: its status member and the managed rule by which Step Functions learns that it ended.
_JOBS = {
    "TrainingJob": ("TrainingJobStatus", "StepFunctionsGetEventsForSageMakerTrainingJobsRule"),
    "ProcessingJob": ("ProcessingJobStatus", "StepFunctionsGetEventsForSageMakerProcessingJobsRule"),
    "TransformJob": ("TransformJobStatus", "StepFunctionsGetEventsForSageMakerTransformJobsRule"),
    "HyperParameterTuningJob": ("HyperParameterTuningJobStatus", "StepFunctionsGetEventsForSageMakerTuningJobsRule"),
}
_OPTIMISED = {"CreateModel", "CreateEndpointConfig", "CreateEndpoint", "UpdateEndpoint"}


def _action(resource: Resource) -> str:
    return resource.action[0].upper() + resource.action[1:]


def _noun(call: Call) -> str:
    return _action(call.resource).removeprefix("Create")


def known(resource: Resource) -> bool:
    """Whether Step Functions has this optimised integration."""
    action = _action(resource)
    job = action.startswith("Create") and action.removeprefix("Create") in _JOBS
    return (
        not resource.callback
        and resource.pattern != ".sync:2"
        and (job or (action in _OPTIMISED and not resource.sync))
    )


def managed_rule(rule: str, scope: Scope) -> list[Need]:
    """What a role needs so that Step Functions hears of the end of what it started."""
    arn = f"arn:aws:events:{scope.region}:{scope.account}:rule/{rule}"
    return [Need(f"events:{action}", arn) for action in ("PutRule", "PutTargets", "DescribeRule")]


def start(runtime: Runtime, call: Call) -> Any:
    """Make the request. A job that a call before a restart has made already is taken for this one's."""
    resource, scope, params = call.resource, scope_of_request(), dict(call.arguments or {})
    if resource.kind == "optimised" and not known(resource):
        raise StatesError(RUNTIME, f"Step Functions has no integration {resource.arn}.")
    action = _action(resource)
    needs = []
    if resource.sync:
        params["Tags"] = [*(params.get("Tags") or []), _STARTED_BY]
        needs = [primary(f"Describe{_noun(call)}", params, scope), *managed_rule(_JOBS[_noun(call)][1], scope)]
    needs = [primary(action, params, scope), *dependents(action, params, scope), *needs]
    try:
        return _request(runtime, call, action, params, needs)
    except StatesError as error:
        if call.resumed and resource.sync and error.error.endswith(".ResourceInUseException"):
            return {}
        raise


def poll(runtime: Runtime, call: Call) -> Any:
    """The description of a job that has completed; None while it runs."""
    noun = _noun(call)
    job = _request(runtime, call, f"Describe{noun}", _identity(call), [])
    status = job[_JOBS[noun][0]]
    if status in ("Failed", "Stopped"):
        raise StatesError(TASK_FAILED, json.dumps(job))
    return job if status == "Completed" else None


def stop(runtime: Runtime, call: Call) -> None:
    """Stop a job that nobody waits for any more."""
    noun, identity = _noun(call), _identity(call)
    status = _request(runtime, call, f"Describe{noun}", identity, [])[_JOBS[noun][0]]
    if status == "InProgress":
        _request(runtime, call, f"Stop{noun}", identity, [primary(f"Stop{noun}", identity, scope_of_request())])


def _identity(call: Call) -> dict[str, Any]:
    member = f"{_noun(call)}Name"
    return {member: call.arguments[member]}


def _request(runtime: Runtime, call: Call, action: str, params: dict[str, Any], needs: list[Need]) -> Any:
    from rehearsal.sagemaker import ServiceError

    scope = scope_of_request()
    try:
        runtime.authority.require(call.role, call.session, needs, scope)
        result = runtime.sagemaker.handle(action, params, scope, call.role)
    except DeniedError as denied:
        raise StatesError("SageMaker.AccessDeniedException", str(denied)) from None
    except ServiceError as error:
        raise StatesError(error_name(error.code), error.message) from None
    return _milliseconds(result)


def error_name(code: str) -> str:
    """SDK errors always end in Exception; what the service model does not list has the service's general name."""
    if code == "ValidationException":
        return "SageMaker.SageMakerException"
    return f"SageMaker.{code}" if code.endswith("Exception") else f"SageMaker.{code}Exception"


def _milliseconds(value: Any, key: str = "") -> Any:
    """Step Functions hands time stamps on in epoch milliseconds."""
    if isinstance(value, dict):
        return {name: _milliseconds(item, name) for name, item in value.items()}
    if isinstance(value, list):
        return [_milliseconds(item) for item in value]
    return int(value * 1000) if key.endswith("Time") and isinstance(value, float) else value
