"""Custom::ContainerImage: the image of a source folder, in its repository, before anything is deployed that would
pull it."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.build_image.build import ensure_image
from slipway_lambda.custom_resource import Answer, respond
from slipway_lambda.events import take
from slipway_lambda.ports.builds import AwsBuilds


def handler(event: Mapping[str, Any], context: Any) -> None:
    """Create and Update build; Delete leaves images to the repository, which goes with them or keeps them."""

    def work() -> Answer:
        properties = take(event, "ResourceProperties", dict)
        repository, tag = take(properties, "Repository", str), take(properties, "Tag", str)
        if event["RequestType"] != "Delete":
            ensure_image(
                AwsBuilds(),
                project=take(properties, "Project", str),
                repository=repository,
                tag=tag,
                token=event["RequestId"],
                seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
            )
        return Answer(physical_id=f"{repository}:{tag}")

    respond(event, work, context.log_stream_name)
