"""What a training job leaves in S3: the model and the other output of all hosts, merged, packed or as files."""

import posixpath
from typing import TYPE_CHECKING, Any

from rehearsal.sagemaker import archive, objects
from rehearsal.sagemaker.faults import declare
from rehearsal.sagemaker.jobs.errors import JobError

if TYPE_CHECKING:
    from rehearsal.sagemaker.jobs.training import TrainingJob

declare("B15", "job")


def upload_model(job: "TrainingJob") -> None:
    """`model.tar.gz`, or the files under `model/` with CompressionType NONE. Fault B09 spoils or drops it."""
    fault = job.core.faults.take("B09", job=job.name)
    what = fault.where.get("artefact", "missing") if fault else None
    bucket, key = _place(job, "model.tar.gz" if _packed(job) else "model/")
    job.note(ModelArtifacts={"S3ModelArtifacts": f"s3://{bucket}/{key}"})
    if what == "missing":
        return
    if what in ("empty", "not_a_tar"):
        body = b"" if what == "empty" else b"<html>this is not an archive</html>"
        guarded(job, objects.put, job.client(), bucket, key, body, _kms_key(job))
    else:
        _upload(job, "/opt/ml/model", "model")


def upload_data(job: "TrainingJob") -> None:
    """`output.tar.gz`, or the files under `data/`; nothing when the containers left nothing."""
    _upload(job, "/opt/ml/output/data", "output" if _packed(job) else "data")


def guarded(job: "TrainingJob", work: Any, *args: Any) -> Any:
    """Do the work; what goes wrong with S3 is the job's failure. Fault B15 denies the output key."""
    try:
        if job.core.faults.take("B15", job=job.name):
            raise PermissionError(
                "An error occurred (AccessDenied) when calling the PutObject operation: "
                f"{job.role} is not authorized to perform: kms:GenerateDataKey on resource: {_kms_key(job)}"
            )
        return work(*args)
    except Exception as error:
        raise JobError(f"ClientError: Artifact upload failed:{error}") from error


def _upload(job: "TrainingJob", container_path: str, name: str) -> None:
    folders = [host.path(container_path) for host in job.containers]
    if not _packed(job):
        bucket, key = _place(job, name)
        for folder in folders:
            guarded(job, objects.upload_tree, job.client(), folder, f"s3://{bucket}/{key}", _kms_key(job))
        return
    bucket, key = _place(job, f"{name}.tar.gz")
    target = job.directory / f"{name}.tar.gz"
    if guarded(job, archive.pack, folders, target):
        guarded(job, objects.put_file, job.client(), target, bucket, key, _kms_key(job))
        target.unlink()


def _packed(job: "TrainingJob") -> bool:
    return bool(job.record["OutputDataConfig"].get("CompressionType", "GZIP") == "GZIP")


def _kms_key(job: "TrainingJob") -> str | None:
    key: str | None = job.record["OutputDataConfig"].get("KmsKeyId")
    return key


def _place(job: "TrainingJob", name: str) -> tuple[str, str]:
    bucket, prefix = objects.parse_uri(job.record["OutputDataConfig"]["S3OutputPath"])
    return bucket, posixpath.join(prefix, job.name, "output", name)
