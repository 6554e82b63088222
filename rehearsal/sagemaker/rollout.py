"""How a DeploymentConfig shifts traffic: the service's rules, and whole instances out of percentages. Pure."""

from dataclasses import dataclass
from typing import Any

from rehearsal.sagemaker.errors import invalid, not_emulated

DEFAULT_TIMEOUT_SECONDS = 14_400


@dataclass(frozen=True)
class Step:
    """Bring `instances` of the new fleet (None: all of it) into traffic, then watch for `bake_seconds` (cloud)."""

    size: dict[str, Any] | None
    bake_seconds: int
    wait_name: str
    times: int = 1  # LINEAR: the size counts this often

    def instances(self, fleet_size: int) -> int:
        """Whole instances, at least one, never more than the fleet."""
        if self.size is None:
            return fleet_size
        return min(fleet_size, whole(self.size, fleet_size) * self.times)


@dataclass(frozen=True)
class Rollout:
    """Steps, alarms and the time allowed."""

    steps: tuple[Step, ...]
    alarms: tuple[str, ...]
    timeout_seconds: int


def whole(size: dict[str, Any], fleet_size: int) -> int:
    """INSTANCE_COUNT as it is, CAPACITY_PERCENT rounded down to instances but at least one."""
    if size["Type"] == "INSTANCE_COUNT":
        return int(size["Value"])
    return max(1, fleet_size * int(size["Value"]) // 100)


def plan(config: dict[str, Any] | None, fleet_sizes: list[int]) -> Rollout:
    """The rollout of a DeploymentConfig, or the service's refusal. None: all at once, no bake."""
    config = config or {}
    if "RollingUpdatePolicy" in config:
        if "BlueGreenUpdatePolicy" in config:
            raise invalid(
                "DeploymentConfig must have either a BlueGreenUpdatePolicy or a RollingUpdatePolicy, not both."
            )
        raise not_emulated("rolling updates (RollingUpdatePolicy)")
    alarms = tuple(alarm["AlarmName"] for alarm in config.get("AutoRollbackConfiguration", {}).get("Alarms", []))
    policy = config.get("BlueGreenUpdatePolicy")
    if policy is None:
        return Rollout((Step(None, 0, "TerminationWaitInSeconds"),), alarms, DEFAULT_TIMEOUT_SECONDS)
    smallest = min(fleet_sizes, default=1)
    steps = (
        *_shifts(policy["TrafficRoutingConfiguration"], smallest),
        Step(None, policy.get("TerminationWaitInSeconds", 0), "TerminationWaitInSeconds"),
    )
    timeout = policy.get("MaximumExecutionTimeoutInSeconds", DEFAULT_TIMEOUT_SECONDS)
    waits = sum(step.bake_seconds for step in steps)
    if waits >= timeout:
        raise invalid(
            f"MaximumExecutionTimeoutInSeconds ({timeout}) must be greater than the sum of all wait intervals and "
            f"TerminationWaitInSeconds ({waits})."
        )
    return Rollout(steps, alarms, timeout)


def _shifts(routing: dict[str, Any], smallest: int) -> list[Step]:
    kind, wait = routing["Type"], routing["WaitIntervalInSeconds"]
    if kind == "ALL_AT_ONCE":
        if "CanarySize" in routing or "LinearStepSize" in routing:
            raise invalid("CanarySize and LinearStepSize are not allowed with traffic routing type ALL_AT_ONCE.")
        return []
    member, other = ("CanarySize", "LinearStepSize") if kind == "CANARY" else ("LinearStepSize", "CanarySize")
    if other in routing:
        raise invalid(f"{other} is not allowed with traffic routing type {kind}.")
    size = routing.get(member)
    if size is None:
        raise invalid(f"{member} is required with traffic routing type {kind}.")
    percent = size["Value"] if size["Type"] == "CAPACITY_PERCENT" else 100 * size["Value"] / smallest
    lowest = 10 if kind == "LINEAR" else 0
    if percent > 50 or percent < lowest:
        allowed = "at most 50" if kind == "CANARY" else "10 to 50"
        raise invalid(
            f"{member} must be {allowed} percent of the variant's total instance count ({smallest}); "
            f"{size['Type']} {size['Value']} is {percent:g} percent."
        )
    if kind == "CANARY":
        return [Step(size, wait, "WaitIntervalInSeconds")]
    count = -(-smallest // whole(size, smallest))
    return [Step(size, wait, "WaitIntervalInSeconds", times) for times in range(1, count)]
