"""What an inference experiment does to its endpoint: real shadow variants, through a new config and UpdateEndpoint."""

from typing import TYPE_CHECKING, Any

from rehearsal.host import Scope
from rehearsal.sagemaker.actions import TABLE, Call
from rehearsal.sagemaker.errors import ServiceError
from rehearsal.sagemaker.registry.groups import scope_of
from rehearsal.sagemaker.shapes import check_request
from rehearsal.sagemaker.store import Record
from rehearsal.sagemaker.ticking import ticks

if TYPE_CHECKING:
    from rehearsal.sagemaker.core import Core

TABLE_NAME = "inference_experiments"
_NAME_CHARACTERS = 63
_CAPTURE = [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]


def deploy(core: "Core", record: Record, production: list[Record], shadows: list[Record], status: str) -> None:
    """Bring the endpoint to these variants; the experiment has this status until it is there."""
    scope = scope_of(record["Arn"])
    number = core.store.next_sequence()
    config = f"{record['Name'][: _NAME_CHARACTERS - 10]}-{number}"
    request: dict[str, Any] = {"EndpointConfigName": config, "ProductionVariants": production}
    if shadows:
        request["ShadowProductionVariants"] = shadows
    if "KmsKey" in record:
        request["KmsKeyId"] = record["KmsKey"]
    if (storage := record.get("DataStorageConfig")) and shadows:
        request["DataCaptureConfig"] = _capture(storage)
    _do(core, scope, record, "CreateEndpointConfig", request)
    try:
        update = {"EndpointName": record["EndpointName"], "EndpointConfigName": config}
        _do(core, scope, record, "UpdateEndpoint", update)
    except ServiceError:
        _do(core, scope, record, "DeleteEndpointConfig", {"EndpointConfigName": config})
        raise
    record |= {"Status": status, "LastModifiedTime": core.host.clock.now(), "_config": config}
    record["_configs"] = [*record.get("_configs", []), config]


def _do(core: "Core", scope: Scope, record: Record, action: str, params: dict[str, Any]) -> None:
    TABLE[action](Call(action, core, check_request(action, params), scope, record["RoleArn"]))


def _capture(storage: dict[str, Any]) -> dict[str, Any]:
    types = storage.get("ContentType")
    return {
        "EnableCapture": True,
        "InitialSamplingPercentage": 100,
        "DestinationS3Uri": storage["Destination"],
        "CaptureOptions": _CAPTURE,
        **({"KmsKeyId": storage["KmsKey"]} if "KmsKey" in storage else {}),
        **({"CaptureContentTypeHeader": types} if types else {}),
    }


def begin(core: "Core", record: Record, status: str = "Starting") -> None:
    """The production variant as before, and beside it the shadow variant with its share of copies."""
    mode = record["ShadowModeConfig"]
    shadow = mode["ShadowModelVariants"][0]
    share = shadow["SamplingPercentage"] / 100
    variants = {one["VariantName"]: one for one in record["ModelVariants"]}
    production = variant(variants[mode["SourceModelVariantName"]], 1.0)
    deploy(core, record, [production], [variant(variants[shadow["ShadowModelVariantName"]], share)], status)


def end(core: "Core", record: Record, actions: dict[str, str], desired: list[Record] | None, state: str) -> None:
    """Keep, remove or promote; then the experiment is over. What is retained as a shadow goes on getting copies."""
    variants = {one["VariantName"]: one for one in desired or record["ModelVariants"]}
    source = record["ShadowModeConfig"]["SourceModelVariantName"]
    shadow = record["ShadowModeConfig"]["ShadowModelVariants"][0]
    name = shadow["ShadowModelVariantName"]
    record["_state"] = state
    if actions == {source: "Retain", name: "Retain"} and desired is None:
        record |= {"Status": "Stopping", "LastModifiedTime": core.host.clock.now()}
        return
    if actions.get(name) == "Promote":
        deploy(core, record, [variant(variants[name], 1.0)], [], "Stopping")
        return
    kept = [variant(variants[name], shadow["SamplingPercentage"] / 100)] if actions.get(name) == "Retain" else []
    deploy(core, record, [variant(variants[source], 1.0)], kept, "Stopping")


def variant(given: Record, weight: float) -> Record:
    """A variant of an endpoint config."""
    hardware = given["InfrastructureConfig"]["RealTimeInferenceConfig"]
    return {
        "VariantName": given["VariantName"],
        "ModelName": given["ModelName"],
        "InstanceType": hardware["InstanceType"],
        "InitialInstanceCount": hardware["InstanceCount"],
        "InitialVariantWeight": weight,
    }


def endpoint_of(core: "Core", record: Record) -> Record:
    """The experiment's endpoint; an empty record once it is gone."""
    state = core.store.state(scope_of(record["Arn"]))
    return state.endpoints.get(record["EndpointName"], {})


@ticks
def advance(core: "Core") -> None:
    """Start what is due, end what is over, and follow the endpoints that are on their way."""
    with core.store.lock:
        running = [one for _, state in core.store.scopes() for one in state.tables.get(TABLE_NAME, {}).values()]
        for record in running:
            if record["Status"] not in ("Completed", "Cancelled"):
                _advance(core, record)


def _advance(core: "Core", record: Record) -> None:
    now, status = core.host.clock.now(), record["Status"]
    try:
        if status in ("Creating", "Created"):
            if now >= record["Schedule"]["StartTime"]:
                begin(core, record)
            else:
                record["Status"] = "Created"
        elif status == "Running" and now >= record["Schedule"]["EndTime"]:
            source = record["ShadowModeConfig"]["SourceModelVariantName"]
            end(core, record, {source: "Retain"}, None, "Completed")
        elif status in ("Starting", "Updating", "Stopping"):
            _follow(core, record)
    except ServiceError as error:
        # An endpoint that another change holds is tried again; anything else ends the experiment.
        if "in-progress" not in error.message and "in status" not in error.message:
            _close(core, record, "Cancelled", error.message)


def _follow(core: "Core", record: Record) -> None:
    endpoint = endpoint_of(core, record)
    if endpoint.get("EndpointStatus") in ("Updating", "RollingBack", "SystemUpdating", "Creating"):
        return
    _clean(core, record, endpoint)
    arrived = endpoint.get("EndpointConfigName") == record.get("_config", endpoint.get("EndpointConfigName"))
    if endpoint.get("EndpointStatus") != "InService" or not arrived:
        reason = (
            endpoint.get("FailureReason") or f"Endpoint {record['EndpointName']} did not take the new configuration."
        )
        _close(core, record, "Cancelled", reason)
    elif record["Status"] == "Stopping":
        _close(core, record, record["_state"], record.get("StatusReason"))
    else:
        record |= {"Status": "Running", "LastModifiedTime": core.host.clock.now()}


def _clean(core: "Core", record: Record, endpoint: Record) -> None:
    """Configs of the experiment that the endpoint does not run go."""
    scope = scope_of(record["Arn"])
    for config in record.get("_configs", []):
        if config != endpoint.get("EndpointConfigName") and config in core.store.state(scope).endpoint_configs:
            _do(core, scope, record, "DeleteEndpointConfig", {"EndpointConfigName": config})
    record["_configs"] = [one for one in record.get("_configs", []) if one == endpoint.get("EndpointConfigName")]


def _close(core: "Core", record: Record, status: str, reason: str | None) -> None:
    now = core.host.clock.now()
    record |= {"Status": status, "CompletionTime": now, "LastModifiedTime": now}
    if reason:
        record["StatusReason"] = reason[:1024]
