"""Whether an endpoint scales as declared."""

from collections.abc import Mapping
from typing import Any

from slipway.config import names
from slipway.config.model import Model
from slipway.operations.errors import of_aws
from slipway.operations.where import Where
from slipway_lambda.contracts.scaling import DIMENSION, NAMESPACE, resource_id


def read_scaling(where: Where, endpoint: str, model: Model) -> dict[str, Any]:
    """`declared` and `registered` limits, as [min, max] instances. Raises Failure."""
    scaling = model.endpoint.scaling
    assert scaling is not None
    try:
        found = where.client("application-autoscaling").describe_scalable_targets(
            ServiceNamespace=NAMESPACE,
            ResourceIds=[resource_id(endpoint, names.VARIANT)],
            ScalableDimension=DIMENSION,
        )["ScalableTargets"]
    except Exception as error:
        raise of_aws(error, f"scaling of {endpoint}") from error
    registered = [found[0]["MinCapacity"], found[0]["MaxCapacity"]] if found else None
    return {"declared": [scaling.min_instances, scaling.max_instances], "registered": registered}


def unscaled(scaling: Mapping[str, Any] | None, *, serving: bool, moving: bool) -> tuple[str, str] | None:
    """Pure: what is wrong and its fix. While a release moves the fleet, the target is off on purpose."""
    if scaling is None or not serving or moving or scaling["declared"] == scaling["registered"]:
        return None
    least, most = scaling["declared"]
    if scaling["registered"] is None:
        what = f"the endpoint does not scale, and {least} to {most} instances are declared"
    else:
        now = " and ".join(map(str, scaling["registered"]))
        what = f"the endpoint scales between {now}, declared are {least} to {most}"
    return what, "wait for the next sweep, or deploy the Release stack if the declaration is newer"


def limits_words(scaling: Mapping[str, Any]) -> str:
    """For people."""
    registered = scaling["registered"]
    return f"{registered[0]} to {registered[1]} instances" if registered else "off"
