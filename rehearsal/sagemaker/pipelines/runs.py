"""Moves executions on: a step starts when what it needs is there, and the execution ends when nothing can start.

All that an execution is stands in its record, so that it goes on after a restart of the cloud.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from rehearsal.host import Scope
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.events import iso
from rehearsal.sagemaker.monitoring.times import duration
from rehearsal.sagemaker.pipelines import work
from rehearsal.sagemaker.pipelines.definition import Definition, Step, parse
from rehearsal.sagemaker.pipelines.executions import publish_step, set_status
from rehearsal.sagemaker.pipelines.values import Known, ValueUnknownError, holds, resolve, text
from rehearsal.sagemaker.pipelines.work import Bench, StepFailedError
from rehearsal.sagemaker.recovery import follows
from rehearsal.sagemaker.store import Record
from rehearsal.sagemaker.ticking import ticks

FAILED = "Step failure: One or multiple steps failed."
_RUNNING = ("Starting", "Executing", "Stopping")
_RETRY_DEFAULTS = {"IntervalSeconds": 1, "BackoffRate": 2.0, "MaxAttempts": 5}
DIFFERENCES = (
    "Pipelines: when a step fails, those that run go on to their end and no other starts; the service does not say "
    "whether independent steps may still start.",
)

_parsed = lru_cache(maxsize=256)(parse)


@ticks
def look(core: Core) -> None:
    """One step further with every execution."""
    for scope, state in core.store.scopes():
        for execution in list(state.table("pipeline_executions").values()):
            if execution["PipelineExecutionStatus"] in ("Executing", "Stopping"):
                _Run(core, scope, execution).go_on()


class _Run:
    """One execution, for the time of one look."""

    def __init__(self, core: Core, scope: Scope, execution: Record) -> None:
        self.core, self.scope, self.execution = core, scope, execution
        self.definition: Definition = _parsed(execution["_definition"])
        self.steps: dict[str, Record] = execution["_steps"]
        self.now = core.host.clock.now()

    def go_on(self) -> None:
        for name, state in list(self.steps.items()):
            if state["StepStatus"] in ("Executing", "Stopping") and not state.get("_busy"):
                self._follow(self.definition.steps[name], state)
        stopping = self.execution["PipelineExecutionStatus"] == "Stopping"
        if stopping:
            self._forget_retries()
        failed = [one for one in self.steps.values() if one["StepStatus"] == "Failed"]
        if not stopping and not failed:
            for step in self.definition.steps.values():
                self._consider(step)
        if any(one["StepStatus"] in _RUNNING for one in self.steps.values()):
            return
        with self.core.store.lock:
            if stopping:
                set_status(self.core, self.execution, "Stopped")
            elif failed := [one for one in self.steps.values() if one["StepStatus"] == "Failed"]:
                reason = next((one["FailureReason"] for one in failed if one.get("_fail_step")), FAILED)
                set_status(self.core, self.execution, "Failed", reason)
            elif len(self.steps) == len(self.definition.steps):
                set_status(self.core, self.execution, "Succeeded")

    def _forget_retries(self) -> None:
        for name, state in self.steps.items():
            if state.pop("_retry_at", None) is not None:
                self._set(self.definition.steps[name], state, "Stopped")

    def known(self) -> Known:
        """What references may lead to now."""
        arn = self.execution["PipelineExecutionArn"]
        execution = {
            "PipelineName": self.execution["_pipeline"],
            "PipelineArn": self.execution["PipelineArn"],
            "PipelineExecutionId": arn.rpartition("/")[2],
            "PipelineExecutionArn": arn,
            "StartDateTime": iso(self.execution["CreationTime"]),
            "CurrentDateTime": iso(self.now),
        }
        return Known(self.execution["_parameters"], execution, _Properties(self), self._read)

    def _read(self, step: str, name: str) -> Any:
        return work.property_file(self.core, self.scope, self.execution, self.definition.steps[step], name)

    def _consider(self, step: Step) -> None:
        state = self.steps.get(step.name)
        if state is not None and not ("_retry_at" in state and state["_retry_at"] <= self.now):
            return
        if step.branch is not None:
            outcome = self.steps.get(step.branch[0], {})
            if outcome.get("StepStatus") == "Skipped" or (
                outcome.get("StepStatus") == "Succeeded" and outcome.get("_outcome", step.branch[1]) != step.branch[1]
            ):
                self._skip(step)
            if outcome.get("StepStatus") != "Succeeded" or (step.name in self.steps and state is None):
                return
        needs = [self.steps.get(name, {}).get("StepStatus") for name in step.after]
        if "Skipped" in needs:
            self._skip(step)
        elif all(one == "Succeeded" for one in needs) and self._room():
            self._start(step, state)

    def _skip(self, step: Step) -> None:
        with self.core.store.lock:
            self.steps[step.name] = {"StepName": step.name, "StepStatus": "Skipped"}

    def _room(self) -> bool:
        most = self.execution.get("ParallelismConfiguration", {}).get("MaxParallelExecutionSteps")
        running = sum(one["StepStatus"] in _RUNNING for one in self.steps.values())
        return most is None or running < most

    def _start(self, step: Step, earlier: Record | None) -> None:
        with self.core.store.lock:
            state: Record = {
                "StepName": step.name,
                "StepStatus": "Starting",
                "StartTime": self.now,
                "AttemptCount": earlier["AttemptCount"] + 1 if earlier else 1,
                "_began": earlier["_began"] if earlier else self.now,
                "_busy": True,
            }
            for key, member in (("DisplayName", "StepDisplayName"), ("Description", "StepDescription")):
                if key in step.raw:
                    state[member] = step.raw[key]
            self.steps[step.name] = state
        publish_step(self.core, self.execution, state, step.kind, None)
        self.core.run(f"pipeline step {step.name}", self._begin, step, state)

    def _begin(self, step: Step, state: Record) -> None:
        """In a thread of its own: it talks to other services."""
        try:
            gained = self._work(step, state)
        except StepFailedError as error:
            self._failed(step, state, str(error), error.kind)
        except ValueUnknownError as error:
            self._failed(step, state, f"ClientError: {error}", "")
        except Exception as error:
            self._failed(step, state, f"{type(error).__name__}: {error}", "Step.SERVICE_FAULT")
        else:
            with self.core.store.lock:
                state |= gained
                state["_busy"] = False
            self._set(step, state, "Succeeded" if gained.get("_done") else "Executing")

    def _work(self, step: Step, state: Record) -> Record:
        known = self.known()
        if step.kind == "Condition":
            outcome = all(holds(one, known) for one in step.arguments["Conditions"])
            return {"Metadata": {"Condition": {"Outcome": str(outcome)}}, "_outcome": outcome, "_done": True}
        if step.kind == "Fail":
            message = text(resolve(step.arguments.get("ErrorMessage", ""), known))
            state |= {"Metadata": {"Fail": {"ErrorMessage": message}}, "_fail_step": True}
            raise StepFailedError(message)
        cache = step.raw.get("CacheConfig", {})
        if cache.get("Enabled"):
            state["_signature"] = work.signature(step, known)
            if hit := self._cached(step, state["_signature"], cache.get("ExpireAfter")):
                return hit
        return work.begin(Bench(self.core, self.scope, self.execution, known), step)

    def _cached(self, step: Step, signature: str, expire_after: str | None) -> Record | None:
        """The newest result of the same step with the same request, in any execution of the pipeline."""
        oldest = self.now - duration(expire_after) if expire_after else 0.0
        with self.core.store.lock:
            rows = list(self.core.store.state(self.scope).table("pipeline_executions").values())
        for one in sorted(rows, key=lambda row: float(row["CreationTime"]), reverse=True):
            found = one["_steps"].get(step.name, {}) if one["PipelineArn"] == self.execution["PipelineArn"] else {}
            same = found.get("_signature") == signature and found["StepStatus"] == "Succeeded"
            if same and one is not self.execution and found["EndTime"] >= oldest and "CacheHitResult" not in found:
                hit = {"SourcePipelineExecutionArn": one["PipelineExecutionArn"]}
                kept = {key: found[key] for key in ("Metadata", "_name", "_outputs") if key in found}
                return {**kept, "CacheHitResult": hit, "_done": True}
        return None

    def _follow(self, step: Step, state: Record) -> None:
        bench = Bench(self.core, self.scope, self.execution, self.known())
        stopping = self.execution["PipelineExecutionStatus"] == "Stopping"
        if stopping and state["StepStatus"] == "Executing":
            self._set(step, state, "Stopping")
            self.core.run(f"pipeline step {step.name}", self._stop, bench, step, state)
            return
        try:
            if work.follow(bench, step, state):
                self._set(step, state, "Stopped" if state["StepStatus"] == "Stopping" else "Succeeded")
        except StepFailedError as error:
            self._failed(step, state, str(error), error.kind)

    def _stop(self, bench: Bench, step: Step, state: Record) -> None:
        try:
            work.stop(bench, step, state)
        except Exception as error:
            self._failed(step, state, f"The step could not be stopped: {error}", "")

    def _failed(self, step: Step, state: Record, reason: str, kind: str) -> None:
        policy = _policy(step, kind)
        with self.core.store.lock:
            state["_busy"] = False
            state["FailureReason"] = reason
        if policy is not None and self.execution["PipelineExecutionStatus"] == "Executing":
            attempts, began = state["AttemptCount"], state["_began"]
            wait = policy["IntervalSeconds"] * policy["BackoffRate"] ** (attempts - 1)
            expires = policy.get("ExpireAfterMin")
            late = expires is not None and self.now + wait - began > expires * 60
            if not late and (expires is not None or attempts <= policy["MaxAttempts"]):
                state["_retry_at"] = self.core.host.clock.now() + wait
                self._set(step, state, "Starting")
                return
        self._set(step, state, "Failed")

    def _set(self, step: Step, state: Record, status: str) -> None:
        before = state["StepStatus"]
        with self.core.store.lock:
            state["StepStatus"] = status
            if status in ("Succeeded", "Failed", "Stopped"):
                state["EndTime"] = self.core.host.clock.now()
        publish_step(self.core, self.execution, state, step.kind, before)


class _Properties(Mapping[str, Mapping[str, Any]]):
    """Properties of steps by name, asked for only when one is referred to."""

    def __init__(self, run: _Run) -> None:
        self._run = run

    def __getitem__(self, name: str) -> Mapping[str, Any]:
        state, step = self._run.steps[name], self._run.definition.steps[name]
        found: Record = {}
        if step.kind in work.JOBS:
            found = work.describe(self._run.core, self._run.scope, step, state)
        if "_outcome" in state:
            found = {"Outcome": state["_outcome"]}
        return {**found, "OutputParameters": state.get("_outputs", {})}

    def __iter__(self) -> Any:
        return iter(self._run.steps)

    def __len__(self) -> int:
        return len(self._run.steps)


def _policy(step: Step, kind: str) -> dict[str, Any] | None:
    for one in step.raw.get("RetryPolicies", []):
        if kind and kind in one.get("ExceptionType", []):
            return {**_RETRY_DEFAULTS, **one}
    return None


@follows
def resume(core: Core) -> None:
    """A step that was being started, or a function that was being called, is started again; jobs are followed."""
    for _, state in core.store.scopes():
        for execution in state.table("pipeline_executions").values():
            if execution["PipelineExecutionStatus"] in ("Executing", "Stopping"):
                steps = execution["_steps"]
                execution["_steps"] = {
                    name: one for name, one in steps.items() if one["StepStatus"] != "Starting" or "_retry_at" in one
                }
