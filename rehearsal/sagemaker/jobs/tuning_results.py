"""What a tuning job knows of its children: definitions, trials for the search, counters, the best of all."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rehearsal.host import Scope
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.jobs.base import TERMINAL
from rehearsal.sagemaker.jobs.tuning_search import Trial
from rehearsal.sagemaker.jobs.tuning_space import Space
from rehearsal.sagemaker.store import Record


@dataclass(frozen=True)
class Definition:
    """One training job definition with the objective and the ranges that apply to it."""

    name: str
    request: dict[str, Any]
    objective: dict[str, str]
    ranges: dict[str, Any]

    @property
    def metric(self) -> str:
        """Name of the objective metric."""
        return self.objective["MetricName"]

    @cached_property
    def space(self) -> Space:
        """The tuned hyperparameters."""
        return Space(self.ranges)

    def loss(self, value: float) -> float:
        """The value with its sign turned when it is to be maximised: lower is better."""
        return -value if self.objective["Type"] == "Maximize" else value


@dataclass(frozen=True)
class Best:
    """The child with the lowest loss."""

    child: dict[str, Any]
    definition: Definition
    loss: float


def definitions(params: Record) -> list[Definition]:
    """Of a request or a record: TrainingJobDefinition, or each of TrainingJobDefinitions."""
    config = params["HyperParameterTuningJobConfig"]
    given = params.get("TrainingJobDefinitions") or [params["TrainingJobDefinition"]]
    return [
        Definition(
            one.get("DefinitionName", ""),
            one,
            one.get("TuningObjective") or config.get("HyperParameterTuningJobObjective") or {},
            one.get("HyperParameterRanges") or config.get("ParameterRanges") or {},
        )
        for one in given
    ]


def parents(core: Core, scope: Scope, record: Record) -> list[Record]:
    """Tuning jobs that this one was started from."""
    table = core.store.state(scope).table("tuning_jobs")
    names = [
        one["HyperParameterTuningJobName"]
        for one in record.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", [])
    ]
    return [table[name] for name in names if name in table]


def trials(core: Core, scope: Scope, record: Record, definition: Definition) -> list[Trial]:
    """What was tried with this definition, and by parents with the same hyperparameters."""
    names = {one.name for one in definition.space.ranges}
    rows = []
    for job in (*parents(core, scope, record), record):
        for child in job["_children"]:
            own = job is record and child["definition"] != definition.name
            if not own and set(child["values"]) == names:
                loss = definition.loss(child["value"]) if "value" in child else None
                if loss is not None or job is record:
                    rows.append(Trial(child["values"], loss))
    return rows


def summarise(core: Core, scope: Scope, record: Record) -> Best | None:
    """Bring counters, best training jobs and completion details of the record up to date. The best of its own."""
    children = record["_children"]
    failed = [child for child in children if child["status"] == "Failed"]
    record["TrainingJobStatusCounters"] = {
        "Completed": sum(child["status"] == "Completed" for child in children),
        "InProgress": sum(child["status"] not in TERMINAL for child in children),
        "RetryableError": sum(bool(child.get("retryable")) for child in failed),
        "NonRetryableError": sum(not child.get("retryable") for child in failed),
        "Stopped": sum(child["status"] == "Stopped" for child in children),
    }
    record["ObjectiveStatusCounters"] = {
        status: sum(child["objective"] == status for child in children) for status in ("Succeeded", "Pending", "Failed")
    }
    jobs = core.store.state(scope).training_jobs
    seconds = [jobs.get(child["name"], {}).get("TrainingTimeInSeconds", 0) for child in children]
    record["ConsumedResources"] = {"RuntimeInSeconds": sum(seconds)}
    best = _best(record)
    if best is None:
        return None
    record["BestTrainingJob"] = summary(core, scope, record, best.child)
    ended = [child for child in children if "value" in child]
    record["TuningJobCompletionDetails"] = {
        "NumberOfTrainingJobsObjectiveNotImproving": len(ended) - 1 - ended.index(best.child)
    }
    if "WarmStartConfig" in record:
        found = [(one, job) for job in (record, *parents(core, scope, record)) if (one := _best(job)) is not None]
        overall, owner = min(found, key=lambda pair: pair[0].loss)
        record["OverallBestTrainingJob"] = summary(core, scope, owner, overall.child)
    return best


def _best(record: Record) -> Best | None:
    known = {one.name: one for one in definitions(record)}
    found = [
        Best(child, known[child["definition"]], known[child["definition"]].loss(child["value"]))
        for child in record["_children"]
        if "value" in child
    ]
    return min(found, key=lambda one: one.loss, default=None)


def summary(core: Core, scope: Scope, record: Record, child: dict[str, Any]) -> Record:
    """A child as lists and BestTrainingJob show it."""
    job = core.store.state(scope).training_jobs.get(child["name"], {})
    definition = next(one for one in definitions(record) if one.name == child["definition"])
    shown: Record = {
        "TrainingJobName": child["name"],
        "TunedHyperParameters": child["values"],
        "ObjectiveStatus": child["objective"],
        "TrainingJobStatus": job.get("TrainingJobStatus", child["status"]),
        "TuningJobName": record["HyperParameterTuningJobName"],
    }
    if child["definition"]:
        shown["TrainingJobDefinitionName"] = child["definition"]
    for member in ("TrainingJobArn", "CreationTime", "TrainingStartTime", "TrainingEndTime", "FailureReason"):
        if member in job:
            shown[member] = job[member]
    if "value" in child:
        shown["FinalHyperParameterTuningJobObjectiveMetric"] = {
            "Type": definition.objective["Type"], "MetricName": definition.metric, "Value": child["value"],
        }  # fmt: skip
    return shown
