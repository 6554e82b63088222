"""What the APIs of all jobs that use instances share: names, quotas, start, stop, deletion."""

from collections.abc import Sequence

from rehearsal.sagemaker.actions import Call
from rehearsal.sagemaker.errors import ServiceError, invalid, not_emulated
from rehearsal.sagemaker.faults import declare_call
from rehearsal.sagemaker.jobs.base import TERMINAL, Job
from rehearsal.sagemaker.store import Record

_CREATE = ("CreateTrainingJob", "CreateProcessingJob", "CreateTransformJob", "CreateHyperParameterTuningJob")
_USES = {"Training": "training job usage", "Processing": "processing job usage", "Transform": "transform job usage"}

_MORE = (
    "Please use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not available, "
    "contact AWS support to request an increase for this quota."
)

declare_call("B01", *_CREATE, code="ThrottlingException", message="Rate exceeded")
declare_call(
    "B02",
    *_CREATE,
    code="ResourceLimitExceeded",
    message="The account-level service limit for this job's instances is 0 Instances, with current utilization of 0 "
    f"Instances and a request delta of 1 Instances. {_MORE}",
)
declare_call(
    "B10", *_CREATE, code="InternalFailure", message="The answer to this request was lost.", status=500, after=True
)


def start_job(call: Call, kind: type[Job], table: dict[str, Record], instances: Sequence[tuple[str, int]]) -> Record:
    """Make the record and start the job; a name is used once, whatever became of the job."""
    name = call.params[f"{kind.kind}JobName"]
    arn = call.arn(f"{kind.kind.lower()}-job", name)
    unused(name, arn, table)
    _within_quota(call, kind.kind, table, instances)
    record = call.new(f"{kind.kind}JobArn", arn)
    record["_instances"] = [list(one) for one in instances]
    job = kind(call.core, call.scope, record)
    record["_job"] = job
    table[name] = record
    job.status("InProgress", "Starting")
    call.core.run(f"job-{name}", job.run)
    return record


def unused(name: str, arn: str, table: dict[str, Record]) -> None:
    """Raise ResourceInUse when the name was ever used."""
    if name in table:
        raise ServiceError(
            "ResourceInUse",
            "Job name must be unique within an AWS account and region, and a job with this name already exists "
            f"({arn})",
        )


def _within_quota(call: Call, kind: str, table: dict[str, Record], instances: Sequence[tuple[str, int]]) -> None:
    at_work = [one for one in table.values() if one[f"{kind}JobStatus"] not in TERMINAL]
    for instance_type in sorted({one for one, _ in instances}):
        quota = f"{instance_type} for {_USES[kind]}"
        limit = call.core.limits.job_instance_quotas.get(quota, call.core.limits.job_instances)
        used = sum(count for row in at_work for one, count in row.get("_instances", []) if one == instance_type)
        wanted = sum(count for one, count in instances if one == instance_type)
        if used + wanted > limit:
            raise ServiceError(
                "ResourceLimitExceeded",
                f"The account-level service limit '{quota}' is {limit} Instances, with current utilization of {used} "
                f"Instances and a request delta of {wanted} Instances. {_MORE}",
            )


def stop_job(record: Record, kind: str) -> None:
    """SIGTERM, then SIGKILL after 120 s. A job that is stopping already goes on doing so."""
    status = record[f"{kind}JobStatus"]
    if status in TERMINAL:
        raise invalid(f"The request was rejected because the {kind.lower()} job is in status {status}.")
    if status != "Stopping":
        record["_job"].stop_requested.set()
        record["_job"].status("Stopping", "Stopping")


def forget_job(call: Call, record: Record, kind: str, table: dict[str, Record]) -> None:
    """Only a job that has ended can go."""
    status, arn = record[f"{kind}JobStatus"], record[f"{kind}JobArn"]
    if status not in TERMINAL:
        raise ServiceError(
            "ResourceInUse", f"Job {arn} is in status {status}; only a job that has ended can be deleted."
        )
    del table[record[f"{kind}JobName"]]
    call.state.tags.pop(arn, None)


def refuse(params: Record, members: dict[str, str]) -> None:
    """Refuse requests with members that nothing here acts on; the values say what they are."""
    for member, what in members.items():
        if params.get(member):
            raise not_emulated(what)
