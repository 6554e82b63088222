"""Validation of a model package: the batch transform job of its profile, run for real, decides over its status.

Pending → InProgress → Completed or Failed. The job is one of the account, named `<package>-<profile>-<number>`; the
model that it needs is there for the moment of its creation only.
"""

from typing import TYPE_CHECKING, Any

from rehearsal.sagemaker import events
from rehearsal.sagemaker.actions import TABLE, Call
from rehearsal.sagemaker.errors import ServiceError, invalid
from rehearsal.sagemaker.event_details import publish
from rehearsal.sagemaker.events import Event, observes
from rehearsal.sagemaker.recovery import follows
from rehearsal.sagemaker.registry.groups import scope_of
from rehearsal.sagemaker.shapes import check_request
from rehearsal.sagemaker.store import Record

if TYPE_CHECKING:
    from rehearsal.sagemaker.core import Core

DIFFERENCES = ("Validating a model package makes a model for a moment, whose events are sent; images are not scanned.",)
_ENDED = {"Completed": "Completed", "Failed": "Failed", "Stopped": "Failed"}
_NAME_CHARACTERS = 63


def status_details(statuses: list[Record]) -> Record:
    """ModelPackageStatusDetails."""
    return {"ValidationStatuses": statuses, "ImageScanStatuses": []}


def profile_of(params: dict[str, Any]) -> Record | None:
    """The profile to validate with; None when nothing is asked for or the validation is to be skipped."""
    profiles = params.get("ValidationSpecification", {}).get("ValidationProfiles", [])
    if not profiles or params.get("SkipModelValidation") == "All":
        return None
    if "InferenceSpecification" not in params:
        raise invalid("A ValidationSpecification needs an InferenceSpecification to validate.")
    return dict(profiles[0])


def pending(record: Record, profile: Record) -> None:
    """The package waits for its validation."""
    waiting = [{"Name": profile["ProfileName"], "Status": "NotStarted"}]
    record |= {"ModelPackageStatus": "Pending", "ModelPackageStatusDetails": status_details(waiting)}


def start(core: "Core", record: Record) -> None:
    """Start the transform job of a pending package; what the service refuses fails the validation."""
    with core.store.lock:
        profile = record["ValidationSpecification"]["ValidationProfiles"][0]
        bare = record["ModelPackageArn"].rpartition("model-package/")[2].replace("/", "-")
        number = core.store.next_sequence()
        job = f"{bare}-{profile['ProfileName']}"[: _NAME_CHARACTERS - 12] + f"-{number}"
        record["_validation"] = job
        try:
            _run(core, record, job, profile["TransformJobDefinition"])
        except ServiceError as error:
            _settle(core, record, "Failed", error.message)
            return
        _tell(core, record, "InProgress", "InProgress")


def _run(core: "Core", record: Record, job: str, definition: Record) -> None:
    scope, role = scope_of(record["ModelPackageArn"]), record["ValidationSpecification"]["ValidationRole"]
    members = ("ContainerHostname", "Image", "ModelDataUrl", "ModelDataSource", "Environment")
    containers = [
        {key: one[key] for key in members if key in one} for one in record["InferenceSpecification"]["Containers"]
    ]
    given = {"PrimaryContainer": containers[0]} if len(containers) == 1 else {"Containers": containers}

    def do(action: str, params: Record) -> None:
        TABLE[action](Call(action, core, check_request(action, params), scope, role))

    do("CreateModel", {"ModelName": job, "ExecutionRoleArn": role, **given})
    try:
        do("CreateTransformJob", {"TransformJobName": job, "ModelName": job, **definition})
    finally:
        do("DeleteModel", {"ModelName": job})  # the job has a copy


@observes
def follow(core: "Core", event: Event) -> None:
    """The end of the job is the end of the validation."""
    if event.detail_type != events.TRANSFORM_JOB or event.detail["TransformJobStatus"] not in _ENDED:
        return
    with core.store.lock:
        for record in core.store.state(event.scope).packages.values():
            if record.get("_validation") == event.detail["TransformJobName"]:
                status = event.detail["TransformJobStatus"]
                _settle(core, record, status, event.detail.get("FailureReason") or f"The transform job has {status}.")


def _settle(core: "Core", record: Record, job_status: str, reason: str) -> None:
    if record["ModelPackageStatus"] in ("Pending", "InProgress"):
        ended = _ENDED[job_status]
        _tell(core, record, ended, ended, reason if ended == "Failed" else None)


def _tell(core: "Core", record: Record, package: str, validation: str, reason: str | None = None) -> None:
    item = {"Name": record["ValidationSpecification"]["ValidationProfiles"][0]["ProfileName"], "Status": validation}
    if reason:
        item["FailureReason"] = reason
    record |= {"ModelPackageStatus": package, "ModelPackageStatusDetails": status_details([item])}
    publish(core, events.MODEL_PACKAGE, record)


@follows
def _go_on(core: "Core") -> None:
    """A validation that had not begun begins; one under way ends with its job, which the restart may have ended."""
    for _, state in core.store.scopes():
        for record in state.packages.values():
            if record["ModelPackageStatus"] == "Pending":
                core.run(f"validate-{record['ModelPackageArn']}", start, core, record)
            elif record["ModelPackageStatus"] == "InProgress":
                job = state.table("transform_jobs").get(record["_validation"], {"TransformJobStatus": "Failed"})
                if job["TransformJobStatus"] in _ENDED:
                    reason = job.get("FailureReason", "InternalServerError: We encountered an internal error.")
                    _settle(core, record, job["TransformJobStatus"], reason)
