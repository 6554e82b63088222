"""What each type of step does: the call that starts it, how it is followed, what it is known by afterwards."""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.host import Scope
from rehearsal.sagemaker import objects
from rehearsal.sagemaker.actions import TABLE, Call
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.pipelines.definition import Step
from rehearsal.sagemaker.pipelines.values import Known, ValueUnknownError, resolve
from rehearsal.sagemaker.store import Record

CALLBACK_SECONDS = 7 * 86_400


class StepFailedError(Exception):
    """Why a step failed; `kind` is the exception type that retry policies go by."""

    def __init__(self, reason: str, kind: str = "") -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True)
class Kind:
    """A step type that is a resource of SageMaker."""

    noun: str  # Create<noun>, Describe<noun>
    metadata: str
    name: str  # member of the request that names it; empty: the service does
    arn: str
    status: str = ""  # member of Describe; empty: done when made
    stop: str = ""


def _job(noun: str, metadata: str = "") -> Kind:
    return Kind(noun, metadata or noun, f"{noun}Name", f"{noun}Arn", f"{noun}Status", f"Stop{noun}")


JOBS = {
    "Training": _job("TrainingJob"),
    "Processing": _job("ProcessingJob"),
    "Transform": _job("TransformJob"),
    "Tuning": _job("HyperParameterTuningJob", "TuningJob"),
    "Model": Kind("Model", "Model", "ModelName", "ModelArn"),
    "RegisterModel": Kind("ModelPackage", "RegisterModel", "", "ModelPackageArn"),
}
_SNAKE = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


@dataclass(frozen=True)
class Bench:
    """Where a step works: cloud, account and region, its execution, and what it may refer to."""

    core: Core
    scope: Scope
    execution: Record
    known: Known

    def client(self, service: str) -> Any:
        """With the permissions of the pipeline's role."""
        return self.core.host.client(service, self.execution["_role"], self.scope)


def begin(bench: Bench, step: Step) -> Record:
    """Start the step's work. Returns what its record gains; with `_outputs` or `_done` it has succeeded already."""
    if step.kind in JOBS:
        return _create(bench, step, JOBS[step.kind])
    return {"Lambda": _invoke, "Callback": _ask}[step.kind](bench, step)


def _create(bench: Bench, step: Step, kind: Kind) -> Record:
    request = dict(resolve(step.arguments, bench.known))
    execution = bench.execution["PipelineExecutionArn"].rpartition("/")[2]
    if kind.name and kind.name not in request:
        longest = 32 if kind.noun == "HyperParameterTuningJob" else 63
        request[kind.name] = f"pipelines-{execution}-{step.name}"[: longest - 11] + f"-{secrets.token_hex(5)}"
    client = bench.client("sagemaker")
    try:
        answer = getattr(client, _SNAKE.sub("_", f"Create{kind.noun}").lower())(**request)
    except Exception as error:
        raise StepFailedError(_words(error), _exception_type(error)) from error
    name = request.get(kind.name) or answer[kind.arn]
    return {"Metadata": {kind.metadata: {"Arn": answer[kind.arn]}}, "_name": name, "_done": not kind.status}


def describe(core: Core, scope: Scope, step: Step, state: Record) -> Record:
    """The Describe answer of the resource that a step made: what its properties are."""
    kind = JOBS[step.kind]
    member = kind.name or "ModelPackageName"
    with core.store.lock:
        return dict(
            TABLE[f"Describe{kind.noun}"](Call(f"Describe{kind.noun}", core, {member: state["_name"]}, scope, ""))
        )


def follow(bench: Bench, step: Step, state: Record) -> bool:
    """Whether the step's work is done. Raises StepFailedError when it went wrong."""
    if step.kind == "Callback":
        return _answered(bench, step, state)
    if step.kind not in JOBS:
        return False  # a Lambda function answers in the thread that called it
    kind = JOBS[step.kind]
    found = describe(bench.core, bench.scope, step, state)
    status = found[kind.status]
    if status == "Failed":
        reason = str(found.get("FailureReason", "the job failed"))
        raise StepFailedError(f"{step.kind} job failed: {reason}", _failure_type(reason))
    if status == "Stopped" and bench.execution["PipelineExecutionStatus"] != "Stopping":
        raise StepFailedError(f"{step.kind} job was stopped.")
    return status in ("Completed", "Stopped")


def stop(bench: Bench, step: Step, state: Record) -> None:
    """Ask the step's work to end."""
    if step.kind == "Callback":
        _send(bench, step, state["Metadata"]["Callback"]["CallbackToken"], "Stopping")
    elif step.kind in JOBS and JOBS[step.kind].stop:
        kind = JOBS[step.kind]
        getattr(bench.client("sagemaker"), _SNAKE.sub("_", kind.stop).lower())(**{kind.name: state["_name"]})


def _invoke(bench: Bench, step: Step) -> Record:
    function = resolve(step.raw["FunctionArn"], bench.known)
    payload = json.dumps(resolve(step.arguments, bench.known)).encode()
    try:
        answer = bench.client("lambda").invoke(FunctionName=function, Payload=payload)
        body = json.loads(answer["Payload"].read() or b"null")
    except Exception as error:
        raise StepFailedError(_words(error), _exception_type(error)) from error
    if answer.get("FunctionError"):
        raise StepFailedError(f"The Lambda function failed: {json.dumps(body)[:500]}")
    outputs = _outputs(step, body if isinstance(body, dict) else {})
    shown = [{"Name": name, "Value": str(value)} for name, value in outputs.items()]
    return {"Metadata": {"Lambda": {"Arn": function, "OutputParameters": shown}}, "_outputs": outputs, "_done": True}


def _outputs(step: Step, body: Mapping[str, Any]) -> dict[str, Any]:
    wanted = [one["OutputName"] for one in step.raw.get("OutputParameters", [])]
    missing = [name for name in wanted if name not in body]
    if missing:
        raise StepFailedError(f"The Lambda function did not return {missing[0]!r}, which the step declares.")
    return {name: body[name] for name in wanted}


def _ask(bench: Bench, step: Step) -> Record:
    token = secrets.token_hex(5)
    _send(bench, step, token, "Executing")
    queue = resolve(step.raw["SqsQueueUrl"], bench.known)
    return {
        "Metadata": {"Callback": {"CallbackToken": token, "SqsQueueUrl": queue}},
        "_expected": list(step.raw.get("OutputParameters", [])),
        "_asked": bench.core.host.clock.now(),
    }


def _send(bench: Bench, step: Step, token: str, status: str) -> None:
    body = {
        "token": token,
        "pipelineExecutionArn": bench.execution["PipelineExecutionArn"],
        "arguments": resolve(step.arguments, bench.known),
        "status": status,
    }
    try:
        bench.client("sqs").send_message(
            QueueUrl=resolve(step.raw["SqsQueueUrl"], bench.known), MessageBody=json.dumps(body)
        )
    except Exception as error:
        raise StepFailedError(_words(error), _exception_type(error)) from error


def _answered(bench: Bench, step: Step, state: Record) -> bool:
    answer = state.get("_answer")
    if answer is None:
        if bench.core.host.clock.now() - state["_asked"] > CALLBACK_SECONDS:
            raise StepFailedError(f"Callback step {step.name} had no answer within 7 days.")
        return bool(bench.execution["PipelineExecutionStatus"] == "Stopping")
    if "failure" in answer:
        raise StepFailedError(str(answer["failure"]))
    kinds = {one["OutputName"]: one.get("OutputType", "String") for one in step.raw.get("OutputParameters", [])}
    state["_outputs"] = {name: _typed(value, kinds[name]) for name, value in answer["outputs"].items()}
    shown = [{"Name": name, "Value": value} for name, value in answer["outputs"].items()]
    state["Metadata"]["Callback"]["OutputParameters"] = shown
    return True


_READ: dict[str, Callable[[str], Any]] = {"Integer": int, "Float": float, "Boolean": lambda one: one.lower() == "true"}


def _typed(value: str, kind: str) -> Any:
    try:
        return _READ.get(kind, str)(value)
    except ValueError:
        raise StepFailedError(f"Output {value!r} is not of type {kind}.") from None


def property_file(core: Core, scope: Scope, execution: Record, step: Step, name: str) -> Any:
    """The JSON that a processing step wrote. Raises ValueUnknownError."""
    found = describe(core, scope, step, execution["_steps"][step.name])
    declared = next((one for one in step.raw.get("PropertyFiles", []) if one["PropertyFileName"] == name), None)
    if declared is None:
        raise ValueUnknownError(f"step {step.name!r} declares no property file {name!r}")
    outputs = found.get("ProcessingOutputConfig", {}).get("Outputs", [])
    base = next((one["S3Output"]["S3Uri"] for one in outputs if one.get("OutputName") == declared["OutputName"]), None)
    if base is None:
        raise ValueUnknownError(
            f"step {step.name!r} has no output {declared['OutputName']!r} for property file {name!r}"
        )
    bucket, key = objects.parse_uri(f"{base.rstrip('/')}/{declared['FilePath']}")
    try:
        return json.loads(b"".join(objects.read(core.host.client("s3", execution["_role"], scope), bucket, key)))
    except Exception as error:
        raise ValueUnknownError(f"property file {name!r} of step {step.name!r} cannot be read: {error}") from None


def signature(step: Step, known: Known) -> str:
    """What must be equal for a cached result to count: the type and the whole request."""
    body = json.dumps(
        [step.kind, step.raw.get("FunctionArn"), resolve(step.arguments, known)], sort_keys=True, default=str
    )
    return hashlib.sha256(body.encode()).hexdigest()


def _words(error: Exception) -> str:
    return f"ClientError: {error}" if hasattr(error, "response") else f"{type(error).__name__}: {error}"


def _exception_type(error: Exception) -> str:
    code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
    if "Throttl" in code or code == "TooManyRequestsException":
        return "Step.THROTTLING"
    if code == "ResourceLimitExceeded":
        return "SageMaker.RESOURCE_LIMIT"
    return "Step.SERVICE_FAULT" if code in ("InternalFailure", "InternalServerError", "ServiceUnavailable") else ""


def _failure_type(reason: str) -> str:
    for word, kind in (
        ("InternalServerError", "SageMaker.JOB_INTERNAL_ERROR"),
        ("CapacityError", "SageMaker.CAPACITY_ERROR"),
    ):
        if reason.startswith(word):
            return kind
    return "SageMaker.RESOURCE_LIMIT" if "ResourceLimitExceeded" in reason else ""
