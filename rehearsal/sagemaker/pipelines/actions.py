"""Pipelines and their versions. Each change of the definition is a new version; an execution keeps the one it began."""

from typing import Any

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import ServiceError, invalid
from rehearsal.sagemaker.listing import epoch, listed, page
from rehearsal.sagemaker.pipelines.definition import DefinitionError, parse
from rehearsal.sagemaker.store import Record

_OPEN = ("Executing", "Stopping")
DIFFERENCES = (
    "Pipelines: steps of type EMR, EMRServerless, QualityCheck, ClarifyCheck, AutoML, NotebookJob, Endpoint and of "
    "Bedrock are refused by name when the pipeline is made.",
    "Pipelines: a definition in S3 is refused; give PipelineDefinition.",
)


def table(call: Call) -> dict[str, Record]:
    """Pipelines of the caller's account and region."""
    return call.state.table("pipelines")


def find(call: Call, name: str) -> Record:
    """By name or ARN. Raises ResourceNotFound."""
    record = table(call).get(name.rpartition("/")[2] if name.startswith("arn:") else name)
    if record is None:
        raise ServiceError("ResourceNotFound", f"Pipeline '{name}' does not exist.", 400)
    return record


@action("CreatePipeline")
def create_pipeline(call: Call) -> Record:
    """Active at once. The same ClientRequestToken and request again is the same pipeline."""
    params = call.params
    name = params["PipelineName"]
    if (existing := table(call).get(name)) is not None:
        if existing["_token"] == params["ClientRequestToken"]:
            return call.show(existing)
        raise ServiceError("ConflictException", f"Pipeline names must be unique: {name} already exists.", 400)
    text = _definition(params)
    record = call.new("PipelineArn", call.arn("pipeline", name))
    record |= {
        "PipelineDefinition": text,
        "PipelineStatus": "Active",
        "LastModifiedTime": record["CreationTime"],
        "CreatedBy": call.user,
        "LastModifiedBy": call.user,
        "_token": params["ClientRequestToken"],
        "_versions": [_version(call, 1, text)],
    }
    table(call)[name] = record
    return call.show(record)


def _version(call: Call, number: int, text: str) -> Record:
    return {"PipelineVersionId": number, "CreationTime": call.now, "_definition": text}


def _definition(params: dict[str, Any]) -> str:
    if "PipelineDefinition" not in params:
        raise invalid("The embedded cloud reads no definition from S3: give PipelineDefinition.")
    try:
        parse(params["PipelineDefinition"])
    except DefinitionError as error:
        raise invalid(f"Unable to parse pipeline definition. {error}.") from None
    except (AttributeError, KeyError, TypeError) as error:  # deep inside a document of another shape
        raise invalid(f"Unable to parse pipeline definition. {type(error).__name__}: {error}.") from None
    return str(params["PipelineDefinition"])


@action("UpdatePipeline")
def update_pipeline(call: Call) -> Record:
    """Executions under way keep their definition."""
    record = find(call, call.params["PipelineName"])
    changes = {key: value for key, value in call.params.items() if key != "PipelineName"}
    if "PipelineDefinition" in changes or "PipelineDefinitionS3Location" in changes:
        text = _definition(call.params)
        if text != record["PipelineDefinition"]:
            record["_versions"].append(_version(call, len(record["_versions"]) + 1, text))
    record |= {**changes, "LastModifiedTime": call.now, "LastModifiedBy": call.user}
    return {"PipelineArn": record["PipelineArn"], "PipelineVersionId": len(record["_versions"])}


@action("DescribePipeline")
def describe_pipeline(call: Call) -> Record:
    """The newest version, or the one asked for."""
    record = find(call, call.params["PipelineName"])
    shown = dict(record)
    if wanted := call.params.get("PipelineVersionId"):
        version = _find_version(record, wanted)
        shown |= {**version, "PipelineDefinition": version["_definition"]}
    return call.show(shown)


@action("ListPipelines")
def list_pipelines(call: Call) -> Record:
    """Newest first."""
    prefix = call.params.get("PipelineNamePrefix", "")
    rows = [one for name, one in table(call).items() if name.startswith(prefix)]
    return listed(call, rows, name="PipelineName", order="Descending")


@action("DeletePipeline")
def delete_pipeline(call: Call) -> Record:
    """Refused while an execution runs; its executions go with it."""
    record = find(call, call.params["PipelineName"])
    own = executions_of(call, record)
    if any(one["PipelineExecutionStatus"] in _OPEN for one in own):
        raise ServiceError("ConflictException", f"Pipeline {record['PipelineName']} has executions that run.", 400)
    for one in own:
        del call.state.table("pipeline_executions")[one["PipelineExecutionArn"]]
    del table(call)[record["PipelineName"]]
    call.state.tags.pop(record["_arn"], None)
    return {"PipelineArn": record["PipelineArn"]}


def executions_of(call: Call, pipeline: Record) -> list[Record]:
    """Every execution of a pipeline."""
    rows = call.state.table("pipeline_executions").values()
    return [one for one in rows if one["PipelineArn"] == pipeline["PipelineArn"]]


@action("ListPipelineVersions")
def list_versions(call: Call) -> Record:
    """Newest first."""
    record, params = find(call, call.params["PipelineName"]), call.params
    rows = []
    for one in record["_versions"]:
        if epoch(params.get("CreatedAfter", 0)) <= one["CreationTime"] <= epoch(params.get("CreatedBefore", 1e12)):
            runs = [run for run in executions_of(call, record) if run["PipelineVersionId"] == one["PipelineVersionId"]]
            last = max(runs, key=lambda run: float(run["CreationTime"]), default=None)
            row = {**one, "PipelineArn": record["PipelineArn"]}
            rows.append(row | ({"LastExecutionPipelineExecutionArn": last["PipelineExecutionArn"]} if last else {}))
    if params.get("SortOrder", "Descending") == "Descending":
        rows.reverse()
    return page(call, rows)


@action("UpdatePipelineVersion")
def update_version(call: Call) -> Record:
    """Its display name and description."""
    record = find(call, call.params["PipelineArn"])
    version = _find_version(record, call.params["PipelineVersionId"])
    for key in ("PipelineVersionDisplayName", "PipelineVersionDescription"):
        if key in call.params:
            version[key] = call.params[key]
    return {"PipelineArn": record["PipelineArn"], "PipelineVersionId": version["PipelineVersionId"]}


def _find_version(record: Record, number: int) -> Record:
    versions: list[Record] = record["_versions"]
    if not 1 <= number <= len(versions):
        raise ServiceError("ResourceNotFound", f"Pipeline {record['PipelineName']} has no version {number}.", 400)
    return versions[number - 1]


def definition_text(record: Record, number: int | None) -> tuple[int, str]:
    """Version and text of the definition that an execution is to follow."""
    number = number or len(record["_versions"])
    return number, str(_find_version(record, number)["_definition"])
