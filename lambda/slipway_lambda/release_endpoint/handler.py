"""Custom::BlueGreenEndpoint: the stack shows the endpoint and deletes it; only the release machine changes it."""

import json
import time
from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.scaling import resource_id
from slipway_lambda.custom_resource import Answer, respond
from slipway_lambda.events import setting, take
from slipway_lambda.ports.clients import client
from slipway_lambda.ports.closing import DynamoClosing
from slipway_lambda.ports.endpoints import SageMakerEndpoints
from slipway_lambda.ports.executions import StepFunctionsExecutions
from slipway_lambda.ports.scalings import ApplicationAutoScaling
from slipway_lambda.ports.starts import StepFunctionsStarts
from slipway_lambda.release_endpoint.endpoint import Ports, Time, delete_all, scales_no_longer, wants_a_release


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Create adopts nothing and waits for nothing; Update with a changed spec starts a release of what is live; Delete
    deletes, in as many invocations as that takes.
    """

    def work() -> Answer:
        ports = Ports(
            SageMakerEndpoints(),
            ApplicationAutoScaling(),
            StepFunctionsExecutions(),
            StepFunctionsStarts(),
            DynamoClosing(setting("LEDGER_TABLE")),
        )
        return carry_out(event, ports, Time(lambda: context.get_remaining_time_in_millis() / 1000, time.sleep))

    def again(more: Mapping[str, Any]) -> None:
        client("lambda").invoke(
            FunctionName=context.invoked_function_arn, InvocationType="Event", Payload=json.dumps(more)
        )

    respond(event, work, context.log_stream_name, again=again, now=time.time())


def carry_out(event: Mapping[str, Any], ports: Ports, clock: Time) -> Answer:
    """As the handler, on any ports; gives the answer that CloudFormation gets."""
    properties = take(event, "ResourceProperties", dict)
    kind, name = take(event, "RequestType", str), take(properties, "EndpointName", str)
    machine = take(properties, "StateMachineArn", str)
    if kind == "Delete":
        physical_id = take(event, "PhysicalResourceId", str)
        if physical_id == name:  # else it is what a failed creation was named by
            delete_all(ports, name, variant=take(properties, "Variant", str), machine=machine, time=clock)
        return Answer(physical_id=physical_id)
    if kind == "Create":
        ports.closing.open(name)
    if kind == "Update" and scales_no_longer(event):
        # Before the release: another instance type would be refused of a scalable target.
        ports.scalings.deregister(resource_id(name, take(properties, "Variant", str)))
    if kind == "Update" and wants_a_release(event) and ports.endpoints.describe(name):
        ports.starts.start(machine, f"spec-{take(event, 'RequestId', str)}", {"trigger": "spec"})
    return Answer(physical_id=name, attributes={"EndpointName": name})
