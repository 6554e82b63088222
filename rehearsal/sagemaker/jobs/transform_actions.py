"""The API of batch transform jobs."""

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import invalid, not_emulated
from rehearsal.sagemaker.jobs.common_actions import start_job, stop_job
from rehearsal.sagemaker.jobs.transform import TransformJob
from rehearsal.sagemaker.jobs.transform_data import DataProcessing
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.store import Record

_MAX_IN_FLIGHT_MB = 100


@action("CreateTransformJob")
def create_transform_job(call: Call) -> Record:
    """Starts the job, on the model as it is now."""
    params = call.params
    name = params["ModelName"]
    if name not in call.state.models:
        raise invalid(f'Could not find model "{call.arn("model", name)}".')
    source, output = params["TransformInput"], params["TransformOutput"]
    if source["DataSource"]["S3DataSource"]["S3DataType"] not in ("S3Prefix", "ManifestFile"):
        raise not_emulated(f"S3DataType {source['DataSource']['S3DataSource']['S3DataType']} of transform jobs")
    split = source.get("SplitType", "None")
    if split not in ("None", "Line"):
        raise not_emulated(f"SplitType {split}")
    if params.get("BatchStrategy") == "SingleRecord" and split == "None" and output.get("AssembleWith") == "Line":
        raise invalid("AssembleWith Line needs a SplitType other than None.")
    payload_mb, concurrent = params.get("MaxPayloadInMB", 6), params.get("MaxConcurrentTransforms", 1)
    if payload_mb * max(1, concurrent) > _MAX_IN_FLIGHT_MB:
        raise invalid(
            f"MaxConcurrentTransforms * MaxPayloadInMB is {payload_mb * concurrent}: it must not exceed "
            f"{_MAX_IN_FLIGHT_MB} MB."
        )
    try:
        processing = DataProcessing.of(params.get("DataProcessing", {}), source.get("ContentType", ""), split)
    except ValueError as error:
        raise invalid(f"{error}.") from error
    if params.get("DataCaptureConfig", {}).get("GenerateInferenceId") and not processing.content:
        raise invalid("GenerateInferenceId needs ContentType text/csv, application/json or application/jsonlines.")
    model = call.state.models[name]
    for container in model["_containers"]:
        if container.get("Mode") == "MultiModel":
            raise invalid("A multi-model container cannot be used for batch transform.")
    cluster = params["TransformResources"]
    call.params["_model"] = {key: value for key, value in model.items() if key not in ("_arn", "_sequence")}
    instances = [(cluster["InstanceType"], cluster["InstanceCount"])]
    return call.show(start_job(call, TransformJob, call.state.table("transform_jobs"), instances))


@action("DescribeTransformJob")
def describe_transform_job(call: Call) -> Record:
    """The job as it stands."""
    return call.show(_find(call))


@action("StopTransformJob")
def stop_transform_job(call: Call) -> Record:
    """Ends the requests under way; results of finished objects stay."""
    stop_job(_find(call), "Transform")
    return {}


@action("ListTransformJobs")
def list_transform_jobs(call: Call) -> Record:
    """One page of jobs."""
    records = call.state.table("transform_jobs").values()
    return listed(call, records, name="TransformJobName", status="TransformJobStatus", order="Descending")


def _find(call: Call) -> Record:
    name = call.params["TransformJobName"]
    table = call.state.table("transform_jobs")
    if name not in table:
        raise invalid(f'Could not find requested job "{call.arn("transform-job", name)}".')
    return table[name]
