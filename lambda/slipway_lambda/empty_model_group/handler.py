"""Custom::EmptiedModelGroup: SageMaker deletes no model package group with versions in it, so they go first."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.teardown import TAG, YES
from slipway_lambda.custom_resource import Answer, respond
from slipway_lambda.events import take
from slipway_lambda.ports.groups import Groups, SageMakerGroups


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Only deleting it does anything."""
    respond(event, lambda: carry_out(event, SageMakerGroups()), context.log_stream_name)


def carry_out(event: Mapping[str, Any], versions: Groups) -> Answer:
    """As the handler, on any port. A group that is not tagged as one to empty is left alone."""
    properties = take(event, "ResourceProperties", dict)
    arn, group = take(properties, "GroupArn", str), take(properties, "GroupName", str)
    if take(event, "RequestType", str) != "Delete":
        return Answer(physical_id=arn)
    physical_id = take(event, "PhysicalResourceId", str)
    if physical_id == arn and versions.tags(arn).get(TAG) == YES:
        for version in list(versions.of_group(group)):
            versions.delete(version)
    return Answer(physical_id=physical_id)
