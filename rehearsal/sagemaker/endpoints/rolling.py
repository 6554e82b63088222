"""Rolling updates: batches of the old fleet are replaced by batches of the new one, with at most one batch more."""

from rehearsal.sagemaker.endpoints.deployment import ClosingError
from rehearsal.sagemaker.endpoints.fleet import Fleet
from rehearsal.sagemaker.endpoints.live import Route, Routing, Share
from rehearsal.sagemaker.endpoints.rollout import Step, whole
from rehearsal.sagemaker.endpoints.update import RollBackError, Update
from rehearsal.sagemaker.serving.component_homes import await_copies


class Rolling(Update):
    """Each batch: new instances start, their part of the traffic moves to them, the bake passes, then as many of the
    old instances are terminated. Giving way starts old instances again; if those fail, the endpoint is left with a mix
    of both fleets, in UpdateRollbackFailed. One production variant with one fleet behind it.
    """

    def _advance(self) -> None:
        self._show("Creating", "Starting the first batch of the new fleet.")
        for fleet in self._fleets:
            fleet.prepare()
            self._check()
        self._start_shadows()
        if "A01" in self._faults:
            raise RollBackError("asked for by fault A01")
        for step in self._rollout.steps:
            self._batch(step)

    def _start_shadows(self) -> None:
        for fleet in self._new_shadows:
            fleet.scale(fleet.count)
            fleet.await_healthy(self._check)

    def _batch(self, step: Step) -> None:
        new, old = self._pair
        running = step.instances(new.count)
        if step.times > 1:
            self._show("Creating", "Starting the next batch of the new fleet.")
        new.reserved = running if running < new.count else None
        new.scale(running)
        new.await_healthy(self._check)
        await_copies(self._core, self._live, [new], self._check)
        self._show("ActivatingTraffic", "Activating traffic on the new batch.")
        self._live.replace(self._routing(running / new.count))
        self._bake(step)
        if running < new.count:
            self._show("Deleting", "Terminating a batch of the old fleet.")
            old.reserved = old.count - old.count * running // new.count
            old.scale(old.reserved)

    @property
    def _pair(self) -> tuple[Fleet, Fleet]:
        new = self._new[0]
        return new, self._before.routes[new.variant].main

    def _routing(self, part: float) -> Routing:
        """`part` of the traffic on the new fleet."""
        if part >= 1:
            return self._target()
        new, old = self._pair
        weight = self._before.routes[new.variant].weight
        shares = [Share(old, 1 - part), Share(new, part)] if part else [Share(old, 1.0)]
        return Routing({new.variant: Route(weight, shares)}, self._before.shadows)

    def _give_way(self) -> None:
        try:
            if "A03" in self._faults:
                raise RollBackError("asked for by fault A03")
            self._grow_again()
        except ClosingError:
            raise
        except Exception as error:
            self._log(f"rollback from {self._blueprint.name} failed: {type(error).__name__}: {error}")
            new, old = self._pair
            old.scale(max(1, old.in_service_count))  # what did not come up again
            self._live.replace(self._routing(new.healthy_count / max(1, new.healthy_count + old.healthy_count)))
            self._end("UpdateRollbackFailed")
            return
        self._restored()

    def _grow_again(self) -> None:
        new, old = self._pair
        size = self._rollout.rollback_size
        batch = whole(size, old.count) if size else old.count
        if len(old.instances) < old.count:
            old.restock()
        while len(old.instances) < old.count:
            self._show("Creating", "Starting a batch of the old fleet again.")
            running = min(old.count, len(old.instances) + batch)
            old.reserved = running
            old.scale(running)
            check = super(Update, self)._check  # not the alarms: they are why this happens
            old.await_healthy(check)
            await_copies(self._core, self._live, [old], check)
            left = new.count - new.count * running // old.count
            self._live.replace(self._routing(left / new.count))
            new.reserved = left
            new.scale(left)
        old.reserved = None
