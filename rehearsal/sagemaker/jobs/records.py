"""Jobs of services that this cloud does not have: compilation, inference recommendations, AutoML.

They are records only, and honest ones: a request is checked, then the job is `Failed` at once and its FailureReason
says that nothing was done. None ever succeeds.
"""

from dataclasses import dataclass, field, replace
from typing import Any

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import ServiceError, invalid
from rehearsal.sagemaker.jobs.common_actions import unused
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.store import Record


@dataclass(frozen=True)
class Kind:
    """One kind of job: how the API names it and its members, and what a job of it shows."""

    table: str
    arn: str  # kind in the ARN
    name: str  # request and record member with its name
    arn_member: str
    status: str
    failed: str  # the status that says so
    what: str
    actions: tuple[str, str, str, str]  # create, describe, list, stop
    shown: dict[str, Any] = field(default_factory=dict)


_AUTO_ML = Kind(
    "auto_ml_jobs", "automl-job", "AutoMLJobName", "AutoMLJobArn", "AutoMLJobStatus", "Failed",
    "search for models (AutoML)", ("CreateAutoMLJob", "DescribeAutoMLJob", "ListAutoMLJobs", "StopAutoMLJob"),
    shown={"AutoMLJobSecondaryStatus": "Failed"},
)  # fmt: skip
KINDS = (
    Kind(
        "compilation_jobs", "compilation-job", "CompilationJobName", "CompilationJobArn", "CompilationJobStatus",
        "FAILED", "compile models", ("CreateCompilationJob", "DescribeCompilationJob", "ListCompilationJobs",
        "StopCompilationJob"), shown={"ModelArtifacts": {"S3ModelArtifacts": ""}},
    ),
    Kind(
        "recommendations_jobs", "inference-recommendations-job", "JobName", "JobArn", "Status", "FAILED",
        "recommend inference configurations", ("CreateInferenceRecommendationsJob",
        "DescribeInferenceRecommendationsJob", "ListInferenceRecommendationsJobs", "StopInferenceRecommendationsJob"),
        shown={"JobDescription": ""},
    ),
    _AUTO_ML,
    replace(_AUTO_ML, actions=("CreateAutoMLJobV2", "DescribeAutoMLJobV2", "", "")),
)  # fmt: skip


def _register(kind: Kind) -> None:
    create, describe, listing, stop = kind.actions

    def create_job(call: Call) -> Record:
        name, table = call.params[kind.name], call.state.table(kind.table)
        arn = call.arn(kind.arn, name)
        unused(name, arn, table)
        record = call.new(kind.arn_member, arn)
        reason = (
            f"ClientError: The embedded cloud does not {kind.what}; nothing was done. Try this job on a real account."
        )
        record |= {key: value for key, value in kind.shown.items() if key not in record} | _derived(call.params)
        record |= {kind.status: kind.failed, "FailureReason": reason}
        record |= dict.fromkeys(("LastModifiedTime", "EndTime", "CompilationEndTime", "CompletionTime"), call.now)
        table[name] = record
        return call.show(record)

    def find(call: Call) -> Record:
        name, table = call.params[kind.name], call.state.table(kind.table)
        if name not in table:
            raise ServiceError("ResourceNotFound", f"Could not find {call.arn(kind.arn, name)}.")
        return table[name]

    def describe_job(call: Call) -> Record:
        record = find(call)
        if kind.arn == "automl-job":
            record = _auto_ml(record, version_2=describe.endswith("V2"))
        return call.show(record)

    def stop_job(call: Call) -> Record:
        raise invalid(f"The request was rejected because {find(call)[kind.arn_member]} is in status {kind.failed}.")

    def list_jobs(call: Call) -> Record:
        rows = call.state.table(kind.table).values()
        return listed(call, rows, name=kind.name, status=kind.status, order="Descending")

    for name, function in ((create, create_job), (describe, describe_job), (listing, list_jobs), (stop, stop_job)):
        if name:
            action(name)(function)


def _derived(params: dict[str, Any]) -> dict[str, Any]:
    """Members that answers have under another name, or flattened, from the request."""
    config = params.get("OutputConfig", {})
    found = {
        "CompilationTargetDevice": config.get("TargetDevice"),
        "CompilationTargetPlatformOs": config.get("TargetPlatform", {}).get("Os"),
        "CompilationTargetPlatformArch": config.get("TargetPlatform", {}).get("Arch"),
        "ModelPackageVersionArn": params.get("InputConfig", {}).get("ModelPackageVersionArn"),
    }
    if problem := params.get("AutoMLProblemTypeConfig"):
        found["AutoMLProblemTypeConfigName"] = next(iter(problem))
    return {key: value for key, value in found.items() if value is not None}


def _auto_ml(record: Record, *, version_2: bool) -> Record:
    """A job of either version under the second one's members; the first one's describe only its own jobs."""
    if not version_2 and "AutoMLJobInputDataConfig" in record:
        raise invalid("Use DescribeAutoMLJobV2 for a job that CreateAutoMLJobV2 created.")
    if not version_2 or "InputDataConfig" not in record:
        return record
    kept = ("ChannelType", "ContentType", "CompressionType", "DataSource")
    channels = [{key: one[key] for key in kept if key in one} for one in record["InputDataConfig"]]
    return {**record, "AutoMLJobInputDataConfig": channels}


for _kind in KINDS:
    _register(_kind)


@action("DeleteCompilationJob")
def delete_compilation_job(call: Call) -> Record:
    """The job has ended: it can always go."""
    name, table = call.params["CompilationJobName"], call.state.table("compilation_jobs")
    if name not in table:
        raise ServiceError("ResourceNotFound", f"Could not find {call.arn('compilation-job', name)}.")
    call.state.tags.pop(table.pop(name)["CompilationJobArn"], None)
    return {}
