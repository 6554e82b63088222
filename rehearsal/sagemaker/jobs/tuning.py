"""Hyperparameter tuning jobs: real training jobs, chosen by a search, a few at a time, until a limit is reached."""

import contextlib
import hashlib
import queue
import time
from typing import Any

from rehearsal.host import Scope
from rehearsal.sagemaker import events
from rehearsal.sagemaker.actions import TABLE, Call
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.errors import ServiceError
from rehearsal.sagemaker.event_details import publish
from rehearsal.sagemaker.jobs.base import TERMINAL
from rehearsal.sagemaker.jobs.tuning_results import Definition, definitions, summarise, trials
from rehearsal.sagemaker.jobs.tuning_search import propose
from rehearsal.sagemaker.jobs.tuning_stops import out_of_hyperband, rungs, worse_than_median
from rehearsal.sagemaker.shapes import check_request
from rehearsal.sagemaker.store import Record

_POLL_SECONDS = 0.5  # wall, between looks at time limits
_MOST_REPORTS = 2000  # of one training job's objective, kept for early stopping
_COPIED = (
    "AlgorithmSpecification", "RoleArn", "InputDataConfig", "VpcConfig", "OutputDataConfig", "ResourceConfig",
    "StoppingCondition", "EnableNetworkIsolation", "EnableInterContainerTrafficEncryption",
    "EnableManagedSpotTraining", "CheckpointConfig", "RetryStrategy", "Environment",
)  # fmt: skip


class TuningJob:
    """The life of one tuning job in its own thread. Its children are kept in the record, so a restart finds them."""

    def __init__(self, core: Core, scope: Scope, record: Record) -> None:
        self.core = core
        self.scope = scope
        self.record = record
        self.name: str = record["HyperParameterTuningJobName"]
        self.arn: str = record["HyperParameterTuningJobArn"]
        self.config: dict[str, Any] = record["HyperParameterTuningJobConfig"]
        self.definitions = definitions(record)
        self._news: queue.SimpleQueue[tuple[str, float | None]] = queue.SimpleQueue()
        self._stop = False
        self._enough = False
        self._refusal = ""
        self._began = time.monotonic()

    def stop(self) -> None:
        """End the children, then the job."""
        self._stop = True
        self._news.put(("", None))

    def status(self, status: str, **more: Any) -> None:
        """Show a new status and publish its event."""
        now = self.core.host.clock.now()
        with self.core.store.lock:
            self.record |= {"HyperParameterTuningJobStatus": status, "LastModifiedTime": now, **more}
            if status in TERMINAL:
                self.record["HyperParameterTuningEndTime"] = now
            publish(self.core, events.TUNING_JOB, self.record)

    def run(self) -> None:
        """To a terminal status."""
        try:
            for child in self._children():
                if child["status"] not in TERMINAL:
                    self._attach(child["name"])
            while not self.core.stopping.is_set():
                self._advance()
                if not self._running() and (self._stop or self._enough or self._refusal):
                    break
                self._take_news()
        except Exception as error:
            self._refusal = f"InternalServerError: We encountered an internal error. {type(error).__name__}: {error}"
        if not self.core.stopping.is_set():
            self._finish()

    def _finish(self) -> None:
        if self._stop:
            self.status("Stopped")
        elif reason := self._refusal or self._failure():
            self.status("Failed", FailureReason=reason[:1024])
        else:
            self.status("Completed")

    def _failure(self) -> str:
        children = self._children()
        if children and all(child["status"] == "Failed" for child in children):
            return "All training jobs failed. Please take a look at the training jobs failures to get more details."
        if children and all(child["objective"] != "Succeeded" for child in children):
            return (
                f"No objective metrics found after running {len(children)} training jobs. Please ensure that the "
                "custom algorithm is emitting the objective metric as defined by the regular expression provided."
            )
        return ""

    def _children(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.record["_children"]
        return found

    def _running(self) -> list[dict[str, Any]]:
        return [child for child in self._children() if child["status"] not in TERMINAL]

    def _advance(self) -> None:
        """Start what may start; end all when the job is to end."""
        if self._stop or self._refusal:
            for child in self._running():
                self._end(child)
            return
        limits = self.config["ResourceLimits"]
        self._enough = self._enough or self._satisfied()
        while not self._enough and len(self._running()) < limits["MaxParallelTrainingJobs"]:
            children = self._children()
            if len(children) >= limits.get("MaxNumberOfTrainingJobs", float("inf")):
                self._enough = True
                return
            definition = self.definitions[len(children) % len(self.definitions)]
            seed = int(self.config.get("RandomSeed", int(hashlib.sha256(self.arn.encode()).hexdigest()[:8], 16)))
            history = trials(self.core, self.scope, self.record, definition)
            strategy = self.config["Strategy"]
            chosen = propose("Random" if strategy == "Hyperband" else strategy, definition.space, history, seed)
            if chosen is None:
                self._enough = True
            elif not self._start(definition, chosen):
                return

    def _satisfied(self) -> bool:
        """Whether a completion criterion or the time limit is reached; then what runs is ended too."""
        limit = self.config["ResourceLimits"].get("MaxRuntimeInSeconds")
        if limit is None or time.monotonic() - self._began < limit:
            criteria = self.config.get("TuningJobCompletionCriteria", {})
            best = summarise(self.core, self.scope, self.record)
            target = criteria.get("TargetObjectiveMetricValue")
            patience = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
            reached = best is not None and target is not None and best.loss <= best.definition.loss(target)
            idle = self.record.get("TuningJobCompletionDetails", {}).get("NumberOfTrainingJobsObjectiveNotImproving", 0)
            if not reached and (patience is None or idle < patience):
                return False
        for child in self._running():
            self._end(child)
        return True

    def _start(self, definition: Definition, chosen: dict[str, str]) -> bool:
        given, number = definition.request, len(self._children()) + 1
        name = f"{self.name}-{number:03d}-{hashlib.sha256(f'{self.arn}/{number}'.encode()).hexdigest()[:8]}"
        request = {key: given[key] for key in _COPIED if key in given}
        resources = given.get("HyperParameterTuningResourceConfig")
        if resources is not None:
            request["ResourceConfig"] = {
                key: value for key, value in resources.items() if key not in ("AllocationStrategy", "InstanceConfigs")
            }
        if "CheckpointConfig" in request:  # children must not find each other's checkpoints
            config = request["CheckpointConfig"]
            request["CheckpointConfig"] = {**config, "S3Uri": f"{config['S3Uri'].rstrip('/')}/{name}"}
        request["TrainingJobName"] = name
        request["HyperParameters"] = {
            **given.get("StaticHyperParameters", {}), **chosen, "_tuning_objective_metric": definition.metric,
        }  # fmt: skip
        with self.core.store.lock:
            tags = self.core.store.state(self.scope).tags.get(self.arn, {})
            if tags:
                request["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
            try:
                self._call("CreateTrainingJob", request)
            except ServiceError as error:
                if not self._running():
                    self._refusal = f"{error.code}: {error.message}"
                return False
            self._children().append(
                {"name": name, "definition": definition.name, "values": chosen, "status": "InProgress",
                 "objective": "Pending", "reported": []}
            )  # fmt: skip
            self._job_record(name)["TuningJobArn"] = self.arn
        self._attach(name)
        self._count()
        return True

    def _call(self, action: str, params: dict[str, Any]) -> Record:
        checked = check_request(action, params)
        return TABLE[action](Call(action, self.core, checked, self.scope, self.record["_principal"]))

    def _job_record(self, name: str) -> Record:
        return self.core.store.state(self.scope).training_jobs[name]

    def _attach(self, name: str) -> None:
        """Hear of a child's metrics and of its end."""
        with self.core.store.lock:
            record = self.core.store.state(self.scope).training_jobs.get(name, {})
        child = next(one for one in self._children() if one["name"] == name)
        metric = next(one.metric for one in self.definitions if one.name == child["definition"])
        job = record.get("_job")
        if job is None:
            self._news.put((name, None))
            return

        def heard(data: list[dict[str, Any]]) -> None:
            for one in data:
                if one["MetricName"] == metric:
                    self._news.put((name, one["Value"]))

        job.on_metrics.append(heard)
        job.on_end.append(lambda: self._news.put((name, None)))
        if job.ended.is_set():
            self._news.put((name, None))

    def _take_news(self) -> None:
        with contextlib.suppress(queue.Empty):
            name, value = self._news.get(timeout=_POLL_SECONDS)
            child = next((one for one in self._children() if one["name"] == name), None)
            if child is None or child["status"] in TERMINAL:
                return
            if value is None:
                self._ended(child)
            else:
                with self.core.store.lock:
                    child["reported"] = [*child["reported"], value][-_MOST_REPORTS:]
                for one in self._running() if self.config["Strategy"] == "Hyperband" else [child]:
                    self._consider(one)

    def _ended(self, child: dict[str, Any]) -> None:
        with self.core.store.lock:
            record = self.core.store.state(self.scope).training_jobs.get(child["name"], {"TrainingJobStatus": "Failed"})
            definition = next(one for one in self.definitions if one.name == child["definition"])
            final = {one["MetricName"]: one["Value"] for one in record.get("FinalMetricDataList", [])}
            child["status"] = record["TrainingJobStatus"]
            child["retryable"] = str(record.get("FailureReason", "")).startswith(
                ("InternalServerError", "CapacityError")
            )
            if definition.metric in final and child["status"] != "Failed":
                child |= {"objective": "Succeeded", "value": final[definition.metric]}
            else:
                child["objective"] = "Failed"
        self._count()

    def _count(self) -> None:
        with self.core.store.lock:
            summarise(self.core, self.scope, self.record)
            self.record["LastModifiedTime"] = self.core.host.clock.now()

    def _consider(self, child: dict[str, Any]) -> None:
        """Early stopping of one child after a new report of its objective."""
        definition = next(one for one in self.definitions if one.name == child["definition"])
        losses = [definition.loss(value) for value in child["reported"]]
        others = [one for one in self._children() if one is not child and one["definition"] == child["definition"]]
        series = {one["name"]: [definition.loss(value) for value in one["reported"]] for one in others}
        if self.config["Strategy"] == "Hyperband":
            limits = self.config["StrategyConfig"]["HyperbandStrategyConfig"]
            bad = out_of_hyperband(losses, list(series.values()), rungs(limits["MinResource"], limits["MaxResource"]))
        elif self.config.get("TrainingJobEarlyStoppingType") == "Auto":
            bad = worse_than_median(losses, [series[one["name"]] for one in others if one["status"] in TERMINAL])
        else:
            return
        if bad:
            self._end(child)

    def _end(self, child: dict[str, Any]) -> None:
        with self.core.store.lock, contextlib.suppress(ServiceError):  # it may have ended by itself
            if self._job_record(child["name"])["TrainingJobStatus"] == "InProgress":
                self._call("StopTrainingJob", {"TrainingJobName": child["name"]})
