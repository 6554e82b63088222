"""How DescribeEndpoint and the endpoint events show what runs."""

import re
from typing import TYPE_CHECKING, Any

from rehearsal.sagemaker import events
from rehearsal.sagemaker.events import epoch_ms
from rehearsal.sagemaker.fleet import Fleet
from rehearsal.sagemaker.store import Record

if TYPE_CHECKING:
    from rehearsal.sagemaker.core import Core
    from rehearsal.sagemaker.live import LiveEndpoint


def variants(live: "LiveEndpoint") -> list[Record]:
    """DescribeEndpoint's ProductionVariants: the fleets that answer now."""
    with live.lock:
        routes = [(name, route.weight, route.main) for name, route in live.routes.items() if route.shares]
    return [
        {
            "VariantName": name,
            "DeployedImages": fleet.deployed_images(),
            "CurrentWeight": weight,
            "DesiredWeight": weight,
            "CurrentInstanceCount": len(fleet.instances),
            "DesiredInstanceCount": fleet.count,
        }
        for name, weight, fleet in routes
    ]


def pending_variant(fleet: Fleet, weight: float, status: Record | None) -> Record:
    """One variant of PendingDeploymentSummary."""
    summary = {
        "VariantName": fleet.variant,
        "DeployedImages": fleet.deployed_images(),
        "CurrentWeight": weight,
        "DesiredWeight": weight,
        "CurrentInstanceCount": fleet.healthy_count,
        "DesiredInstanceCount": fleet.count,
        "InstanceType": fleet.variant_record.get("InstanceType"),
        "VariantStatus": [status] if status else None,
    }
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
    return {key: value for key, value in summary.items() if value is not None}


def upper_snake(status: str) -> str:
    """`InService` → `IN_SERVICE`, as endpoint events write it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", status).upper()


def publish(core: "Core", record: Record, live: "LiveEndpoint", pending: Record | None = None) -> None:
    """The endpoint's state change event, or with `pending` its deployment's."""
    with core.store.lock:
        detail = {key: record.get(key) for key in ("EndpointName", "EndpointArn", "EndpointConfigName")}
        shown = variants(live)
        if pending is None:
            shown = [{key: float(one[key]) for key in ("DesiredWeight", "DesiredInstanceCount")} for one in shown]
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
    shown = {**summary, "StartTime": epoch_ms(summary["StartTime"]), "ProductionVariants": []}
    for variant in summary["ProductionVariants"]:
        one = {key: value for key, value in variant.items() if key != "DeployedImages"}
        if "VariantStatus" in one:
            one["VariantStatus"] = [{**each, "StartTime": epoch_ms(each["StartTime"])} for each in one["VariantStatus"]]
        shown["ProductionVariants"].append(one)
    return shown
