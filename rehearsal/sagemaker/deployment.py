"""Bringing an endpoint to a config: first creation, and blue/green updates that give way to alarms.

Time: waits between steps run on the cloud's clock; starting real processes is measured on the wall, and
MaximumExecutionTimeoutInSeconds is compared with the sum of both.
"""

import threading
import time
from dataclasses import dataclass
from typing import Any

from rehearsal.sagemaker import summaries
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.fleet import Fleet, FleetError
from rehearsal.sagemaker.live import LiveEndpoint
from rehearsal.sagemaker.rollout import Rollout, Step
from rehearsal.sagemaker.store import Record

_WATCH_SECONDS = 0.1  # wall, between looks at the alarms


class RollBackError(Exception):
    """The update gives way to the old fleet; the text is for the log only, the service does not tell it."""


class ClosingError(Exception):
    """The cloud is shutting down."""


@dataclass(frozen=True)
class Blueprint:
    """A config and its models as they were when the call was accepted."""

    config: dict[str, Any]
    variants: tuple[tuple[dict[str, Any], dict[str, Any]], ...]

    def fleets(self, core: Core, live: LiveEndpoint) -> list[Fleet]:
        """New fleets, not started."""
        return [
            Fleet(core, live.scope, live.name, config=self.config, variant_record=variant, model=model)
            for variant, model in self.variants
        ]


class Deployment:
    """One CreateEndpoint (`rollout` None) or UpdateEndpoint at work. `summary` is what DescribeEndpoint shows of it."""

    def __init__(
        self, core: Core, live: LiveEndpoint, record: Record, blueprint: Blueprint, rollout: Rollout | None
    ) -> None:
        self._core = core
        self._live = live
        self._record = record
        self._blueprint = blueprint
        self._rollout = rollout
        self._clock = core.host.clock
        self._started = self._clock.now()
        self._wall_started = time.monotonic()
        self._baked_cloud = self._baked_wall = 0.0
        self._status: Record | None = None
        self._new = blueprint.fleets(core, live)
        self._weights = {one["VariantName"]: one.get("InitialVariantWeight", 1.0) for one, _ in blueprint.variants}
        self._faults = {row for row in ("A01", "A03", "A09") if rollout and core.faults.take(row, endpoint=live.name)}
        self._old = {name: [(s.fleet, s.weight) for s in route.shares] for name, route in live.routes.items()}

    def summary(self) -> Record:
        """PendingDeploymentSummary."""
        return {
            "EndpointConfigName": self._blueprint.config["EndpointConfigName"],
            "StartTime": self._started,
            "ProductionVariants": [
                summaries.pending_variant(one, self._weights[one.variant], self._status) for one in self._new
            ],
        }

    def run(self) -> None:
        """To the end, whatever it is."""
        try:
            self._hang_on_request()
            self._update() if self._rollout else self._create()
        except ClosingError:
            pass
        finally:
            if self._core.stopping.is_set():
                self._close(self._new)

    def _hang_on_request(self) -> None:
        if self._core.faults.take("A05", endpoint=self._live.name):
            generation = self._core.faults.generation
            while self._core.faults.generation == generation:
                self._wait(_WATCH_SECONDS)

    def _create(self) -> None:
        self._show("Creating", "Starting the instances of the endpoint.")
        try:
            self._start()
        except ClosingError:
            raise
        except Exception as error:
            self._close(self._new)
            self._fail(str(error) if isinstance(error, FleetError) else f"Request to service failed. {error}")
            return
        for fleet in self._new:
            self._live.set_shares(fleet.variant, [(fleet, 1.0)], self._weights[fleet.variant])
        self._end("InService")

    def _update(self) -> None:
        assert self._rollout is not None
        try:
            self._show("Creating", "Starting the new fleet.")
            self._start()
            if "A01" in self._faults:
                raise RollBackError("asked for by fault A01")
            for step in self._rollout.steps:
                self._shift(step)
                if self._faults & {"A03", "A09"}:
                    raise RollBackError("asked for by fault A03 or A09")
                self._bake(step)
        except ClosingError:
            raise
        except Exception as error:  # also of the disk or the host: the old fleet goes on serving
            self._roll_back(f"{type(error).__name__}: {error}")
            return
        self._finish()

    def _start(self) -> None:
        for fleet in self._new:
            fleet.prepare()
            self._check()
        for fleet in self._new:
            fleet.scale(fleet.count)
        for fleet in self._new:
            fleet.await_healthy(self._check)
        self._check()

    def _shift(self, step: Step) -> None:
        self._show("ActivatingTraffic", "Activating traffic on the new fleet.")
        for fleet in self._new:
            part = step.instances(fleet.count) / fleet.count if fleet.count else 1.0
            old = [(one, weight * (1 - part)) for one, weight in self._old.get(fleet.variant, [])]
            self._live.set_shares(fleet.variant, [*old, (fleet, part if old else 1.0)], self._weights[fleet.variant])
        for variant in set(self._old) - set(self._weights):
            self._live.set_shares(variant, self._old[variant], 0.0)

    def _bake(self, step: Step) -> None:
        count = sum(step.instances(fleet.count) for fleet in self._new)
        kind = "canary" if step.size else "full"
        if step.bake_seconds:
            self._show(
                "Baking",
                f"Baking for {step.bake_seconds} seconds ({step.wait_name}) with traffic enabled on {kind} capacity of "
                f"{count} instance(s).",
            )
        began, wall = self._clock.now(), time.monotonic()
        while (left := began + step.bake_seconds - self._clock.now()) > 0:
            self._check()
            self._wait(min(_WATCH_SECONDS, left / self._clock.speed) if self._clock.speed else _WATCH_SECONDS)
        self._baked_cloud += step.bake_seconds
        self._baked_wall += time.monotonic() - wall
        self._core.metrics.flush()
        self._check()

    def _check(self) -> None:
        self._wait(0)
        if self._rollout is None:
            return
        for alarm in self._rollout.alarms:
            # An alarm that does not exist is ignored: the service documents that automatic rollback then does not work.
            if self._core.host.alarm_state(alarm, self._live.scope) == "ALARM":
                raise RollBackError(f"alarm {alarm} is in ALARM")
        spent = self._baked_cloud + time.monotonic() - self._wall_started - self._baked_wall
        if spent > self._rollout.timeout_seconds:
            raise RollBackError(f"the update took longer than {self._rollout.timeout_seconds} s")

    def _wait(self, seconds: float) -> None:
        if self._core.stopping.wait(seconds):
            raise ClosingError

    def _finish(self) -> None:
        self._show("Deleting", "Terminating the old fleet.")
        for fleet in self._new:
            self._live.set_shares(fleet.variant, [(fleet, 1.0)])
        with self._live.lock:
            for variant in set(self._live.routes) - set(self._weights):
                del self._live.routes[variant]
        self._close([fleet for shares in self._old.values() for fleet, _ in shares])
        self._end("InService")

    def _roll_back(self, reason: str) -> None:
        self._log(f"update to {self._blueprint.config['EndpointConfigName']} rolls back: {reason}")
        self._set_status("RollingBack")
        if "A03" in self._faults:
            for variant, shares in self._old.items():
                fleets = [fleet for fleet in self._new if fleet.variant == variant]
                mixed = [(fleet, weight / 2) for fleet, weight in shares] + [(fleet, 0.5) for fleet in fleets]
                self._live.set_shares(variant, mixed)
            self._end("UpdateRollbackFailed", rolled_back=True)
            return
        old_weights: dict[str, float] = self._record["_weights"]
        for variant, shares in self._old.items():
            self._live.set_shares(variant, shares, old_weights[variant])
        with self._live.lock:
            for variant in set(self._live.routes) - set(self._old):
                del self._live.routes[variant]
        self._close(self._new)
        self._end("InService", rolled_back=True)

    def _close(self, fleets: list[Fleet]) -> None:
        stops = [threading.Thread(target=fleet.close, daemon=True) for fleet in fleets]
        for stop in stops:
            stop.start()
        for stop in stops:
            stop.join()

    def _show(self, status: str, message: str) -> None:
        self._status = {"Status": status, "StatusMessage": message, "StartTime": self._clock.now()}
        summaries.publish(self._core, self._record, self._live, self.summary())

    def _set_status(self, status: str) -> None:
        with self._core.store.lock:
            self._record["EndpointStatus"] = status
            self._record["LastModifiedTime"] = self._clock.now()
        summaries.publish(self._core, self._record, self._live)

    def _end(self, status: str, *, rolled_back: bool = False) -> None:
        with self._core.store.lock:
            if not rolled_back:
                self._record["EndpointConfigName"] = self._blueprint.config["EndpointConfigName"]
                self._record["_config"] = self._blueprint.config
                self._record["_weights"] = dict(self._weights)
                if self._record.get("_requested"):
                    self._record["LastDeploymentConfig"] = self._record["_requested"]
            self._record["_deployment"] = None
            self._record.pop("FailureReason", None)
        self._set_status(status)

    def _fail(self, reason: str) -> None:
        with self._core.store.lock:
            self._record["FailureReason"] = reason
            self._record["_deployment"] = None
        self._log(reason)
        self._set_status("Failed")

    def _log(self, line: str) -> None:
        self._core.log(f"/aws/sagemaker/Endpoints/{self._live.name}", "deployment", [line], self._live.scope)
