"""How a DeploymentConfig shifts traffic: the service's rules, and whole instances out of percentages. Pure.

Rounding of CAPACITY_PERCENT is not documented: here it is down to whole instances, but at least one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.sagemaker.errors import invalid

# Where MaximumExecutionTimeoutInSeconds is left out: the most that the API allows, since no default is documented.
DEFAULT_TIMEOUT_SECONDS = 28_800
_SHARES = {"CanarySize": (0, 50), "LinearStepSize": (10, 50), "MaximumBatchSize": (5, 50)}  # percent of the instances
_SHARES |= {"RollbackMaximumBatchSize": (0, 100)}


@dataclass(frozen=True)
class Step:
    """Bring `instances` of the new fleet (None: all of it) into traffic, then watch for `bake_seconds` (cloud)."""

    size: dict[str, Any] | None
    bake_seconds: int
    wait_name: str
    times: int = 1  # LINEAR and rolling: the size counts this often

    def instances(self, fleet_size: int) -> int:
        """Whole instances, at least one, never more than the fleet."""
        if self.size is None:
            return fleet_size
        return min(fleet_size, whole(self.size, fleet_size) * self.times)


@dataclass(frozen=True)
class Rollout:
    """Steps, alarms and the time allowed. `rolling`: the old fleet shrinks with each step, and grows again in
    batches of `rollback_size` (None: at once) when the update gives way."""

    steps: tuple[Step, ...]
    alarms: tuple[str, ...]
    timeout_seconds: int
    rolling: bool = False
    rollback_size: dict[str, Any] | None = None


ALL_AT_ONCE = Rollout((Step(None, 0, "TerminationWaitInSeconds"),), (), DEFAULT_TIMEOUT_SECONDS)


def whole(size: dict[str, Any], fleet_size: int) -> int:
    """INSTANCE_COUNT as it is, CAPACITY_PERCENT rounded down to instances but at least one."""
    if size["Type"] == "INSTANCE_COUNT":
        return int(size["Value"])
    return max(1, fleet_size * int(size["Value"]) // 100)


def plan(config: dict[str, Any] | None, fleet_sizes: Sequence[int]) -> Rollout:
    """The rollout of a DeploymentConfig, or the service's refusal. None: all at once, no bake."""
    config = config or {}
    alarms = _alarms(config.get("AutoRollbackConfiguration", {}).get("Alarms", []))
    blue_green, rolling = config.get("BlueGreenUpdatePolicy"), config.get("RollingUpdatePolicy")
    if blue_green is not None and rolling is not None:
        raise invalid("DeploymentConfig must have either a BlueGreenUpdatePolicy or a RollingUpdatePolicy, not both.")
    sizes = [size for size in fleet_sizes if size] or [1]
    if rolling is not None:
        return _rolling(rolling, alarms, sizes)
    if blue_green is None:
        return Rollout(ALL_AT_ONCE.steps, alarms, DEFAULT_TIMEOUT_SECONDS)
    last = Step(None, blue_green.get("TerminationWaitInSeconds", 0), "TerminationWaitInSeconds")
    steps = (*_shifts(blue_green["TrafficRoutingConfiguration"], sizes), last)
    return Rollout(steps, alarms, _timeout(blue_green, steps))


def guards_traffic(config: dict[str, Any] | None) -> bool:
    """Whether the config asks for more than the whole fleet at once: what needs the same variant names."""
    policy = (config or {}).get("BlueGreenUpdatePolicy", {})
    kind = policy.get("TrafficRoutingConfiguration", {}).get("Type", "ALL_AT_ONCE")
    return "RollingUpdatePolicy" in (config or {}) or kind != "ALL_AT_ONCE"


def _alarms(given: list[dict[str, Any]]) -> tuple[str, ...]:
    names = [alarm.get("AlarmName") for alarm in given]
    if None in names:
        raise invalid("AlarmName is required for each alarm of AutoRollbackConfiguration.")
    return tuple(str(name) for name in names)


def _rolling(policy: dict[str, Any], alarms: tuple[str, ...], sizes: Sequence[int]) -> Rollout:
    size, rollback = policy["MaximumBatchSize"], policy.get("RollbackMaximumBatchSize")
    _check_size("MaximumBatchSize", size, sizes)
    if rollback:
        _check_size("RollbackMaximumBatchSize", rollback, sizes)
    wait, times = policy["WaitIntervalInSeconds"], range(1, _count(size, sizes) + 1)
    steps = tuple(Step(size, wait, "WaitIntervalInSeconds", number) for number in times)
    return Rollout(steps, alarms, _timeout(policy, steps), rolling=True, rollback_size=rollback)


def _shifts(routing: dict[str, Any], sizes: Sequence[int]) -> list[Step]:
    kind, wait = routing["Type"], routing["WaitIntervalInSeconds"]
    allowed = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}.get(kind)
    for member in ("CanarySize", "LinearStepSize"):
        if member in routing and member != allowed:
            raise invalid(f"{member} is not allowed with traffic routing type {kind}.")
    if allowed is None:
        return []
    size = routing.get(allowed)
    if size is None:
        raise invalid(f"{allowed} is required with traffic routing type {kind}.")
    _check_size(allowed, size, sizes)
    last = 2 if kind == "CANARY" else _count(size, sizes)
    return [Step(size, wait, "WaitIntervalInSeconds", times) for times in range(1, last)]


def _check_size(member: str, size: dict[str, Any], sizes: Sequence[int]) -> None:
    lowest, highest = _SHARES[member]
    allowed = f"{lowest} to {highest}" if lowest else f"at most {highest}"
    for total in sizes:
        percent = size["Value"] if size["Type"] == "CAPACITY_PERCENT" else 100 * size["Value"] / total
        if not lowest <= percent <= highest:
            raise invalid(
                f"{member} must be {allowed} percent of the variant's total instance count ({total}); "
                f"{size['Type']} {size['Value']} is {percent:g} percent."
            )


def _count(size: dict[str, Any], sizes: Sequence[int]) -> int:
    """Steps until the largest need is met: that of the fleet which takes the most of them."""
    return max(-(-total // whole(size, total)) for total in sizes)


def _timeout(policy: dict[str, Any], steps: Sequence[Step]) -> int:
    timeout = int(policy.get("MaximumExecutionTimeoutInSeconds", DEFAULT_TIMEOUT_SECONDS))
    waits = sum(step.bake_seconds for step in steps)
    if waits >= timeout:
        raise invalid(
            f"MaximumExecutionTimeoutInSeconds ({timeout}) must be greater than the sum of all wait intervals and "
            f"TerminationWaitInSeconds ({waits})."
        )
    return timeout
