"""How a training job shows where it is: statuses, transitions, times, bills, and the event of each change."""

from typing import TYPE_CHECKING, Any

from rehearsal.sagemaker import events
from rehearsal.sagemaker.event_details import publish
from rehearsal.sagemaker.jobs.base import TERMINAL
from rehearsal.sagemaker.jobs.warm_pools import gone, kept

if TYPE_CHECKING:
    from rehearsal.sagemaker.jobs.training import TrainingJob

SPOT_PRICE_SHARE = 0.3  # of the on-demand price: what the emulator bills for managed spot training
_MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Pending": "Waiting for capacity of the requested instances",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "Interrupted": "Training job interrupted: the spot instances were reclaimed",
    "Restarting": "Restarting the training job after an internal error",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds",
    "MaxWaitTimeExceeded": "Training job exceeded MaxWaitTimeInSeconds",
}


def advance(job: "TrainingJob", primary: str, secondary: str, more: dict[str, Any]) -> None:
    """Show the new status, close the stage before it, and publish."""
    now = job.core.host.clock.now()
    record = job.record
    with job.core.store.lock:
        if job.stage(primary) != primary:
            primary = secondary = "Stopping"
        transitions = record.setdefault("SecondaryStatusTransitions", [])
        if transitions and "EndTime" not in transitions[-1]:
            transitions[-1]["EndTime"] = now
        text = more.get("FailureReason") or _MESSAGES.get(secondary)
        entry = {"Status": secondary, "StartTime": now}
        transitions.append({**entry, "StatusMessage": text} if text else entry)
        record |= {"TrainingJobStatus": primary, "SecondaryStatus": secondary, "LastModifiedTime": now, **more}
        if secondary == "Training":
            record.setdefault("TrainingStartTime", now)
        if primary in TERMINAL:
            transitions[-1]["EndTime"] = now
            record.setdefault("TrainingEndTime", now)
            _bill(record)
            if primary == "Completed":
                kept(record, now)
            else:
                gone(record)
        publish(job.core, events.TRAINING_JOB, record)


def _bill(record: dict[str, Any]) -> None:
    """Time with instances at work, from Downloading on, over all attempts; waiting for spot capacity is not in it."""
    if "TrainingStartTime" not in record:
        return
    stages = [one for one in record["SecondaryStatusTransitions"] if one["Status"] in ("Training", "Uploading")]
    seconds = max(1, round(sum(one["EndTime"] - one["StartTime"] for one in stages)))
    billed = seconds
    if record.get("EnableManagedSpotTraining"):
        billed = max(1, int(seconds * SPOT_PRICE_SHARE)) if seconds > 1 else seconds
    record |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": billed}
