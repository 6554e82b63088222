"""UpdateEndpointWeightsAndCapacities: weights and instance counts of running variants, in place, without guardrails."""

import contextlib
from collections import Counter
from typing import Any

from rehearsal.sagemaker.actions import Call
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints import config_rules, pools, quotas, summaries
from rehearsal.sagemaker.endpoints.blueprint import Blueprint
from rehearsal.sagemaker.endpoints.deployment import ClosingError
from rehearsal.sagemaker.endpoints.fleet import Fleet
from rehearsal.sagemaker.endpoints.live import LiveEndpoint, Route
from rehearsal.sagemaker.errors import invalid
from rehearsal.sagemaker.serving.hosted import FleetError
from rehearsal.sagemaker.store import Record


def check_change(call: Call, live: LiveEndpoint, record: Record, wanted: list[dict[str, Any]]) -> None:
    """Raise the service's refusal of what is asked for."""
    names = [one["VariantName"] for one in wanted]
    if len(set(names)) < len(names):
        raise invalid("Variant names must be unique within DesiredWeightsAndCapacities.")
    for one in wanted:
        route = _route(live, one["VariantName"])
        if route is None:
            raise invalid(f'Variant "{one["VariantName"]}" does not exist in endpoint "{record["EndpointArn"]}".')
        _check_one(record, one, route.main)
    delta = Counter[str]()
    for one in wanted:
        fleet = _fleet(live, one["VariantName"])
        kind = next(iter(pools.kinds(fleet.variant_record)), "")
        delta[kind] += max(0, one.get("DesiredInstanceCount", fleet.count) - fleet.count)
    quotas.check_instances(call, delta)


def _check_one(record: Record, one: dict[str, Any], fleet: Fleet) -> None:
    serverless, name = fleet.variant_record.get("ServerlessConfig"), one["VariantName"]
    if "ServerlessUpdateConfig" in one:
        if serverless is None:
            raise invalid(f"ServerlessUpdateConfig cannot be specified for the instance-based variant {name}.")
        config_rules.check_concurrency(serverless | one["ServerlessUpdateConfig"])
    if "DesiredInstanceCount" not in one:
        return
    if serverless is not None:
        raise invalid(f"DesiredInstanceCount cannot be specified for the serverless variant {name}.")
    may_be_none = "AsyncInferenceConfig" in record["_live"]["config"] or "ModelName" not in fleet.variant_record
    if one["DesiredInstanceCount"] == 0 and not may_be_none:
        raise invalid(
            f"DesiredInstanceCount of variant {name} must be at least 1: only asynchronous endpoints and endpoints "
            "with inference components can have no instance."
        )


class Change:
    """One accepted request at work. Instances that do not come up: RollingBack, then as it was, InService."""

    def __init__(self, core: Core, live: LiveEndpoint, record: Record, wanted: list[dict[str, Any]]) -> None:
        self._core, self._live, self._record = core, live, record
        self._wanted = {one["VariantName"]: one for one in wanted}
        self._counts = {name: _fleet(live, name).count for name in self._wanted}
        now = core.host.clock.now()
        status = {"Status": "Updating", "StatusMessage": "Updating capacity of the variant.", "StartTime": now}
        for name, one in self._wanted.items():
            route, fleet = _known(live, name), _fleet(live, name)
            route.desired_weight, route.status = one.get("DesiredWeight"), status
            fleet.count = one.get("DesiredInstanceCount", fleet.count)

    def run(self) -> None:
        """To the end, whatever it is."""
        with contextlib.suppress(ClosingError):
            try:
                self._scale()
            except ClosingError:
                raise
            except Exception as error:
                self._give_way(f"{type(error).__name__}: {error}")
            self._settle()

    def _scale(self) -> None:
        changed = [_fleet(self._live, name) for name in self._wanted]
        # Weights alone wait for no instance: a variant that crashes can be left without traffic.
        changed = [f for f in changed if "ServerlessConfig" not in f.variant_record and f.count != len(f.instances)]
        for fleet in changed:
            if fleet.count > len(fleet.instances):
                if pools.taken(self._core.faults, self._live.name):
                    raise FleetError("Insufficient capacity (fault A09).")
                fleet.restock()
        for fleet in changed:
            fleet.scale(fleet.count)
        for fleet in changed:
            fleet.await_healthy(self._check)

    def _check(self) -> None:
        if self._core.stopping.is_set():
            raise ClosingError

    def _give_way(self, reason: str) -> None:
        line = f"the change of weights and capacities rolls back: {reason}"
        self._core.log(f"/aws/sagemaker/Endpoints/{self._live.name}", "deployment", [line], self._live.scope)
        summaries.set_status(self._core, self._live, self._record, "RollingBack")
        for name, count in self._counts.items():
            fleet = _fleet(self._live, name)
            fleet.count = count
            fleet.scale(count)
        self._wanted = {name: {} for name in self._wanted}

    def _settle(self) -> None:
        with self._core.store.lock, self._live.lock:
            blueprint = Blueprint.kept(self._record["_live"])
            for name, one in self._wanted.items():
                route = self._live.routes.get(name) or self._live.shadows[name]
                given = blueprint.variant(name)
                route.weight = given["InitialVariantWeight"] = one.get("DesiredWeight", route.weight)
                route.desired_weight = route.status = None
                if "ServerlessConfig" in given:
                    given["ServerlessConfig"] |= one.get("ServerlessUpdateConfig", {})
                else:
                    given["InitialInstanceCount"] = route.main.count
        summaries.set_status(self._core, self._live, self._record, "InService")


def _route(live: LiveEndpoint, name: str) -> Route | None:
    with live.lock:
        return live.routes.get(name) or live.shadows.get(name)


def _known(live: LiveEndpoint, name: str) -> Route:
    route = _route(live, name)
    assert route is not None  # `check_change` has seen it, and nothing else changes an endpoint meanwhile
    return route


def _fleet(live: LiveEndpoint, name: str) -> Fleet:
    return _known(live, name).main
