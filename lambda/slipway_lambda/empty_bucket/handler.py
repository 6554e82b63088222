"""Custom::EmptiedBucket: S3 deletes no bucket with objects in it, so they go first, all versions of them."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.teardown import TAG, YES
from slipway_lambda.custom_resource import Answer, respond
from slipway_lambda.events import take
from slipway_lambda.ports.buckets import Buckets, S3Buckets


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Only deleting it does anything."""
    respond(event, lambda: carry_out(event, S3Buckets()), context.log_stream_name)


def carry_out(event: Mapping[str, Any], buckets: Buckets) -> Answer:
    """As the handler, on any port. A bucket that is gone, or is not tagged as one to empty, is left alone."""
    bucket = take(take(event, "ResourceProperties", dict), "BucketName", str)
    if take(event, "RequestType", str) != "Delete":
        return Answer(physical_id=bucket)
    physical_id = take(event, "PhysicalResourceId", str)
    if buckets.tags(physical_id).get(TAG) == YES:
        buckets.empty(physical_id)
    return Answer(physical_id=physical_id)
