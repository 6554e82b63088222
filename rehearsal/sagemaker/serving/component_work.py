"""Keeps the copies of inference components on an endpoint's instances as the records say, one thread an endpoint.

It looks again whenever something may have changed: a component was created or updated, a container ended, a deployment
brought other instances. A restart of the cloud is the same to it: no copy is there, so it places them.
"""

import secrets
import time

from rehearsal.host import Scope
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints.fleet import Fleet
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.recovery import follows
from rehearsal.sagemaker.serving import component_homes
from rehearsal.sagemaker.serving.component_copies import Copy, Needs, choose, start_copy
from rehearsal.sagemaker.serving.component_rollout import NoRoomError, Plan, Rolling
from rehearsal.sagemaker.serving.hosted import FleetError, HostedContainer, host_containers, remove_tree
from rehearsal.sagemaker.serving.instance import Instance
from rehearsal.sagemaker.store import Record

_LOOK_SECONDS = 0.05  # wall, while something is under way …
_REST_SECONDS = 0.25  # … and while nothing is


def attend(core: Core, scope: Scope, endpoint: str) -> None:
    """See to it that the endpoint's components are worked on."""
    core.attend("components", scope, endpoint, Attendant(core, scope, endpoint).run)


@follows
def resume_components(core: Core) -> None:
    """Copies are placed anew on the new instances."""
    for scope, state in core.store.scopes():
        for record in state.table("inference_components").values():
            attend(core, scope, record["EndpointName"])


class Attendant:
    """Works on the components of one endpoint."""

    def __init__(self, core: Core, scope: Scope, endpoint: str) -> None:
        self.core, self.scope, self._endpoint = core, scope, endpoint
        self._hosted: dict[tuple[str, int], HostedContainer] = {}
        self._since: dict[str, float] = {}  # wall: how long a component has been waiting for its copies

    def run(self) -> None:
        """Until the endpoint has no component, or is gone."""
        last: LiveEndpoint | None = None
        while not self.core.stopping.is_set():
            live = self.core.live.get((self.scope, self._endpoint))
            records = self._records()
            if last is not None and live is not last:  # deleted, or made anew
                self._endpoint_gone(last, records)
                records = self._records()
            if not records or (live is None and not self._endpoint_known()):
                break
            if live is None:  # just after a restart
                self.core.stopping.wait(_LOOK_SECONDS)
                continue
            last = live
            busy = [self._work(live, record) for record in records]
            self.core.stopping.wait(_LOOK_SECONDS if any(busy) else _REST_SECONDS)
        self.core.attended_to("components", self.scope, self._endpoint)
        if not self.core.stopping.is_set() and self._records() and self._endpoint_known():
            attend(self.core, self.scope, self._endpoint)  # created while this thread was ending

    def _endpoint_known(self) -> bool:
        with self.core.store.lock:
            return self._endpoint in self.core.store.state(self.scope).endpoints

    def _records(self) -> list[Record]:
        with self.core.store.lock:
            table = self.core.store.state(self.scope).table("inference_components")
            return [one for one in table.values() if one["EndpointName"] == self._endpoint]

    def _endpoint_gone(self, live: LiveEndpoint, records: list[Record]) -> None:
        self.stop(live, [copy for copies in live.components.values() for copy in copies])
        with self.core.store.lock:
            for record in records:
                self._forget(record)

    def _forget(self, record: Record) -> None:
        state = self.core.store.state(self.scope)
        state.table("inference_components").pop(record["InferenceComponentName"], None)
        state.tags.pop(record["InferenceComponentArn"], None)

    def _work(self, live: LiveEndpoint, record: Record) -> bool:
        """One look at one component. Whether something is under way."""
        name, status = record["InferenceComponentName"], record["InferenceComponentStatus"]
        homes = component_homes.homes(live, record["VariantName"])
        copies = live.components.setdefault(name, [])
        gone = [one for one in copies if one.fleet not in homes or not one.instance.healthy]
        if gone:
            self.stop(live, gone)
        if status == "Deleting":
            self.stop(live, list(copies))
            with self.core.store.lock:
                live.components.pop(name, None)
                self._forget(record)
        if status in ("Deleting", "Failed"):
            return False
        return self._converge(live, record, homes)

    def _converge(self, live: LiveEndpoint, record: Record, homes: list[Fleet]) -> bool:
        name, status = record["InferenceComponentName"], record["InferenceComponentStatus"]
        try:
            if record.get("_next") and len(homes) == 1:  # else when the endpoint's own deployment is over
                Rolling(self, live, record, _healthy(homes[0])).run()
                return True
            ready = [self._at_home(live, record, fleet) for fleet in homes]
            if not ready or not all(ready):
                self._give_up_in_time(record)
                return True
            if record.get("_next"):
                return True
        except FleetError as error:
            if status == "InService":
                return True  # it serves with what it has, and is tried again
            self.stop(live, list(live.components[name]))
            self._set(record, "Failed", str(error))
            return False
        self._since.pop(name, None)
        if status != "InService":
            self._set(record, "InService")
        return False

    def _at_home(self, live: LiveEndpoint, record: Record, fleet: Fleet) -> bool:
        """See to the copies on one fleet. What a fleet without traffic cannot carry is its deployment's failure."""
        wanted = component_homes.wanted(record["_desired"], fleet)
        try:
            ready = self.bring(live, Plan.of(record, record), wanted, _healthy(fleet))
        except FleetError as error:
            fleet.hosting_fault = str(error)
            if component_homes.routed(live, fleet):
                raise
            return False
        fleet.hosting_fault = None
        return ready

    def bring(self, live: LiveEndpoint, plan: Plan, wanted: int, instances: list[Instance]) -> bool:
        """Start or stop one copy of this generation. Whether all that are wanted are ready. Raises FleetError."""
        copies = live.components[plan.component]
        mine = [one for one in copies if one.generation == plan.generation and one.instance in instances]
        for copy in mine:
            if copy.server.exits >= self.core.limits.startup_exits:
                self.stop(live, [copy])
                raise FleetError(
                    f"The container of inference component {plan.component} did not pass the ping health check: it "
                    f"exited {copy.server.exits} times, last with code {copy.server.last_exit}. Please check "
                    "CloudWatch logs for this endpoint."
                )
        if len(mine) > wanted:
            self.stop(live, mine[wanted:])
        for _ in range(wanted - len(mine)):
            self._place(live, plan, instances)
        return all(one.ready for one in mine[:wanted]) and len(mine) >= wanted

    def _place(self, live: LiveEndpoint, plan: Plan, instances: list[Instance]) -> None:
        placed = [one for copies in live.components.values() for one in copies]
        strategy = plan.specification.get("SchedulingConfig", {}).get("PlacementStrategy", "SPREAD")
        needs = Needs.of(plan.specification)
        instance = choose(instances, placed, needs, component=plan.component, strategy=strategy)
        if instance is None:
            if instances and self._add_instance(instances[0].fleet):
                return
            raise NoRoomError
        container = self._container(plan)
        role = plan.model.get("ExecutionRoleArn", "")
        copy = start_copy(plan.component, plan.generation, instance, container=container, needs=needs, role=role)
        with live.lock:
            live.components[plan.component].append(copy)

    @staticmethod
    def _add_instance(fleet: Fleet) -> bool:
        """ManagedInstanceScaling: one more instance, when none is just starting. Whether room may come."""
        if any(not one.healthy and not one.draining for one in fleet.instances):
            return True
        scaling = fleet.variant_record.get("ManagedInstanceScaling", {})
        if scaling.get("Status") != "ENABLED" or len(fleet.instances) >= scaling.get("MaxInstanceCount", 0):
            return False
        fleet.count = len(fleet.instances) + 1
        fleet.scale(fleet.count)
        return True

    def _container(self, plan: Plan) -> HostedContainer:
        key = (plan.component, plan.generation)
        if key not in self._hosted:
            directory = self.core.root / "fleets" / f"{plan.component}-{secrets.token_hex(4)}"
            self._hosted[key] = host_containers(self.core, self.scope, plan.model, directory)[0]
        return self._hosted[key]

    def _give_up_in_time(self, record: Record) -> None:
        name = record["InferenceComponentName"]
        began = self._since.setdefault(name, time.monotonic())
        startup = record["Specification"].get("StartupParameters", {})
        seconds = startup.get("ContainerStartupHealthCheckTimeoutInSeconds", 480)
        if time.monotonic() - began > min(seconds, self.core.limits.startup_seconds):
            self._since.pop(name, None)
            raise FleetError(
                f"The container of inference component {name} did not pass the ping health check. Please check "
                "CloudWatch logs for this endpoint."
            )

    def stop(self, live: LiveEndpoint, copies: list[Copy]) -> None:
        """No new request, then those in flight, then the process."""
        with live.lock:
            for copy in copies:
                copy.draining = True
                if copy in live.components.get(copy.component, []):
                    live.components[copy.component].remove(copy)
        deadline = time.monotonic() + self.core.limits.drain_seconds
        while any(one.in_flight for one in copies) and time.monotonic() < deadline:
            if self.core.stopping.wait(_LOOK_SECONDS):
                break
        for copy in copies:
            copy.server.begin_stop()
        for copy in copies:
            copy.server.stop()
        self._sweep(live)

    def _sweep(self, live: LiveEndpoint) -> None:
        used = {id(one.server.container) for copies in live.components.values() for one in copies}
        for key, container in list(self._hosted.items()):
            if id(container) not in used:
                del self._hosted[key]
                remove_tree(container.directory)

    def _set(self, record: Record, status: str, reason: str | None = None) -> None:
        with self.core.store.lock:
            if record["InferenceComponentStatus"] == "Deleting":
                return
            record |= {"InferenceComponentStatus": status, "LastModifiedTime": self.core.host.clock.now()}
            record.pop("FailureReason", None)
            if reason:
                record["FailureReason"] = reason[:1024]


def _healthy(fleet: Fleet) -> list[Instance]:
    return [one for one in fleet.instances if one.healthy]
