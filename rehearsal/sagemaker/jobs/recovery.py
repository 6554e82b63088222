"""What becomes of jobs whose instances died with the cloud: as if all of its hardware had failed at once."""

from rehearsal.host import Scope
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.jobs.base import TERMINAL, Job
from rehearsal.sagemaker.jobs.disk import remove
from rehearsal.sagemaker.jobs.errors import InstancesLostError
from rehearsal.sagemaker.jobs.processing import ProcessingJob
from rehearsal.sagemaker.jobs.training import TrainingJob
from rehearsal.sagemaker.jobs.transform import TransformJob
from rehearsal.sagemaker.recovery import resumes
from rehearsal.sagemaker.store import Record

KINDS: dict[str, type[Job]] = {
    "training_jobs": TrainingJob,
    "processing_jobs": ProcessingJob,
    "transform_jobs": TransformJob,
}


@resumes
def resume_jobs(core: Core) -> None:
    """Spot jobs and those with a retry strategy start anew, from their checkpoints; Stopping ends; others fail."""
    remove(core.root / "jobs")
    for scope, state in core.store.scopes():
        for table, kind in KINDS.items():
            for record in list(state.table(table).values()):
                if record[f"{kind.kind}JobStatus"] not in TERMINAL:
                    _resume(core, scope, kind, record)


def _resume(core: Core, scope: Scope, kind: type[Job], record: Record) -> None:
    job = kind(core, scope, record)
    record["_job"] = job
    if record[f"{kind.kind}JobStatus"] == "Stopping":
        job.status("Stopped", "Stopped")
        job.ended.set()
        return
    spot = bool(record.get("EnableManagedSpotTraining"))
    core.run(f"job-{job.name}", job.run, InstancesLostError("the cloud was restarted", spot=spot))
