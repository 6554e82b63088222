"""Deleting an endpoint with all that releases made for it, also in the middle of one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from slipway_lambda.clean_up_release.choose import removable
from slipway_lambda.contracts.scaling import resource_id
from slipway_lambda.custom_resource import NotYetError
from slipway_lambda.ports.closing import Closing
from slipway_lambda.ports.endpoints import Endpoints
from slipway_lambda.ports.executions import Executions
from slipway_lambda.ports.scalings import Scalings
from slipway_lambda.ports.starts import Starts

POLL_SECONDS = 5.0
FIRST_POLL_SECONDS = 0.25
CHANGING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack"})


@dataclass(frozen=True)
class Ports:
    """All that the custom resource reaches."""

    endpoints: Endpoints
    scalings: Scalings
    executions: Executions
    starts: Starts
    closing: Closing


@dataclass(frozen=True)
class Time:
    """`seconds_left` of this invocation; `pause` waits so many seconds."""

    seconds_left: Callable[[], float]
    pause: Callable[[float], None]

    def wait(self, seconds: float, what: str) -> None:
        """Raises NotYetError, saying what is waited for, when there is too little time left to go on."""
        if self.seconds_left() < 3 * POLL_SECONDS:
            raise NotYetError(
                f"{what}, and this function's time is over.", "Delete the stack again when it has settled."
            )
        self.pause(seconds)


def wants_a_release(event: Mapping[str, Any]) -> bool:
    """Whether an update changed what a release would deploy."""
    return bool(event["ResourceProperties"].get("Spec") != event.get("OldResourceProperties", {}).get("Spec"))


def scales_no_longer(event: Mapping[str, Any]) -> bool:
    """Whether an update took the declared scaling away."""
    old, new = event.get("OldResourceProperties", {}).get("Spec", {}), event["ResourceProperties"].get("Spec", {})
    return "scaling" in old and "scaling" not in new


def delete_all(ports: Ports, name: str, *, variant: str, machine: str, time: Time) -> None:
    """Return when nothing changes the endpoint any more, it is gone, and so are its scalable target and the configs
    and models that releases made for it. Nothing there is success; safe to run again from wherever it ended.

    First the ledger says that it is closed, so that a release which begins meanwhile does nothing; then those that run
    are stopped, since one may take hours and would only make what is to be deleted.
    """
    endpoints, resource = ports.endpoints, resource_id(name, variant)
    ports.closing.close(name)
    _stop_releases(ports, name, machine, time)
    wait, asked = FIRST_POLL_SECONDS, False
    while described := endpoints.describe(name):
        status = described["EndpointStatus"]
        # An endpoint that changes refuses to be deleted: wait, and ask when it has settled.
        if not asked and status not in CHANGING:
            ports.scalings.deregister(resource)
            if status != "Deleting":
                endpoints.delete(name)
            asked = True
            continue
        time.wait(wait, f"Endpoint {name} is still {status}")
        wait = min(2 * wait, POLL_SECONDS)
    ports.scalings.deregister(resource)  # of an endpoint that somebody else deleted
    for config in removable(name, endpoints.config_names(f"{name}-v"), frozenset()):
        endpoints.delete_config(config)
    for model in removable(name, endpoints.model_names(f"{name}-v"), frozenset()):
        endpoints.delete_model(model)
    ports.closing.forget_live(name)


def _stop_releases(ports: Ports, name: str, machine: str, time: Time) -> None:
    stopped: list[str] = []
    while running := ports.executions.running(machine):
        for execution in running:
            if execution not in stopped:
                ports.executions.stop(execution, f"Endpoint {name} is deleted with its stack.")
                stopped.append(execution)
        time.wait(FIRST_POLL_SECONDS, f"Releases of {name} still run")
    ports.closing.free(name, stopped)
