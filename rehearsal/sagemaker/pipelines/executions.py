"""Executions of pipelines, as the API shows and steers them. `runs` moves them on."""

import json
import secrets
import string
from typing import Any

from rehearsal.sagemaker import events
from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.errors import ServiceError, invalid
from rehearsal.sagemaker.event_details import status_change
from rehearsal.sagemaker.listing import listed, page
from rehearsal.sagemaker.pipelines.actions import definition_text, executions_of, find
from rehearsal.sagemaker.pipelines.definition import DefinitionError, parse
from rehearsal.sagemaker.pipelines.values import text
from rehearsal.sagemaker.store import Record, split_arn

_ALPHABET = string.ascii_lowercase + string.digits


def table(call: Call) -> dict[str, Record]:
    """Executions of the caller's account and region, by ARN."""
    return call.state.table("pipeline_executions")


@action("StartPipelineExecution")
def start_execution(call: Call) -> Record:
    """Executing at once. The same ClientRequestToken again is the same execution."""
    params = call.params
    pipeline = find(call, params["PipelineName"])
    for one in executions_of(call, pipeline):
        if one["_token"] == params["ClientRequestToken"]:
            return call.show(one)
    version, definition = definition_text(pipeline, params.get("PipelineVersionId"))
    identity = "".join(secrets.choice(_ALPHABET) for _ in range(12))
    arn = f"{pipeline['PipelineArn']}/execution/{identity}"
    record = call.new("PipelineExecutionArn", arn)
    record |= {
        "PipelineArn": pipeline["PipelineArn"],
        "PipelineExecutionStatus": "Executing",
        "PipelineExecutionDisplayName": params.get("PipelineExecutionDisplayName", f"execution-{int(call.now * 1000)}"),
        "PipelineVersionId": version,
        "StartTime": call.now,
        "LastModifiedTime": call.now,
        "CreatedBy": call.user,
        "LastModifiedBy": call.user,
        "_token": params["ClientRequestToken"],
        "_definition": definition,
        "_parameters": _parameters(definition, params.get("PipelineParameters", [])),
        "_pipeline": pipeline["PipelineName"],
        "_role": pipeline["RoleArn"],
        "_steps": {},
    }
    if "ParallelismConfiguration" in pipeline:
        record.setdefault("ParallelismConfiguration", pipeline["ParallelismConfiguration"])
    if selective := params.get("SelectiveExecutionConfig"):
        _select(call, record, selective)
    table(call)[arn] = record
    pipeline["LastRunTime"] = pipeline["LastExecutionTime"] = call.now
    publish(call.core, record, None)
    return call.show(record)


def _parameters(definition: str, given: list[dict[str, str]]) -> dict[str, Any]:
    declared = parse(definition).parameters
    values = {name: one.default for name, one in declared.items() if one.default is not None}
    for one in given:
        if one["Name"] not in declared:
            raise invalid(f"Unknown parameter {one['Name']!r}: the pipeline has {', '.join(declared) or 'none'}.")
        try:
            values[one["Name"]] = declared[one["Name"]].value(one["Value"])
        except DefinitionError as error:
            raise invalid(f"{error}.") from None
    missing = sorted(set(declared) - set(values))
    if missing:
        raise invalid(f"Parameter {missing[0]!r} has no default value and must be given.")
    return values


def _select(call: Call, record: Record, selective: dict[str, Any]) -> None:
    """Take the results of the steps that are not selected from an earlier execution."""
    steps = parse(record["_definition"]).steps
    chosen = {one["StepName"] for one in selective["SelectedSteps"]}
    if unknown := sorted(chosen - set(steps)):
        raise invalid(f"Selected step {unknown[0]!r} is not a step of the pipeline.")
    source_arn = selective.get("SourcePipelineExecutionArn")
    source = _existing(call, source_arn) if source_arn else None
    for name in steps:
        if name in chosen:
            continue
        earlier = source["_steps"].get(name) if source else None
        if earlier is not None and earlier["StepStatus"] == "Succeeded":
            result = {"SelectiveExecutionResult": {"SourcePipelineExecutionArn": source_arn}}
            record["_steps"][name] = {**earlier, **result}
        else:
            record["_steps"][name] = {"StepName": name, "StepStatus": "Skipped"}


@action("StopPipelineExecution")
def stop_execution(call: Call) -> Record:
    """Stopping until every step has stopped."""
    record = _existing(call, call.params["PipelineExecutionArn"])
    if record["PipelineExecutionStatus"] != "Executing":
        raise ServiceError("ConflictException", f"The execution is {record['PipelineExecutionStatus']}.", 400)
    set_status(call.core, record, "Stopping")
    return call.show(record)


@action("RetryPipelineExecution")
def retry_execution(call: Call) -> Record:
    """One that failed or was stopped goes on from the steps that did not succeed."""
    record = _existing(call, call.params["PipelineExecutionArn"])
    if record["PipelineExecutionStatus"] not in ("Failed", "Stopped"):
        raise ServiceError("ConflictException", "Only a failed or stopped execution can be retried.", 400)
    record["_steps"] = {
        name: one for name, one in record["_steps"].items() if one["StepStatus"] in ("Succeeded", "Skipped")
    }
    record.pop("FailureReason", None)
    if "ParallelismConfiguration" in call.params:
        record["ParallelismConfiguration"] = call.params["ParallelismConfiguration"]
    set_status(call.core, record, "Executing")
    return call.show(record)


@action("UpdatePipelineExecution")
def update_execution(call: Call) -> Record:
    """Its name, description and parallelism."""
    record = _existing(call, call.params["PipelineExecutionArn"])
    record |= {**call.params, "LastModifiedTime": call.now, "LastModifiedBy": call.user}
    return call.show(record)


@action("DescribePipelineExecution")
def describe_execution(call: Call) -> Record:
    """How it stands."""
    return call.show(_existing(call, call.params["PipelineExecutionArn"]))


@action("DescribePipelineDefinitionForExecution")
def describe_definition(call: Call) -> Record:
    """The definition that it follows."""
    record = _existing(call, call.params["PipelineExecutionArn"])
    return {"PipelineDefinition": record["_definition"], "CreationTime": record["CreationTime"]}


@action("ListPipelineExecutions")
def list_executions(call: Call) -> Record:
    """Newest first."""
    pipeline = find(call, call.params["PipelineName"])
    rows = [
        {**one, "PipelineExecutionFailureReason": one.get("FailureReason")} for one in executions_of(call, pipeline)
    ]
    keys = {"PipelineExecutionArn": "PipelineExecutionArn"}
    return listed(call, rows, name="PipelineExecutionArn", order="Descending", sort=keys)


@action("ListPipelineExecutionSteps")
def list_steps(call: Call) -> Record:
    """Every step that has begun, newest first."""
    record = _existing(call, call.params.get("PipelineExecutionArn", ""))
    rows = [one for one in record["_steps"].values() if one["StepStatus"] != "Skipped"]
    rows.sort(
        key=lambda one: float(one["StartTime"]), reverse=call.params.get("SortOrder", "Descending") == "Descending"
    )
    return page(call, rows)


@action("ListPipelineParametersForExecution")
def list_parameters(call: Call) -> Record:
    """The values that it runs with."""
    record = _existing(call, call.params["PipelineExecutionArn"])
    return page(call, [{"Name": name, "Value": text(value)} for name, value in record["_parameters"].items()])


@action("SendPipelineExecutionStepSuccess")
def send_success(call: Call) -> Record:
    """A callback step succeeds, with what it was to find out."""
    record, step = _waiting(call)
    given = {one["Name"]: one["Value"] for one in call.params.get("OutputParameters", [])}
    wanted = {one["OutputName"] for one in step["_expected"]}
    if set(given) != wanted:
        raise invalid(f"OutputParameters must be {', '.join(sorted(wanted)) or 'none'}.")
    step["_answer"] = {"outputs": given}
    return {"PipelineExecutionArn": record["PipelineExecutionArn"]}


@action("SendPipelineExecutionStepFailure")
def send_failure(call: Call) -> Record:
    """A callback step fails, with this reason."""
    record, step = _waiting(call)
    step["_answer"] = {"failure": call.params.get("FailureReason", "The callback step failed.")}
    return {"PipelineExecutionArn": record["PipelineExecutionArn"]}


def _waiting(call: Call) -> tuple[Record, Record]:
    for record in table(call).values():
        for step in record["_steps"].values():
            if step.get("Metadata", {}).get("Callback", {}).get("CallbackToken") == call.params["CallbackToken"]:
                if step["StepStatus"] != "Executing" or "_answer" in step:
                    raise ServiceError("ConflictException", "The callback step does not wait any more.", 400)
                return record, step
    raise ServiceError("ResourceNotFound", "No step waits for this callback token.", 400)


def _existing(call: Call, arn: str) -> Record:
    record = table(call).get(arn)
    if record is None:
        raise ServiceError("ResourceNotFound", f"Pipeline execution '{arn}' does not exist.", 400)
    return record


def set_status(core: Core, record: Record, status: str, reason: str | None = None) -> None:
    """A new status, told to the bus."""
    before = record["PipelineExecutionStatus"]
    record |= {"PipelineExecutionStatus": status, "LastModifiedTime": core.host.clock.now()}
    if reason:
        record["FailureReason"] = reason
    publish(core, record, before)


def publish(core: Core, record: Record, before: str | None) -> None:
    """The execution's event."""
    found = split_arn(record["PipelineExecutionArn"])
    assert found is not None
    ended = record["PipelineExecutionStatus"] in ("Succeeded", "Failed", "Stopped")
    detail = {
        "pipelineExecutionDisplayName": record["PipelineExecutionDisplayName"],
        "pipelineExecutionDescription": record.get("PipelineExecutionDescription"),
        "currentPipelineExecutionStatus": record["PipelineExecutionStatus"],
        "previousPipelineExecutionStatus": before,
        "executionStartTime": record["CreationTime"],
        "executionEndTime": record["LastModifiedTime"] if ended else None,
    }
    arns = (record["PipelineArn"], record["PipelineExecutionArn"])
    status_change(core, events.PIPELINE_EXECUTION, arns, detail, found[0])


def publish_step(core: Core, record: Record, step: Record, kind: str, before: str | None) -> None:
    """A step's event."""
    found = split_arn(record["PipelineExecutionArn"])
    assert found is not None
    metadata = {key[0].lower() + key[1:]: _lower(value) for key, value in step.get("Metadata", {}).items()}
    detail = {
        "stepName": step["StepName"],
        "stepType": kind,
        "currentStepStatus": step["StepStatus"],
        "previousStepStatus": before,
        "stepStartTime": step["StartTime"],
        "stepEndTime": step.get("EndTime"),
        "failureReason": step.get("FailureReason"),
        "cacheHitResult": _lower(step["CacheHitResult"]) if "CacheHitResult" in step else None,
        "metadata": metadata or None,
    }
    arns = (record["PipelineArn"], record["PipelineExecutionArn"])
    status_change(core, events.PIPELINE_STEP, arns, detail, found[0])


def _lower(value: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(json.dumps(value))
    return {key[0].lower() + key[1:]: one for key, one in shown.items()}
