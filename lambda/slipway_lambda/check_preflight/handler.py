"""Check before the shift: alarms, the new image, the way back, and room for the second fleet; and ask the champion,
while it alone answers.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from slipway_lambda.check_preflight.champion import answers_of_champion
from slipway_lambda.check_preflight.check import check_alarms, check_rollback_set
from slipway_lambda.check_preflight.quota import check_quota
from slipway_lambda.contracts.release import PreflightRefusedError, ReleaseSpec
from slipway_lambda.events import take
from slipway_lambda.ports.alarms import Alarms, CloudWatchAlarms
from slipway_lambda.ports.clients import client
from slipway_lambda.ports.endpoints import Endpoints, SageMakerEndpoints
from slipway_lambda.ports.images import EcrImages, Images
from slipway_lambda.ports.objects import ObjectMissingError, Objects, S3Objects, split_uri
from slipway_lambda.ports.occupancy import SageMakerOccupancy
from slipway_lambda.ports.quotas import ServiceQuotas
from slipway_lambda.ports.runtime import Runtime, SageMakerRuntime


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """`spec`, `config`, `image`, `last_good` ({} or {config, version}), `endpoint_exists`, `golden_uri` (empty: the
    champion is not asked) → {"alarms": n, "champion": its answers to the new version's golden records, null unknown,
    "quota": what was found, in words}.
    """
    checked = check(event, CloudWatchAlarms(), EcrImages(), SageMakerEndpoints(), S3Objects(), SageMakerRuntime())
    spec, quotas = ReleaseSpec.from_dict(take(event, "spec", dict)), ServiceQuotas(client("service-quotas"))
    room = check_quota(spec, take(event, "config", str), quotas, SageMakerOccupancy(client("sagemaker")))
    return {**checked, "quota": room}


def check(  # noqa: PLR0917  # an event and its ports
    event: Mapping[str, Any],
    alarms: Alarms,
    images: Images,
    endpoints: Endpoints,
    objects: Objects,
    runtime: Runtime,
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
    wanted = {**spec.dimensions_of_alarms(take(event, "config", str)), **spec.dimensions_in_trial()}
    check_alarms(wanted, alarms.describe(list(wanted)), judge_state=take(event, "endpoint_exists", bool))
    golden_uri = take(event, "golden_uri", str) if take(event, "endpoint_exists", bool) else ""
    champion = answers_of_champion(spec, golden_uri, objects, runtime) if golden_uri else []
    return {"alarms": len(wanted), "champion": champion}


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
