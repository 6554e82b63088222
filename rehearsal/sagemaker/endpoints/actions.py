"""Endpoints: the API in front of deployments."""

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.endpoints import capacity, pools, quotas, summaries
from rehearsal.sagemaker.endpoints.bluegreen import BlueGreen
from rehearsal.sagemaker.endpoints.blueprint import Blueprint
from rehearsal.sagemaker.endpoints.configs import find_config
from rehearsal.sagemaker.endpoints.deployment import Creation, Deployment
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.endpoints.live_config import live_config
from rehearsal.sagemaker.endpoints.rolling import Rolling
from rehearsal.sagemaker.endpoints.rollout import ALL_AT_ONCE, Rollout, guards_traffic, plan
from rehearsal.sagemaker.endpoints.update import Update
from rehearsal.sagemaker.errors import invalid
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.store import Record

_IN_PROGRESS = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


@action("CreateEndpoint")
def create_endpoint(call: Call) -> Record:
    """Starts the first fleets. Guardrails apply to updates only; a DeploymentConfig is kept for later."""
    name = call.params["EndpointName"]
    arn = call.arn("endpoint", name)
    if name.lower() in {one.lower() for one in call.state.endpoints}:
        raise invalid(f'Cannot create already existing endpoint "{arn}".')
    blueprint = Blueprint.of(call, find_config(call))
    plan(call.params.get("DeploymentConfig"), blueprint.sizes())
    quotas.check_instances(call, quotas.of_fleets(blueprint.variants()))
    quotas.check_serverless(call, blueprint.production)
    record = call.new("EndpointArn", arn)
    record["LastDeploymentConfig"] = record.pop("DeploymentConfig", None)
    record |= {"EndpointStatus": "Creating", "LastModifiedTime": record["CreationTime"], "_live": None}
    call.state.endpoints[name] = record
    live = call.core.live[call.scope, name] = LiveEndpoint(call.scope, name)
    _start(call, record, live, Creation(call.core, live, record, blueprint))
    return call.show(record)


@action("UpdateEndpoint")
def update_endpoint(call: Call) -> Record:
    """Another config, under the request's or the retained DeploymentConfig."""
    record = find_endpoint(call)
    _refuse_in_progress(record)
    live = call.core.live[call.scope, record["EndpointName"]]
    blueprint, running = Blueprint.of(call, find_config(call)), Blueprint.kept(record["_live"])
    blueprint.retain(call.params, running)
    requested = call.params.get("DeploymentConfig")
    if call.params.get("RetainDeploymentConfig"):
        requested = record.get("LastDeploymentConfig")
    _refuse_scaled(call, blueprint, running)
    rollout = _rollout(requested, blueprint, running, live)
    delta = quotas.of_fleets(blueprint.variants())
    if rollout.rolling:
        delta = quotas.of_rolling(blueprint.production[0], running.sizes()[0], rollout)
    quotas.check_instances(call, delta)
    quotas.check_serverless(call, blueprint.production, live.fleets())
    record |= {"EndpointStatus": "Updating", "LastModifiedTime": call.now}
    kind: type[Update] = Rolling if rollout.rolling else BlueGreen
    _start(call, record, live, kind(call.core, live, record, blueprint, rollout, requested=requested))
    return call.show(record)


def _refuse_scaled(call: Call, blueprint: Blueprint, running: Blueprint) -> None:
    """A variant that is a scalable target keeps its name and instance type, as the developer guide says of updates of
    endpoints with automatic scaling."""
    scaled = call.core.host.scalable_variants(call.params["EndpointName"], call.scope)
    types = {one["VariantName"]: pools.kinds(one) for one in blueprint.production}
    changed = [
        one["VariantName"]
        for one in running.production
        if one["VariantName"] in scaled and types.get(one["VariantName"]) != pools.kinds(one)
    ]
    if changed:
        raise invalid(
            f'The variant(s) "[{", ".join(changed)}]" must be deregistered as scalable targets with AWS Auto Scaling '
            "before they can be removed or have their instance type updated."
        )


def _rollout(requested: Record | None, blueprint: Blueprint, running: Blueprint, live: LiveEndpoint) -> Rollout:
    """The rollout of the request, or without guardrails where the service documents that it falls back to that."""
    rollout = plan(requested, blueprint.sizes())
    names = [{one["VariantName"] for one in some.production} for some in (blueprint, running)]
    if names[0] != names[1] and guards_traffic(requested):
        raise invalid(
            "The new endpoint configuration must have the same variant names as the old one when the DeploymentConfig "
            f"shifts traffic in steps: it has {', '.join(sorted(names[0]))}, the endpoint "
            f"{', '.join(sorted(names[1]))}."
        )
    variants = [*blueprint.production, *running.production]
    if any(kind.startswith("ml.inf1.") for one in variants for kind in pools.kinds(one)):
        return ALL_AT_ONCE
    if any("ServerlessConfig" in one or "ModelName" not in one for one in variants):
        return ALL_AT_ONCE
    several = len(blueprint.production) > 1 or any(len(route.shares) > 1 for route in live.routing().routes.values())
    if rollout.rolling and (several or not all(blueprint.sizes() + running.sizes())):
        return ALL_AT_ONCE
    return rollout


def _start(call: Call, record: Record, live: LiveEndpoint, deployment: Deployment) -> None:
    summaries.publish(call.core, record, live)
    call.core.run(f"deploy-{live.name}", deployment.run)


@action("UpdateEndpointWeightsAndCapacities")
def update_weights(call: Call) -> Record:
    """Weights and instance counts in place, without guardrails."""
    record = find_endpoint(call)
    _refuse_in_progress(record)
    if record["EndpointStatus"] != "InService":
        raise invalid(f'Cannot update endpoint "{record["EndpointArn"]}" in status {record["EndpointStatus"]}.')
    live = call.core.live[call.scope, record["EndpointName"]]
    wanted = call.params["DesiredWeightsAndCapacities"]
    capacity.check_change(call, live, record, wanted)
    change = capacity.Change(call.core, live, record, wanted)
    record |= {"EndpointStatus": "Updating", "LastModifiedTime": call.now}
    summaries.publish(call.core, record, live)
    call.core.run(f"scale-{live.name}", change.run)
    return call.show(record)


@action("DescribeEndpoint")
def describe_endpoint(call: Call) -> Record:
    """Status, what answers now, and the deployment in progress."""
    record = find_endpoint(call)
    live = call.core.live[call.scope, record["EndpointName"]]
    deployment: Deployment | None = record.get("_deployment")
    config = live_config(record)
    members = ("AsyncInferenceConfig", "MetricsConfig")
    shown = record | {key: config[key] for key in members if key in config}
    shown |= {
        "ProductionVariants": summaries.variants(live) or None,
        "ShadowProductionVariants": summaries.variants(live, shadows=True) or None,
        "DataCaptureConfig": summaries.capture(config),
        "PendingDeploymentSummary": deployment.summary() if deployment else None,
    }
    return call.show(shown)


@action("DeleteEndpoint")
def delete_endpoint(call: Call) -> Record:
    """Its variants are no longer scaled, requests in flight end, processes stop, then the endpoint is gone."""
    record = find_endpoint(call)
    _refuse_in_progress(record, deleting=True)
    record |= {"EndpointStatus": "Deleting", "LastModifiedTime": call.now}
    live = call.core.live[call.scope, record["EndpointName"]]
    summaries.publish(call.core, record, live)
    call.core.run(f"delete-{live.name}", live.remove, call.core, record)
    return {}


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


def _refuse_in_progress(record: Record, *, deleting: bool = False) -> None:
    if record["EndpointStatus"] in _IN_PROGRESS:
        raise invalid(f'Cannot update in-progress endpoint "{record["EndpointArn"]}".')
    if record["EndpointStatus"] == "Failed" and not deleting:
        raise invalid(f'Cannot update endpoint "{record["EndpointArn"]}" in status Failed: it can only be deleted.')
