"""UpdateEndpoint: what blue/green and rolling updates have in common, their bakes, alarms and time limit.

Time: waits between steps run on the cloud's clock; starting real processes is measured on the wall, and
MaximumExecutionTimeoutInSeconds is compared with the sum of both.
"""

import time

from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints import pools
from rehearsal.sagemaker.endpoints.blueprint import Blueprint
from rehearsal.sagemaker.endpoints.deployment import WATCH_SECONDS, ClosingError, Deployment
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.endpoints.rollout import Rollout, Step
from rehearsal.sagemaker.faults import declare
from rehearsal.sagemaker.store import Record

for _row in ("A01", "A03", "A07"):
    declare(_row, "endpoint")


class RollBackError(Exception):
    """The update gives way to the old fleet; the text is for the log only, the service does not tell it."""


class Update(Deployment):
    """UpdateEndpoint: steps under alarms and a time limit; whatever goes wrong, the old fleet goes on serving.

    `requested` is the DeploymentConfig to remember once the update has succeeded.
    """

    def __init__(
        self,
        core: Core,
        live: LiveEndpoint,
        record: Record,
        blueprint: Blueprint,
        rollout: Rollout,
        *,
        requested: Record | None,
    ) -> None:
        super().__init__(core, live, record, blueprint)
        self._rollout = rollout
        self._requested = requested
        self._wall_started = time.monotonic()
        self._baked_cloud = self._baked_wall = 0.0
        self._faults = {row for row in ("A01", "A03") if core.faults.take(row, endpoint=live.name)}
        self._faults |= {"A09"} if pools.taken(core.faults, live.name) else set()

    def _work(self) -> None:
        self._hang("A05")
        try:
            self._advance()
        except ClosingError:
            raise
        except Exception as error:  # also of the disk or the host
            self._log(f"update to {self._blueprint.name} rolls back: {type(error).__name__}: {error}")
            self._become("RollingBack")
            self._hang("A07")
            self._give_way()
            return
        self._show("Deleting", "Terminating the old fleet.")
        self._live.replace(self._target())
        self._live.close(self._before.fleets())
        remembered = {"LastDeploymentConfig": self._requested} if self._requested else {}
        self._reached(**remembered)

    def _advance(self) -> None:
        """Until the new fleets have all traffic and every bake is over; raises to roll back."""
        raise NotImplementedError

    def _give_way(self) -> None:
        """Back to the old fleets, to the end."""
        raise NotImplementedError

    def _restored(self) -> None:
        self._live.replace(self._before)
        self._live.close(self._fleets)
        self._end("InService")

    def _bake(self, step: Step) -> None:
        if self._faults & {"A03", "A09"}:
            raise RollBackError("asked for by fault A03 or A09")
        if step.bake_seconds:
            count = sum(step.instances(fleet.count) for fleet in self._new)
            kind = "full" if all(step.instances(fleet.count) == fleet.count for fleet in self._new) else "canary"
            self._show(
                "Baking",
                f"Baking for {step.bake_seconds} seconds ({step.wait_name}) with traffic enabled on {kind} capacity of "
                f"{count} instance(s).",
            )
        began, wall = self._clock.now(), time.monotonic()
        while (left := began + step.bake_seconds - self._clock.now()) > 0:
            self._check()
            self._wait(min(WATCH_SECONDS, left / self._clock.speed) if self._clock.speed else WATCH_SECONDS)
        self._baked_cloud += step.bake_seconds
        self._baked_wall += time.monotonic() - wall
        self._core.metrics.flush()
        self._check()

    def _check(self) -> None:
        super()._check()
        for alarm in self._rollout.alarms:
            # An alarm that does not exist is ignored: the service documents that automatic rollback then does not work.
            if self._core.host.alarm_state(alarm, self._live.scope) == "ALARM":
                raise RollBackError(f"alarm {alarm} is in ALARM")
        spent = self._baked_cloud + time.monotonic() - self._wall_started - self._baked_wall
        if spent > self._rollout.timeout_seconds:
            raise RollBackError(f"the update took longer than {self._rollout.timeout_seconds} s")
