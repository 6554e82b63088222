"""Endpoint configs."""

from typing import Any

from rehearsal.sagemaker import events
from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import invalid, not_emulated
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.store import Record

_NOT_EMULATED = {
    "ShadowProductionVariants": "shadow variants",
    "AsyncInferenceConfig": "asynchronous endpoints",
    "ExplainerConfig": "online explainability",
}


@action("CreateEndpointConfig")
def create_endpoint_config(call: Call) -> Record:
    """Variants of models that exist now; deleting a model later is not noticed here."""
    name = call.params["EndpointConfigName"]
    arn = call.arn("endpoint-config", name)
    if name in call.state.endpoint_configs:
        raise invalid(f'Cannot create already existing endpoint configuration "{arn}".')
    for member, feature in _NOT_EMULATED.items():
        if member in call.params:
            raise not_emulated(f"{feature} ({member})")
    names = [variant["VariantName"] for variant in call.params["ProductionVariants"]]
    if len(set(names)) < len(names):
        raise invalid("Variant names must be unique within an endpoint configuration.")
    for variant in call.params["ProductionVariants"]:
        _check_variant(call, variant)
    record = call.new("EndpointConfigArn", arn)
    record["ProductionVariants"] = [{"InitialVariantWeight": 1.0, **one} for one in record["ProductionVariants"]]
    call.state.endpoint_configs[name] = record
    _publish(call, record)
    return call.show(record)


def _check_variant(call: Call, variant: dict[str, Any]) -> None:
    if "ServerlessConfig" in variant:
        raise not_emulated("serverless variants (ServerlessConfig)")
    if "ModelName" not in variant:
        raise not_emulated("inference components (a variant without ModelName)")
    for member in ("InstanceType", "InitialInstanceCount"):
        if member not in variant:
            raise invalid(f"{member} is required for production variant {variant['VariantName']}.")
    if variant["ModelName"] not in call.state.models:
        raise invalid(f'Could not find model "{call.arn("model", variant["ModelName"])}".')


@action("DescribeEndpointConfig")
def describe_endpoint_config(call: Call) -> Record:
    """The config as it was created."""
    return call.show(find_config(call))


@action("DeleteEndpointConfig")
def delete_endpoint_config(call: Call) -> Record:
    """Allowed while an endpoint uses the config, as in the service: guarding is the caller's duty."""
    record = find_config(call)
    del call.state.endpoint_configs[record["EndpointConfigName"]]
    call.state.tags.pop(record["EndpointConfigArn"], None)
    _publish(call, record)
    return {}


@action("ListEndpointConfigs")
def list_endpoint_configs(call: Call) -> Record:
    """One page of configs."""
    return listed(call, call.state.endpoint_configs.values(), name="EndpointConfigName", order="Descending")


def find_config(call: Call) -> Record:
    """The config that the request names."""
    name = call.params["EndpointConfigName"]
    if name not in call.state.endpoint_configs:
        raise invalid(f'Could not find endpoint configuration "{call.arn("endpoint-config", name)}".')
    return call.state.endpoint_configs[name]


def _publish(call: Call, record: Record) -> None:
    detail = {key: record[key] for key in ("EndpointConfigName", "EndpointConfigArn", "ProductionVariants")}
    detail["CreationTime"] = events.epoch_ms(record["CreationTime"])
    detail["Tags"] = dict(call.state.tags.get(record["EndpointConfigArn"], {}))
    call.core.events.put(events.ENDPOINT_CONFIG, record["EndpointConfigArn"], detail, call.scope)
