"""Deregister scaling: from here on nothing but the release changes the fleet, and its steps fit the fleet that is."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from slipway_lambda.contracts.release import EndpointChangingError, ReleaseSpec
from slipway_lambda.contracts.scaling import live_count, resource_id
from slipway_lambda.events import take
from slipway_lambda.plan_release.deployment import deployment_config, recovery_config, strategy_words
from slipway_lambda.ports.endpoints import Endpoints, SageMakerEndpoints
from slipway_lambda.ports.scalings import ApplicationAutoScaling, Scalings


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """`spec` → the members of the plan that depend on how many instances are live: `instance_count`,
    `deployment_config`, `recovery_config`, `strategy_words`.
    """
    return deregister(event, SageMakerEndpoints(), ApplicationAutoScaling())


def deregister(event: Mapping[str, Any], endpoints: Endpoints, scalings: Scalings) -> dict[str, Any]:
    """As the handler, on any ports. Raises EndpointChangingError while what scaling last asked for is on its way."""
    spec = ReleaseSpec.from_dict(take(event, "spec", dict))
    scalings.deregister(resource_id(spec.endpoint, spec.variant))
    # Only now: until it was deregistered the number could change.
    endpoint = endpoints.describe(spec.endpoint)
    if (status := endpoint.get("EndpointStatus", "")) != "InService":
        raise EndpointChangingError(
            f"{spec.endpoint} is {status or 'gone'}, so that the size of its fleet is not known yet.",
            "Start the release again when the endpoint is InService.",
        )
    count = live_count(endpoint, spec.variant)
    sized = replace(spec, instance_count=count)
    return {
        "instance_count": count,
        "deployment_config": deployment_config(sized),
        "recovery_config": recovery_config(sized),
        "strategy_words": strategy_words(sized, first=False),
    }
