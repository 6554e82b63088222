"""Warm pools: a training job's instances kept for the next one. Here a record of who holds them, and for how long."""

from typing import Any

from rehearsal.sagemaker.store import Record

_MATCHING = ("RoleArn", "VpcConfig", "EnableInterContainerTrafficEncryption", "EnableNetworkIsolation")
_RESOURCES = ("InstanceType", "InstanceCount", "VolumeSizeInGB", "VolumeKmsKeyId")


def kept(record: Record, now: float) -> None:
    """A job with a keep-alive period has completed: from now on its instances wait."""
    if record["ResourceConfig"].get("KeepAlivePeriodInSeconds"):
        record["WarmPoolStatus"] = {"Status": "Available", "ResourceRetainedBillableTimeInSeconds": 0}
        record["_pool_since"] = now
    else:
        gone(record)


def gone(record: Record) -> None:
    """The job has ended without leaving a pool."""
    if "WarmPoolStatus" in record:
        record["WarmPoolStatus"] = {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 0}


def refresh(record: Record, now: float) -> None:
    """Bring the status up to this time."""
    pool = record.get("WarmPoolStatus", {})
    if pool.get("Status") != "Available":
        return
    limit = record["ResourceConfig"].get("KeepAlivePeriodInSeconds", 0)
    waited = now - record["_pool_since"]
    status = "Available" if waited < limit else "Terminated"
    record["WarmPoolStatus"] = {"Status": status, "ResourceRetainedBillableTimeInSeconds": int(min(waited, limit))}


def reuse(record: Record, table: dict[str, Record], now: float) -> None:
    """A new job takes the pool of the first that matches."""
    config = record["ResourceConfig"]
    if "InstanceGroups" in config or record.get("EnableManagedSpotTraining"):
        return
    if config.get("KeepAlivePeriodInSeconds"):
        record["WarmPoolStatus"] = {"Status": "InUse"}
    for other in table.values():
        refresh(other, now)
        if other.get("WarmPoolStatus", {}).get("Status") == "Available" and _key(other) == _key(record):
            other["WarmPoolStatus"] = {
                **other["WarmPoolStatus"], "Status": "Reused", "ReusedByJob": record["TrainingJobName"],
            }  # fmt: skip
            record["WarmPoolStatus"] = {"Status": "InUse"}
            return


def _key(record: Record) -> list[Any]:
    resources = [record["ResourceConfig"].get(member) for member in _RESOURCES]
    return [*(record.get(member) or None for member in _MATCHING), *resources]
