"""Check before the shift: alarms, the new image, the way back, and room for the second fleet."""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway_lambda.check_preflight.check import check_alarms, check_rollback_set
from slipway_lambda.check_preflight.quota import check_quota
from slipway_lambda.contracts.release import PreflightRefusedError, ReleaseSpec
from slipway_lambda.events import take
from slipway_lambda.ports.alarms import Alarms, CloudWatchAlarms
from slipway_lambda.ports.clients import client
from slipway_lambda.ports.endpoints import Endpoints, SageMakerEndpoints
from slipway_lambda.ports.fleets import SageMakerFleets
from slipway_lambda.ports.images import EcrImages, Images
from slipway_lambda.ports.objects import ObjectMissingError, Objects, S3Objects, split_uri
from slipway_lambda.ports.quotas import ServiceQuotas


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """`spec`, `config`, `image`, `last_good` ({} or {config, version}), `endpoint_exists` → {"alarms": n,
    "quota": what was found, in words}.
    """
    checked = check(event, CloudWatchAlarms(), EcrImages(), SageMakerEndpoints(), S3Objects())
    spec, quotas = ReleaseSpec.from_dict(take(event, "spec", dict)), ServiceQuotas(client("service-quotas"))
    room = check_quota(spec, take(event, "config", str), quotas, SageMakerFleets(client("sagemaker")))
    return {**checked, "quota": room}


def check(
    event: Mapping[str, Any], alarms: Alarms, images: Images, endpoints: Endpoints, objects: Objects
) -> dict[str, Any]:
    """As the handler, on any ports, but for the quota."""
    spec = ReleaseSpec.from_dict(take(event, "spec", dict))
    image, last_good = take(event, "image", str), take(event, "last_good", dict)
    if not images.exists(image):
        raise PreflightRefusedError(
            f"The image {image} is not in the registry.", "Build it anew, or train a new version."
        )
    if last_good:
        check_rollback_set(last_good, list(_missing(last_good["config"], endpoints, images, objects)))
    check_alarms(
        spec.dimensions_of_alarms(take(event, "config", str)),
        alarms.describe(spec.alarm_names),
        judge_state=take(event, "endpoint_exists", bool),
    )
    return {"alarms": len(spec.alarm_names)}


def _missing(config: str, endpoints: Endpoints, images: Images, objects: Objects) -> Iterator[str]:
    described = endpoints.describe_config(config)
    if not described:
        yield f"endpoint config {config} does not exist"
    for variant in described.get("ProductionVariants", []):
        model = endpoints.describe_model(variant["ModelName"])
        if not model:
            yield f"model {variant['ModelName']} does not exist"
            continue
        container = model["PrimaryContainer"]
        if not images.exists(container["Image"]):
            yield f"its image {container['Image']} is not in the registry"
        bucket, key = split_uri(container["ModelDataUrl"])
        try:
            objects.head(bucket, key, 1)
        except ObjectMissingError:
            yield f"its artefact {container['ModelDataUrl']} does not exist"
