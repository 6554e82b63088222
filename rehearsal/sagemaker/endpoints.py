"""Endpoints: the API in front of deployments."""

import copy
from typing import Any

from rehearsal.sagemaker import summaries
from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.deployment import Blueprint, Deployment
from rehearsal.sagemaker.endpoint_configs import find_config
from rehearsal.sagemaker.errors import ServiceError, invalid
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.live import LiveEndpoint
from rehearsal.sagemaker.rollout import plan
from rehearsal.sagemaker.store import Record

_IN_PROGRESS = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
_RETAINED = {"DesiredInstanceCount": "InitialInstanceCount", "DesiredWeight": "InitialVariantWeight"}


@action("CreateEndpoint")
def create_endpoint(call: Call) -> Record:
    """Starts the first fleets. Guardrails apply to updates only; a DeploymentConfig is kept for later."""
    name = call.params["EndpointName"]
    arn = call.arn("endpoint", name)
    if name in call.state.endpoints:
        raise invalid(f'Cannot create already existing endpoint "{arn}".')
    blueprint = _blueprint(call, find_config(call))
    plan(call.params.get("DeploymentConfig"), _sizes(blueprint))
    _refuse_by_fault(call)
    record = call.new("EndpointArn", arn)
    record["LastDeploymentConfig"] = record.pop("DeploymentConfig", None)
    record |= {"EndpointStatus": "Creating", "LastModifiedTime": record["CreationTime"], "_config": blueprint.config}
    call.state.endpoints[name] = record
    live = call.core.live[call.scope, name] = LiveEndpoint(call.scope, name)
    _deploy(call, record, live, blueprint, None)
    return call.show(record)


@action("UpdateEndpoint")
def update_endpoint(call: Call) -> Record:
    """Blue/green to another config, under the request's or the retained DeploymentConfig."""
    record = find_endpoint(call)
    _refuse_in_progress(record)
    if record["EndpointStatus"] == "Failed":
        raise invalid(f'Cannot update endpoint "{record["EndpointArn"]}" in status Failed: it can only be deleted.')
    live = call.core.live[call.scope, record["EndpointName"]]
    blueprint = _retained(call, live, record, _blueprint(call, find_config(call)))
    requested = call.params.get("DeploymentConfig")
    if call.params.get("RetainDeploymentConfig"):
        requested = record.get("LastDeploymentConfig")
    rollout = plan(requested, _sizes(blueprint))
    if {one["VariantName"] for one, _ in blueprint.variants} != set(live.routes):
        rollout = plan(None, _sizes(blueprint))  # guardrails need the same variant names: documented exclusion
    _refuse_by_fault(call)
    record |= {"EndpointStatus": "Updating", "LastModifiedTime": call.now, "_requested": requested}
    _deploy(call, record, live, blueprint, rollout)
    return call.show(record)


def _deploy(call: Call, record: Record, live: LiveEndpoint, blueprint: Blueprint, rollout: Any) -> None:
    deployment = Deployment(call.core, live, record, blueprint, rollout)
    record["_deployment"] = deployment
    summaries.publish(call.core, record, live)
    call.core.run(f"deploy-{live.name}", deployment.run)


def _blueprint(call: Call, config: Record) -> Blueprint:
    variants = []
    for variant in config["ProductionVariants"]:
        model = call.state.models.get(variant["ModelName"])
        if model is None:
            raise invalid(f'Could not find model "{call.arn("model", variant["ModelName"])}".')
        variants.append((copy.deepcopy(variant), copy.deepcopy(model)))
    return Blueprint(copy.deepcopy(config), tuple(variants))


def _retained(call: Call, live: LiveEndpoint, record: Record, blueprint: Blueprint) -> Blueprint:
    if not call.params.get("RetainAllVariantProperties", False):
        return blueprint
    excluded = {one["VariantPropertyType"] for one in call.params.get("ExcludeRetainedVariantProperties", [])}
    running = {one["VariantName"]: one for one in summaries.variants(live)}
    for variant, _ in blueprint.variants:
        for shown, member in _RETAINED.items():
            if variant["VariantName"] in running and shown not in excluded:
                variant[member] = running[variant["VariantName"]][shown]
    if "DataCaptureConfig" not in excluded:
        kept = record["_config"].get("DataCaptureConfig")
        blueprint.config.pop("DataCaptureConfig", None)
        if kept:
            blueprint.config["DataCaptureConfig"] = copy.deepcopy(kept)
    return blueprint


def _sizes(blueprint: Blueprint) -> list[int]:
    return [variant.get("InitialInstanceCount", 1) for variant, _ in blueprint.variants]


@action("UpdateEndpointWeightsAndCapacities")
def update_weights(call: Call) -> Record:
    """Weights and instance counts in place, without guardrails."""
    record = find_endpoint(call)
    _refuse_in_progress(record)
    live = call.core.live[call.scope, record["EndpointName"]]
    wanted = call.params["DesiredWeightsAndCapacities"]
    for one in wanted:
        if one["VariantName"] not in live.routes:
            raise invalid(f'Variant "{one["VariantName"]}" does not exist in endpoint "{record["EndpointArn"]}".')
    before = record["EndpointStatus"]
    record |= {"EndpointStatus": "Updating", "LastModifiedTime": call.now}
    summaries.publish(call.core, record, live)
    call.core.run(f"scale-{live.name}", _apply, call, record, live, wanted, before)
    return call.show(record)


def _apply(call: Call, record: Record, live: LiveEndpoint, wanted: list[dict[str, Any]], before: str) -> None:
    for one in wanted:
        route = live.routes[one["VariantName"]]
        if "DesiredInstanceCount" in one:
            route.main.scale(one["DesiredInstanceCount"])
    core = call.core
    for one in wanted:
        fleet = live.routes[one["VariantName"]].main
        while fleet.healthy_count < fleet.count and not core.stopping.wait(0.05):
            if any(instance.exits >= core.limits.startup_exits for instance in fleet.instances):
                fleet.scale(max(1, fleet.healthy_count))
    with core.store.lock:
        for one in wanted:
            if "DesiredWeight" in one:
                live.routes[one["VariantName"]].weight = one["DesiredWeight"]
                record["_weights"][one["VariantName"]] = one["DesiredWeight"]
        record |= {"EndpointStatus": before, "LastModifiedTime": core.host.clock.now()}
    summaries.publish(core, record, live)


@action("DescribeEndpoint")
def describe_endpoint(call: Call) -> Record:
    """Status, what answers now, and the deployment in progress."""
    record = find_endpoint(call)
    live = call.core.live[call.scope, record["EndpointName"]]
    shown = dict(record)
    shown["ProductionVariants"] = summaries.variants(live) or None
    shown["DataCaptureConfig"] = summaries.capture(record["_config"])
    deployment = record["_deployment"] if record.get("_deployment") else None
    shown["PendingDeploymentSummary"] = deployment.summary() if deployment else None
    return call.show(shown)


@action("DeleteEndpoint")
def delete_endpoint(call: Call) -> Record:
    """Requests in flight end, processes stop, then the endpoint is gone."""
    record = find_endpoint(call)
    _refuse_in_progress(record)
    record |= {"EndpointStatus": "Deleting", "LastModifiedTime": call.now}
    live = call.core.live[call.scope, record["EndpointName"]]
    summaries.publish(call.core, record, live)
    call.core.run(f"delete-{live.name}", _remove, call, record, live)
    return {}


def _remove(call: Call, record: Record, live: LiveEndpoint) -> None:
    fleets = live.fleets()
    for fleet in fleets:
        fleet.close()
    with call.core.store.lock:
        call.state.endpoints.pop(live.name, None)
        call.state.tags.pop(record["EndpointArn"], None)
        call.core.live.pop((call.scope, live.name), None)


@action("ListEndpoints")
def list_endpoints(call: Call) -> Record:
    """One page of endpoints."""
    records = call.state.endpoints.values()
    return listed(call, records, name="EndpointName", status="EndpointStatus", order="Descending")


def find_endpoint(call: Call) -> Record:
    """The endpoint that the request names."""
    name = call.params["EndpointName"]
    if name not in call.state.endpoints:
        raise invalid(f'Could not find endpoint "{call.arn("endpoint", name)}".')
    return call.state.endpoints[name]


def _refuse_in_progress(record: Record) -> None:
    if record["EndpointStatus"] in _IN_PROGRESS:
        raise invalid(f'Cannot update in-progress endpoint "{record["EndpointArn"]}".')


def _refuse_by_fault(call: Call) -> None:
    if call.core.faults.take("A08", endpoint=call.params["EndpointName"]):
        raise ServiceError(
            "ResourceLimitExceeded",
            "The account-level service limit 'Number of instances across all endpoints' is exceeded by this request. "
            "Please use AWS Service Quotas to request an increase for this quota.",
        )
