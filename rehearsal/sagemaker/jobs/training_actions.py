"""The API of training jobs."""

import re
from typing import Any

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import ServiceError, invalid, not_emulated
from rehearsal.sagemaker.jobs.channels import Channel
from rehearsal.sagemaker.jobs.common_actions import forget_job, refuse, start_job, stop_job
from rehearsal.sagemaker.jobs.training import HOMOGENEOUS, TrainingJob
from rehearsal.sagemaker.jobs.warm_pools import refresh, reuse
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.store import Record

_REFUSED = {
    "ServerlessJobConfig": "serverless training (ServerlessJobConfig)",
    "ModelPackageConfig": "training jobs that make model packages (ModelPackageConfig)",
    "MlflowConfig": "MLflow tracking (MlflowConfig)",
    "DebugRuleConfigurations": "debugger rules (DebugRuleConfigurations)",
    "ProfilerRuleConfigurations": "profiler rules (ProfilerRuleConfigurations)",
}


@action("CreateTrainingJob")
def create_training_job(call: Call) -> Record:
    """Starts the job; a name is used once, whatever became of the job."""
    check_training(call.params)
    instances = _instances(call.params["ResourceConfig"])
    record = start_job(call, TrainingJob, call.state.training_jobs, instances)
    reuse(record, call.state.training_jobs, call.now)
    return call.show(record)


def check_training(params: dict[str, Any]) -> None:
    """Refuse what the service refuses, in its words, and what is not emulated, in ours."""
    for member in ("AlgorithmSpecification", "ResourceConfig", "StoppingCondition"):
        if member not in params:
            raise invalid(f"{member} is required to create a training job.")
    refuse(params, _REFUSED)
    if params.get("RemoteDebugConfig", {}).get("EnableRemoteDebug"):
        raise not_emulated("remote debugging of training jobs")
    algorithm, config = params["AlgorithmSpecification"], params["ResourceConfig"]
    _check_algorithm(algorithm)
    _check_cluster(config, params)
    _check_spot(params)
    _check_channels(params, algorithm["TrainingInputMode"])
    for member in ("CheckpointConfig", "DebugHookConfig", "TensorBoardOutputConfig"):
        path = params.get(member, {}).get("LocalPath", "/opt/ml/")
        if not path.startswith("/opt/ml/"):
            raise not_emulated(f"a {member} with a LocalPath outside /opt/ml ({path})")


def _check_algorithm(algorithm: dict[str, Any]) -> None:
    if "AlgorithmName" in algorithm:
        if "TrainingImage" in algorithm:
            raise invalid("You must provide either TrainingImage or AlgorithmName, not both.")
        raise not_emulated(f"algorithm resources (AlgorithmName {algorithm['AlgorithmName']}): name a TrainingImage")
    if "TrainingImage" not in algorithm:
        raise invalid("You must provide a TrainingImage or an AlgorithmName.")
    if algorithm.get("TrainingImageConfig", {}).get("TrainingRepositoryAccessMode") == "Vpc":
        raise not_emulated("training images of a private registry (TrainingRepositoryAccessMode Vpc)")
    for definition in algorithm.get("MetricDefinitions", []):
        _regex(definition)


def _check_channels(params: dict[str, Any], mode: str) -> None:
    channels = [Channel(one, mode) for one in params.get("InputDataConfig", [])]
    given = params["ResourceConfig"].get("InstanceGroups", [])
    groups = {one["InstanceGroupName"] for one in given} or {HOMOGENEOUS}
    for channel in channels:
        channel.check()
        if unknown := sorted(set(channel.source.get("InstanceGroupNames", [])) - groups):
            raise invalid(f"Channel {channel.name} names an instance group that does not exist: {unknown[0]}.")
    if len({one.name for one in channels}) < len(channels):
        raise invalid("Channel names must be unique within a training job.")


def _check_cluster(config: dict[str, Any], params: dict[str, Any]) -> None:
    if config.get("TrainingPlanArn"):
        raise not_emulated("training plans (TrainingPlanArn)")
    given = [member for member in ("InstanceType", "InstanceCount") if member in config]
    if "InstanceGroups" in config:
        if given:
            raise invalid(f"{given[0]} cannot be given together with InstanceGroups.")
        if config.get("KeepAlivePeriodInSeconds"):
            raise invalid("KeepAlivePeriodInSeconds cannot be given together with InstanceGroups.")
    elif len(given) < 2:
        raise invalid("ResourceConfig must have InstanceType and InstanceCount, or InstanceGroups.")
    elif config["InstanceCount"] < 1:
        raise invalid("InstanceCount must be 1 or more.")
    if config.get("KeepAlivePeriodInSeconds") and params.get("EnableManagedSpotTraining"):
        raise invalid("KeepAlivePeriodInSeconds is not supported with managed spot training.")


def _check_spot(params: dict[str, Any]) -> None:
    condition = params["StoppingCondition"]
    if not params.get("EnableManagedSpotTraining"):
        if "MaxWaitTimeInSeconds" in condition:
            raise invalid("MaxWaitTimeInSeconds can be given only if EnableManagedSpotTraining is true.")
    elif condition.get("MaxWaitTimeInSeconds", 0) < condition.get("MaxRuntimeInSeconds", 86_400):
        raise invalid(
            "MaxWaitTimeInSeconds must be present and not less than MaxRuntimeInSeconds with managed spot training."
        )


def _instances(config: dict[str, Any]) -> list[tuple[str, int]]:
    if groups := config.get("InstanceGroups"):
        return [(one["InstanceType"], one["InstanceCount"]) for one in groups]
    return [(config["InstanceType"], config["InstanceCount"])]


def _regex(definition: dict[str, Any]) -> None:
    try:
        re.compile(definition["Regex"])
    except re.error as error:
        raise invalid(f"Metric definition {definition['Name']} has an invalid regular expression: {error}.") from error


@action("DescribeTrainingJob")
def describe_training_job(call: Call) -> Record:
    """The job as it stands."""
    record = _find(call)
    refresh(record, call.now)
    return call.show(record)


@action("UpdateTrainingJob")
def update_training_job(call: Call) -> Record:
    """The warm pool's keep-alive period, and the profiler's configuration (a record: nothing profiles here)."""
    record, params = _find(call), call.params
    refuse(params, {"ProfilerRuleConfigurations": _REFUSED["ProfilerRuleConfigurations"]})
    if params.get("RemoteDebugConfig", {}).get("EnableRemoteDebug"):
        raise not_emulated("remote debugging of training jobs")
    refresh(record, call.now)
    if "ResourceConfig" in params:
        pool = record.get("WarmPoolStatus", {}).get("Status")
        if record["TrainingJobStatus"] != "InProgress" and pool != "Available":
            raise invalid("KeepAlivePeriodInSeconds can be updated only while the warm pool is InUse or Available.")
        record["ResourceConfig"] = {**record["ResourceConfig"], **params["ResourceConfig"]}
    if "ProfilerConfig" in params:
        if record["TrainingJobStatus"] != "InProgress":
            raise invalid(f"The training job is in status {record['TrainingJobStatus']}: it cannot be profiled.")
        given = {key: value for key, value in params["ProfilerConfig"].items() if key != "DisableProfiler"}
        record["ProfilerConfig"] = {**record.get("ProfilerConfig", {}), **given}
        record["ProfilingStatus"] = "Disabled"
    record["LastModifiedTime"] = call.now
    return {"TrainingJobArn": record["TrainingJobArn"]}


@action("StopTrainingJob")
def stop_training_job(call: Call) -> Record:
    """SIGTERM, then SIGKILL after 120 s."""
    stop_job(_find(call), "Training")
    return {}


@action("DeleteTrainingJob")
def delete_training_job(call: Call) -> Record:
    """Only a job that has ended and keeps no warm pool can go."""
    record = _find(call)
    refresh(record, call.now)
    if record.get("WarmPoolStatus", {}).get("Status") == "Available":
        raise ServiceError("ResourceInUse", f"Job {record['TrainingJobArn']} keeps a warm pool that is Available.")
    forget_job(call, record, "Training", call.state.training_jobs)
    return {}


@action("ListTrainingJobs")
def list_training_jobs(call: Call) -> Record:
    """One page of jobs."""
    records = list(call.state.training_jobs.values())
    for record in records:
        refresh(record, call.now)
    if wanted := call.params.get("WarmPoolStatusEquals"):
        records = [one for one in records if one.get("WarmPoolStatus", {}).get("Status") == wanted]
    return listed(call, records, name="TrainingJobName", status="TrainingJobStatus", order="Ascending")


def _find(call: Call) -> Record:
    name = call.params["TrainingJobName"]
    if name not in call.state.training_jobs:
        raise invalid("Requested resource not found.")
    return call.state.training_jobs[name]
