"""The DeploymentConfig of an inference component: batches of copies, waits, and alarms that turn it back."""

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.host import Scope
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.serving.component_copies import Copy
from rehearsal.sagemaker.serving.hosted import FleetError
from rehearsal.sagemaker.serving.instance import Instance
from rehearsal.sagemaker.store import Record

if TYPE_CHECKING:
    from rehearsal.sagemaker.serving.component_work import Attendant

DEFAULT_TIMEOUT_SECONDS = 14_400
_LOOK_SECONDS = 0.1  # wall, between looks at the alarms


class NoRoomError(FleetError):
    """No instance has room for one more copy."""

    def __init__(self) -> None:
        super().__init__(
            "Inference Component Capacity Error: Not enough hardware resources on the instances for this endpoint to "
            "create a copy of the inference component."
        )


class RollBack(Exception):  # a decision, not an error
    """The update gives way; the text goes to the log."""


def batch_size(size: dict[str, Any] | None, copies: int) -> int:
    """Copies in one batch: COPY_COUNT as it is, CAPACITY_PERCENT rounded down but at least one; all without a size."""
    if size is None:
        return max(1, copies)
    if size["Type"] == "COPY_COUNT":
        return int(size["Value"])
    return max(1, copies * int(size["Value"]) // 100)


@dataclass
class Plan:
    """What a generation of a component runs."""

    component: str
    generation: int
    specification: dict[str, Any]
    model: dict[str, Any]

    @classmethod
    def of(cls, record: Record, source: Record) -> "Plan":
        name = record["InferenceComponentName"]
        return cls(name, source["_generation"], source["Specification"], source["_model"])


class Watch:
    """Alarms and time of one update. Waits are cloud time; starting processes is measured on the wall."""

    def __init__(self, core: Core, scope: Scope, config: dict[str, Any]) -> None:
        self._core, self._scope = core, scope
        self._alarms = [one["AlarmName"] for one in config.get("AutoRollbackConfiguration", {}).get("Alarms", [])]
        policy = config.get("RollingUpdatePolicy", {})
        self._timeout_seconds = policy.get("MaximumExecutionTimeoutInSeconds", DEFAULT_TIMEOUT_SECONDS)
        self._began = time.monotonic()
        self._waited_cloud = self._waited_wall = 0.0

    def check(self) -> None:
        """Raises RollBack."""
        for alarm in self._alarms:
            if self._core.host.alarm_state(alarm, self._scope) == "ALARM":
                raise RollBack(f"alarm {alarm} is in ALARM")
        spent = self._waited_cloud + time.monotonic() - self._began - self._waited_wall
        if spent > self._timeout_seconds:
            raise RollBack(f"the update took longer than {self._timeout_seconds} s")

    def wait(self, seconds: float) -> None:
        """Raises RollBack."""
        clock, wall = self._core.host.clock, time.monotonic()
        until = clock.now() + seconds
        while clock.now() < until:
            self.check()
            if self._core.stopping.wait(_LOOK_SECONDS):
                raise RollBack("the cloud is shutting down")
        self._waited_cloud += seconds
        self._waited_wall += time.monotonic() - wall
        self.check()


class Rolling:
    """One UpdateInferenceComponent with another specification at work."""

    def __init__(self, attendant: "Attendant", live: LiveEndpoint, record: Record, instances: list[Instance]) -> None:
        self._attendant, self._live, self._record, self._instances = attendant, live, record, instances
        self._core = attendant.core
        following = record["_next"]
        self._config = following.get("DeploymentConfig") or {}
        self._old, self._new = Plan.of(record, record), Plan.of(record, following)
        self._wanted: int = record["_desired"]

    def run(self) -> None:
        """Replace the copies a batch at a time; back to the old ones if that fails or an alarm says so."""
        policy = self._config.get("RollingUpdatePolicy", {})
        watch = Watch(self._core, self._attendant.scope, self._config)
        size = batch_size(policy.get("MaximumBatchSize"), self._wanted)
        following = self._record["_next"]
        try:
            for done in range(0, self._wanted, size):
                there = min(self._wanted, done + size)
                self._swap(self._new, there, self._old, self._wanted - there, watch)
                watch.wait(policy.get("WaitIntervalInSeconds", 0))
        except (RollBack, FleetError) as error:
            self._return(batch_size(policy.get("RollbackMaximumBatchSize"), self._wanted))
            following = {"DeploymentConfig": None}
            group = f"/aws/sagemaker/InferenceComponents/{self._new.component}"
            self._core.log(group, "deployment", [f"rolled back: {error}"], self._attendant.scope)
        with self._core.store.lock:
            self._record |= {
                key: following[key] for key in ("Specification", "_model", "_generation") if key in following
            }
            if following["DeploymentConfig"]:
                self._record["LastDeploymentConfig"] = following["DeploymentConfig"]
            self._record.pop("_next", None)

    def _swap(self, up: Plan, up_count: int, down: Plan, down_count: int, watch: Watch | None) -> None:
        """Bring up copies of one generation, then end those of the other; where there is no room, end them first."""
        deadline = time.monotonic() + self._core.limits.startup_seconds
        freed = False
        while True:
            try:
                if self._attendant.bring(self._live, up, up_count, self._instances):
                    break
            except NoRoomError:
                if freed:
                    raise
                freed = True
                self._bring_down(down, down_count)
            if watch is not None:
                watch.check()
            if time.monotonic() > deadline:
                raise FleetError(f"Copies of inference component {up.component} did not become healthy in time.")
            if self._core.stopping.wait(_LOOK_SECONDS):
                raise RollBack("the cloud is shutting down")
        self._bring_down(down, down_count)

    def _return(self, size: int) -> None:
        while not self._core.stopping.is_set():
            here, left = len(self._of(self._old)), len(self._of(self._new))
            if here >= self._wanted and not left:
                return
            there = min(self._wanted, here + size)
            self._swap(self._old, there, self._new, max(0, min(left, self._wanted - there)), None)

    def _bring_down(self, plan: Plan, count: int) -> None:
        self._attendant.stop(self._live, self._of(plan)[count:])

    def _of(self, plan: Plan) -> list[Copy]:
        return [one for one in self._live.components[plan.component] if one.generation == plan.generation]
