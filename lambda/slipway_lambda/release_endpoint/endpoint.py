"""Deleting an endpoint with all that releases made for it."""

from collections.abc import Callable, Mapping
from typing import Any

from slipway_lambda.clean_up_release.choose import removable
from slipway_lambda.contracts.errors import SlipwayError
from slipway_lambda.ports.endpoints import Endpoints

POLL_SECONDS = 5.0
FIRST_POLL_SECONDS = 0.25
CHANGING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})


class EndpointStillThereError(SlipwayError):
    """The endpoint was not gone in time."""


def wants_a_release(event: Mapping[str, Any]) -> bool:
    """Whether an update changed what a release would deploy."""
    return bool(event["ResourceProperties"].get("Spec") != event.get("OldResourceProperties", {}).get("Spec"))


def delete_all(
    endpoints: Endpoints,
    name: str,
    *,
    seconds_left: Callable[[], float],
    pause: Callable[[float], None],
) -> None:
    """Return when the endpoint is gone, and the configs and models that releases made for it. Nothing there is
    success.
    """
    wait, asked = FIRST_POLL_SECONDS, False
    while described := endpoints.describe(name):
        # An endpoint that changes refuses to be deleted: wait, and ask when it has settled.
        if not asked and described["EndpointStatus"] not in CHANGING:
            endpoints.delete(name)
            asked = True
            continue
        if seconds_left() < 3 * POLL_SECONDS:
            raise EndpointStillThereError(
                f"Endpoint {name} is still {described['EndpointStatus']} and this function's time is over.",
                "Delete the stack again when it has settled.",
            )
        pause(wait)
        wait = min(2 * wait, POLL_SECONDS)
    for config in removable(name, endpoints.config_names(f"{name}-v"), frozenset()):
        endpoints.delete_config(config)
    for model in removable(name, endpoints.model_names(f"{name}-v"), frozenset()):
        endpoints.delete_model(model)
