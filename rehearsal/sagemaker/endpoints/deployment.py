"""What every deployment of a config to an endpoint has in common, its fleets and its end; and CreateEndpoint's."""

from typing import Any

from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints import summaries
from rehearsal.sagemaker.endpoints.blueprint import Blueprint
from rehearsal.sagemaker.endpoints.fleet import Fleet
from rehearsal.sagemaker.endpoints.live import LiveEndpoint, Route, Routing, Share
from rehearsal.sagemaker.faults import declare
from rehearsal.sagemaker.serving.hosted import FleetError
from rehearsal.sagemaker.store import Record

WATCH_SECONDS = 0.1  # wall, between looks at alarms and faults
_REASON_CHARS = 1024

declare("A05", "endpoint")


class ClosingError(Exception):
    """The cloud is shutting down."""


class Deployment:
    """One CreateEndpoint or UpdateEndpoint at work in a thread of its own (`run`). `summary` is what DescribeEndpoint
    shows of it. The record's `_target` says what is being deployed, `_live` what was deployed before.
    """

    def __init__(self, core: Core, live: LiveEndpoint, record: Record, blueprint: Blueprint) -> None:
        self._core = core
        self._live = live
        self._record = record
        self._blueprint = blueprint
        self._clock = core.host.clock
        self._started = self._clock.now()
        self._status: Record | None = None
        self._new, self._new_shadows = blueprint.fleets(core, live.scope, live.name)
        self._weights = {one["VariantName"]: one.get("InitialVariantWeight", 1.0) for one in blueprint.variants()}
        self._before = live.routing()
        live.stand([*self._new, *self._new_shadows])
        record |= {"_deployment": self, "_target": blueprint.json()}

    def summary(self) -> Record:
        """PendingDeploymentSummary."""
        shown = {
            "EndpointConfigName": self._blueprint.name,
            "StartTime": self._started,
            "ProductionVariants": [self._pending(one) for one in self._new],
            "ShadowProductionVariants": [self._pending(one) for one in self._new_shadows],
        }
        return {key: value for key, value in shown.items() if value}

    def _pending(self, fleet: Fleet) -> Record:
        return summaries.pending_variant(fleet, self._weights[fleet.variant], self._status)

    def run(self) -> None:
        """To the end, whatever it is."""
        try:
            self._work()
        except ClosingError:
            pass
        except Exception as error:  # a defect, here or of the host: no deployment may be left that nobody ends
            self._log(f"{type(error).__name__}: {error}")
            self._end("Failed", f"Request to service failed. {error}")
        finally:
            if self._core.stopping.is_set():
                self._live.close(self._fleets)

    def _work(self) -> None:
        raise NotImplementedError

    @property
    def _fleets(self) -> list[Fleet]:
        return [*self._new, *self._new_shadows]

    def _hang(self, row: str) -> None:
        """While the fault is armed for it: until the faults are cleared."""
        if self._core.faults.take(row, endpoint=self._live.name):
            generation = self._core.faults.generation
            while self._core.faults.generation == generation:
                self._wait(WATCH_SECONDS)

    def _start(self, fleets: list[Fleet]) -> None:
        for fleet in fleets:
            fleet.prepare()
            self._check()
        for fleet in fleets:
            fleet.scale(fleet.count)
        for fleet in fleets:
            fleet.await_healthy(self._check)
        self._check()

    def _check(self) -> None:
        """Raise if the deployment must not go on."""
        self._wait(0)

    def _wait(self, seconds: float) -> None:
        if self._core.stopping.wait(seconds):
            raise ClosingError

    def _target(self) -> Routing:
        """All traffic on the new fleets."""

        def routes(fleets: list[Fleet]) -> dict[str, Route]:
            return {one.variant: Route(self._weights[one.variant], [Share(one, 1.0)]) for one in fleets}

        return Routing(routes(self._new), routes(self._new_shadows))

    def _show(self, status: str, message: str) -> None:
        self._status = {"Status": status, "StatusMessage": message, "StartTime": self._clock.now()}
        summaries.publish(self._core, self._record, self._live, self.summary())

    def _become(self, status: str, reason: str | None = None) -> None:
        summaries.set_status(self._core, self._live, self._record, status, reason)

    def _end(self, status: str, reason: str | None = None, **changes: Any) -> None:
        with self._core.store.lock:
            self._record |= {**changes, "_deployment": None, "_target": None}
        self._become(status, reason[:_REASON_CHARS] if reason else None)

    def _reached(self, **changes: Any) -> None:
        """The new config is live."""
        self._end("InService", EndpointConfigName=self._blueprint.name, _live=self._blueprint.json(), **changes)

    def _log(self, line: str) -> None:
        self._core.log(f"/aws/sagemaker/Endpoints/{self._live.name}", "deployment", [line], self._live.scope)


class Creation(Deployment):
    """CreateEndpoint: no guardrails. What fails ends as Failed, with the reason and nothing running."""

    def _work(self) -> None:
        self._hang("A05")
        self._show("Creating", "Starting the instances of the endpoint.")
        try:
            self._start(self._fleets)
        except ClosingError:
            raise
        except Exception as error:
            self._live.close(self._fleets)
            reason = str(error) if isinstance(error, FleetError) else f"Request to service failed. {error}"
            self._log(reason)
            self._end("Failed", reason)
            return
        self._live.replace(self._target())
        self._reached()
