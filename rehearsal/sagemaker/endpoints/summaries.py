"""How DescribeEndpoint and the endpoint events show what runs."""

import re
from typing import TYPE_CHECKING, Any

from rehearsal.sagemaker import events
from rehearsal.sagemaker.endpoints import pools
from rehearsal.sagemaker.endpoints.fleet import Fleet
from rehearsal.sagemaker.events import epoch_ms
from rehearsal.sagemaker.store import Record

if TYPE_CHECKING:
    from rehearsal.sagemaker.core import Core
    from rehearsal.sagemaker.endpoints.live import LiveEndpoint, Route


def variants(live: "LiveEndpoint", *, shadows: bool = False) -> list[Record]:
    """DescribeEndpoint's ProductionVariants or ShadowProductionVariants: the fleets that answer now."""
    with live.lock:
        routes = live.shadows if shadows else live.routes
        shown = [(name, route, route.main) for name, route in routes.items() if route.shares]
    return [_without_nulls(_variant(name, route, fleet)) for name, route, fleet in shown]


def _variant(name: str, route: "Route", fleet: Fleet) -> Record:
    desired = route.weight if route.desired_weight is None else route.desired_weight
    summary = {
        "VariantName": name,
        "DeployedImages": fleet.deployed_images() or None,
        "CurrentWeight": route.weight,
        "DesiredWeight": desired,
        "VariantStatus": [route.status] if route.status else None,
    }
    return summary | _capacity(fleet)


def _capacity(fleet: Fleet) -> Record:
    """Instances, or what stands for them in a serverless variant."""
    given = fleet.variant_record
    if serverless := given.get("ServerlessConfig"):
        return {"CurrentServerlessConfig": serverless, "DesiredServerlessConfig": serverless}
    return {
        "CurrentInstanceCount": fleet.in_service_count,
        "DesiredInstanceCount": fleet.count,
        "InstancePools": pools.summary(given, fleet.kinds()),
        "ManagedInstanceScaling": given.get("ManagedInstanceScaling"),
        "RoutingConfig": given.get("RoutingConfig"),
    }


def pending_variant(fleet: Fleet, weight: float, status: Record | None) -> Record:
    """One variant of PendingDeploymentSummary."""
    summary = {
        "VariantName": fleet.variant,
        "DeployedImages": fleet.deployed_images() or None,
        "CurrentWeight": weight,
        "DesiredWeight": weight,
        "InstanceType": fleet.variant_record.get("InstanceType"),
        "VariantStatus": [status] if status else None,
    }
    return _without_nulls(summary | _capacity(fleet))


def _without_nulls(summary: Record) -> Record:
    return {key: value for key, value in summary.items() if value is not None}


def capture(config: dict[str, Any]) -> Record | None:
    """DescribeEndpoint's DataCaptureConfig of an endpoint config's."""
    given = config.get("DataCaptureConfig")
    if not given:
        return None
    enabled = given.get("EnableCapture", True)
    summary = {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": given["InitialSamplingPercentage"],
        "DestinationS3Uri": given["DestinationS3Uri"],
        "KmsKeyId": given.get("KmsKeyId"),
    }
    return _without_nulls(summary)


def upper_snake(status: str) -> str:
    """`InService` → `IN_SERVICE`, as endpoint events write it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", status).upper()


def set_status(core: "Core", live: "LiveEndpoint", record: Record, status: str, reason: str | None = None) -> None:
    """A new EndpointStatus, with its FailureReason or none, and the event about it."""
    with core.store.lock:
        record |= {"EndpointStatus": status, "LastModifiedTime": core.host.clock.now(), "FailureReason": reason}
        publish(core, record, live)


def publish(core: "Core", record: Record, live: "LiveEndpoint", pending: Record | None = None) -> None:
    """The endpoint's state change event, or with `pending` its deployment's."""
    with core.store.lock:
        detail = {key: record.get(key) for key in ("EndpointName", "EndpointArn", "EndpointConfigName")}
        shown = variants(live)
        if pending is None:
            members = ("DesiredWeight", "DesiredInstanceCount")
            shown = [{key: float(one[key]) for key in members if key in one} for one in shown]
        else:
            shown = [{key: value for key, value in one.items() if key != "DeployedImages"} for one in shown]
        detail |= {
            "ProductionVariants": shown,
            "EndpointStatus": upper_snake(record["EndpointStatus"]),
            "CreationTime": epoch_ms(record["CreationTime"]),
            "LastModifiedTime": epoch_ms(record["LastModifiedTime"]),
            "Tags": dict(core.store.state(live.scope).tags.get(record["EndpointArn"], {})),
        }
        if record.get("FailureReason"):
            detail["FailureReason"] = record["FailureReason"]
    if pending is not None:
        detail["PendingDeploymentSummary"] = _in_milliseconds(pending)
    kind = events.ENDPOINT if pending is None else events.ENDPOINT_DEPLOYMENT
    core.events.put(kind, record["EndpointArn"], detail, live.scope)


def _in_milliseconds(summary: Record) -> Record:
    shown = {**summary, "StartTime": epoch_ms(summary["StartTime"])}
    for member in ("ProductionVariants", "ShadowProductionVariants"):
        if member in summary:
            shown[member] = [_variant_in_milliseconds(one) for one in summary[member]]
    return shown


def _variant_in_milliseconds(variant: Record) -> Record:
    one = {key: value for key, value in variant.items() if key != "DeployedImages"}
    if "VariantStatus" in one:
        one["VariantStatus"] = [{**each, "StartTime": epoch_ms(each["StartTime"])} for each in one["VariantStatus"]]
    return one
