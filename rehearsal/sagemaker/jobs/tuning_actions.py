"""The API of hyperparameter tuning jobs."""

from typing import Any

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.errors import ServiceError, invalid, not_emulated
from rehearsal.sagemaker.jobs.base import TERMINAL
from rehearsal.sagemaker.jobs.common_actions import refuse, unused
from rehearsal.sagemaker.jobs.training_actions import check_training
from rehearsal.sagemaker.jobs.tuning import TuningJob
from rehearsal.sagemaker.jobs.tuning_results import Definition, definitions, summarise, summary
from rehearsal.sagemaker.listing import listed, page
from rehearsal.sagemaker.recovery import follows
from rehearsal.sagemaker.store import Record

_KIND = "HyperParameterTuningJob"
_DEFAULT_JOBS = 500  # the service's bound when neither a number nor a time is given


@action("CreateHyperParameterTuningJob")
def create_tuning_job(call: Call) -> Record:
    """Starts the search."""
    params = call.params
    name, config = params[f"{_KIND}Name"], params[f"{_KIND}Config"]
    arn = call.arn("hyper-parameter-tuning-job", name)
    table = call.state.table("tuning_jobs")
    unused(name, arn, table)
    if params.get("Autotune", {}).get("Mode") == "Enabled":
        raise not_emulated("Autotune: give ranges and limits")
    if ("TrainingJobDefinition" in params) == bool(params.get("TrainingJobDefinitions")):
        raise invalid("You must provide either TrainingJobDefinition or TrainingJobDefinitions, not both.")
    found = definitions(params)
    _check_strategy(config, found)
    for one in found:
        _check_definition(one)
    if len({one.name for one in found}) < len(found):
        raise invalid("DefinitionName must be given and unique within TrainingJobDefinitions.")
    _check_parents(params, table)
    record = call.new(f"{_KIND}Arn", arn)
    record |= {
        "Strategy": config["Strategy"], "ResourceLimits": config["ResourceLimits"], "_children": [],
        "_principal": call.principal,
    }  # fmt: skip
    summarise(call.core, call.scope, record)
    table[name] = record
    job = TuningJob(call.core, call.scope, record)
    record["_job"] = job
    job.status("InProgress")
    call.core.run(f"tuning-{name}", job.run)
    return call.show(record)


def _check_strategy(config: dict[str, Any], found: list[Definition]) -> None:
    strategy, limits = config["Strategy"], config["ResourceLimits"]
    if strategy == "Grid":
        combinations = len(found[0].space.grid())
        if limits.get("MaxNumberOfTrainingJobs", combinations) != combinations:
            raise invalid(
                f"MaxNumberOfTrainingJobs must be left out or equal the grid's number of combinations, {combinations}."
            )
    if strategy == "Hyperband":
        if config.get("TrainingJobEarlyStoppingType") == "Auto":
            raise invalid("Hyperband stops training jobs by itself: TrainingJobEarlyStoppingType must be Off.")
        given = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
        if not {"MinResource", "MaxResource"} <= set(given) or given["MinResource"] >= given["MaxResource"]:
            raise invalid("Hyperband needs a HyperbandStrategyConfig with MinResource below MaxResource.")
    elif "StrategyConfig" in config:
        raise invalid("StrategyConfig can be given only with the Hyperband strategy.")
    if limits.get("MaxNumberOfTrainingJobs", _DEFAULT_JOBS) < limits["MaxParallelTrainingJobs"]:
        raise invalid("MaxParallelTrainingJobs must not exceed MaxNumberOfTrainingJobs.")
    criteria = config.get("TuningJobCompletionCriteria", {})
    if criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled":
        raise not_emulated("ConvergenceDetected: use BestObjectiveNotImproving")
    bounded = {"MaxNumberOfTrainingJobs", "MaxRuntimeInSeconds"} & set(limits) or criteria or strategy == "Grid"
    if not bounded:
        raise invalid("ResourceLimits must have MaxNumberOfTrainingJobs or MaxRuntimeInSeconds.")


def _check_definition(one: Definition) -> None:
    if not one.objective:
        raise invalid("A tuning objective must be given, for the tuning job or for each training job definition.")
    algorithm = one.request["AlgorithmSpecification"]
    if one.metric not in {each["Name"] for each in algorithm.get("MetricDefinitions", [])}:
        raise invalid(f"The objective metric [{one.metric}] isn't defined in the MetricDefinitions of the algorithm.")
    if not one.space.ranges:
        raise invalid("At least one hyperparameter range must be given.")
    clash = sorted({each.name for each in one.space.ranges} & set(one.request.get("StaticHyperParameters", {})))
    if clash:
        raise invalid(f"Hyperparameter {clash[0]} is both static and tuned.")
    resources = one.request.get("HyperParameterTuningResourceConfig", {})
    refuse(resources, {"InstanceConfigs": "several instance choices of a tuning job (InstanceConfigs)"})
    check_training({**one.request, "ResourceConfig": one.request.get("ResourceConfig", resources)})


def _check_parents(params: Record, table: dict[str, Record]) -> None:
    for one in params.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", []):
        parent = table.get(one.get(f"{_KIND}Name", ""))
        if parent is None:
            raise invalid(f"Parent tuning job {one.get(f'{_KIND}Name')} does not exist.")
        if parent[f"{_KIND}Status"] not in ("Completed", "Stopped", "Failed"):
            raise invalid(f"Parent tuning job {one[f'{_KIND}Name']} has not ended.")


@action("DescribeHyperParameterTuningJob")
def describe_tuning_job(call: Call) -> Record:
    """The job as it stands."""
    return call.show(_find(call))


@action("StopHyperParameterTuningJob")
def stop_tuning_job(call: Call) -> Record:
    """Stops its training jobs; what they reported stays."""
    record = _find(call)
    status = record[f"{_KIND}Status"]
    if status in TERMINAL:
        raise invalid(f"The request was rejected because the hyperparameter tuning job is in status {status}.")
    if status != "Stopping":
        record["_job"].status("Stopping")
        record["_job"].stop()
    return {}


@action("DeleteHyperParameterTuningJob")
def delete_tuning_job(call: Call) -> Record:
    """Only a job that has ended can go; its training jobs stay."""
    record = _find(call)
    if record[f"{_KIND}Status"] not in TERMINAL:
        raise ServiceError("ResourceInUse", f"Tuning job {record[f'{_KIND}Arn']} has not ended.")
    del call.state.table("tuning_jobs")[record[f"{_KIND}Name"]]
    call.state.tags.pop(record[f"{_KIND}Arn"], None)
    return {}


@action("ListHyperParameterTuningJobs")
def list_tuning_jobs(call: Call) -> Record:
    """One page of jobs."""
    records = call.state.table("tuning_jobs").values()
    return listed(call, records, name=f"{_KIND}Name", status=f"{_KIND}Status", order="Ascending")


@action("ListTrainingJobsForHyperParameterTuningJob")
def list_training_jobs_of_tuning_job(call: Call) -> Record:
    """One page of its training jobs."""
    record, params = _find(call), call.params
    rows = [summary(call.core, call.scope, record, child) for child in record["_children"]]
    if "StatusEquals" in params:
        rows = [row for row in rows if row["TrainingJobStatus"] == params["StatusEquals"]]
    sort, descending = params.get("SortBy", "Name"), params.get("SortOrder", "Ascending") == "Descending"
    if sort == "FinalObjectiveMetricValue":
        metric = "FinalHyperParameterTuningJobObjectiveMetric"
        rows = [row for row in rows if metric in row]
        rows.sort(key=lambda row: row[metric]["Value"], reverse=descending)
    else:
        key = {"CreationTime": "CreationTime", "Status": "TrainingJobStatus"}.get(sort, "TrainingJobName")
        rows.sort(key=lambda row: row.get(key, 0), reverse=descending)
    return page(call, rows)


def _find(call: Call) -> Record:
    name = call.params[f"{_KIND}Name"]
    table = call.state.table("tuning_jobs")
    if name not in table:
        raise ServiceError("ResourceNotFound", f"Amazon SageMaker can't find a tuning job with name {name}.")
    return table[name]


@follows
def resume_tuning_jobs(core: Core) -> None:
    """A search goes on with what its training jobs become, which were resumed or failed before."""
    for scope, state in core.store.scopes():
        for name, record in list(state.table("tuning_jobs").items()):
            if record[f"{_KIND}Status"] not in TERMINAL:
                record["_job"] = job = TuningJob(core, scope, record)
                if record[f"{_KIND}Status"] == "Stopping":
                    job.stop()
                core.run(f"tuning-{name}", job.run)
