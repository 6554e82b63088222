"""Blue/green updates: the whole new fleet is started, then traffic moves to it all at once, by a canary or in steps."""

from rehearsal.sagemaker.endpoints.live import Route, Routing, Share
from rehearsal.sagemaker.endpoints.rollout import Step
from rehearsal.sagemaker.endpoints.update import RollBackError, Update
from rehearsal.sagemaker.serving.component_homes import await_copies


class BlueGreen(Update):
    """The old fleet keeps all of its instances until the last bake is over, so rolling back is one switch."""

    def _advance(self) -> None:
        self._show("Creating", "Starting the new fleet.")
        self._start(self._fleets)
        await_copies(self._core, self._live, self._new, self._check)
        if "A01" in self._faults:
            raise RollBackError("asked for by fault A01")
        for step in self._rollout.steps:
            self._show("ActivatingTraffic", "Activating traffic on the new fleet.")
            self._live.replace(self._routing(step))
            self._bake(step)

    def _routing(self, step: Step) -> Routing:
        """A step's part of each variant on its new fleet, the rest on the old one. Weights among the variants, and
        shadow variants, change with the last step."""
        if step.size is None:
            return self._target()
        routes = {}
        for fleet in self._new:
            old = self._before.routes[fleet.variant]
            part = step.instances(fleet.count) / fleet.count if fleet.count else 1.0
            shares = [Share(one.fleet, one.weight * (1 - part)) for one in old.shares]
            routes[fleet.variant] = Route(old.weight, [*shares, Share(fleet, part)])
        return Routing(routes, self._before.shadows)

    def _give_way(self) -> None:
        if "A03" not in self._faults:
            self._restored()
            return
        routes = self._before.fresh()
        for fleet in self._new:
            if route := routes.get(fleet.variant):
                shares = [Share(one.fleet, one.weight / 2) for one in route.shares]
                routes[fleet.variant] = Route(route.weight, [*shares, Share(fleet, 0.5)])
        self._live.replace(Routing(routes, self._before.shadows))
        self._end("UpdateRollbackFailed")
