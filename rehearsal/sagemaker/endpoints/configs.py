"""Endpoint configs."""

from rehearsal.sagemaker import events
from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.endpoints.config_rules import check_config
from rehearsal.sagemaker.errors import invalid
from rehearsal.sagemaker.event_details import publish
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.store import Record


@action("CreateEndpointConfig")
def create_endpoint_config(call: Call) -> Record:
    """Variants of models that exist now; deleting a model later is not noticed here."""
    name = call.params["EndpointConfigName"]
    arn = call.arn("endpoint-config", name)
    if name in call.state.endpoint_configs:
        raise invalid(f'Cannot create already existing endpoint configuration "{arn}".')
    check_config(call)
    record = call.new("EndpointConfigArn", arn)
    for key in ("ProductionVariants", "ShadowProductionVariants"):
        if key in record:
            record[key] = [{"InitialVariantWeight": 1.0, **one} for one in record[key]]
    call.state.endpoint_configs[name] = record
    publish(call.core, events.ENDPOINT_CONFIG, record)
    return call.show(record)


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
    publish(call.core, events.ENDPOINT_CONFIG, record)
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
