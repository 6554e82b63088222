"""Custom::BlueGreenEndpoint: the stack shows the endpoint and deletes it; only the release machine changes it."""

import time
from collections.abc import Mapping
from typing import Any

from slipway_lambda.custom_resource import Answer, respond
from slipway_lambda.events import take
from slipway_lambda.ports.endpoints import Endpoints, SageMakerEndpoints
from slipway_lambda.ports.starts import Starts, StepFunctionsStarts
from slipway_lambda.release_endpoint.endpoint import delete_all, wants_a_release


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Create adopts nothing and waits for nothing; Update with a changed spec starts a release of what is live; Delete
    deletes.
    """

    def work() -> Answer:
        return carry_out(event, SageMakerEndpoints(), StepFunctionsStarts(), _seconds_left(context), time.sleep)

    respond(event, work, context.log_stream_name)


def carry_out(event: Mapping[str, Any], endpoints: Endpoints, starts: Starts, seconds_left: Any, pause: Any) -> Answer:
    """As the handler, on any ports; gives the answer that CloudFormation gets."""
    properties = take(event, "ResourceProperties", dict)
    kind, name = take(event, "RequestType", str), take(properties, "EndpointName", str)
    if kind == "Delete":
        # The name of the resource that goes: after a replacement, the old one's.
        delete_all(endpoints, take(event, "PhysicalResourceId", str), seconds_left=seconds_left, pause=pause)
        return Answer(physical_id=event["PhysicalResourceId"])
    if kind == "Update" and wants_a_release(event) and endpoints.describe(name):
        machine = take(properties, "StateMachineArn", str)
        starts.start(machine, f"spec-{take(event, 'RequestId', str)}", {"trigger": "spec"})
    return Answer(physical_id=name, attributes={"EndpointName": name})


def _seconds_left(context: Any) -> Any:
    return lambda: context.get_remaining_time_in_millis() / 1000
