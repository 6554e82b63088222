"""What a release takes beside what serves anyway: instance-minutes, and money where a price is known. Pure."""

from math import ceil
from typing import Any

from slipway.config.prices import Price
from slipway.operations.planning import Preview
from slipway_lambda.contracts.release import Decision


def shift_seconds(deployment: dict[str, Any], instances: int) -> int:
    """How long SageMaker shifts and bakes once the new instances have started, by UpdateEndpoint's DeploymentConfig."""
    if rolling := deployment.get("RollingUpdatePolicy"):
        batches = ceil(instances / size_of(rolling["MaximumBatchSize"], instances))
        return batches * int(rolling["WaitIntervalInSeconds"])
    policy = deployment["BlueGreenUpdatePolicy"]
    routing = policy["TrafficRoutingConfiguration"]
    waits = {"ALL_AT_ONCE": 0, "CANARY": 1}.get(routing["Type"])
    if waits is None:  # LINEAR bakes after each step but the last, after which the old fleet waits
        waits = ceil(instances / size_of(routing["LinearStepSize"], instances)) - 1
    return waits * int(routing.get("WaitIntervalInSeconds", 0)) + int(policy.get("TerminationWaitInSeconds", 0))


def more_instances(deployment: dict[str, Any], instances: int) -> int:
    """Instances beside those that serve, at a time."""
    if rolling := deployment.get("RollingUpdatePolicy"):
        return ceil(size_of(rolling["MaximumBatchSize"], instances))
    return instances


def size_of(size: dict[str, Any], instances: int) -> float:
    """A CapacitySize in instances."""
    value = float(size["Value"])
    return max(value if size["Type"] == "INSTANCE_COUNT" else instances * value / 100, 1e-9)


def trial_seconds(preview: Preview) -> int:
    """The longest time that champion and challenger serve side by side before the shift; 0 where nothing is tried."""
    trial = preview.spec.as_dict().get("trial") if "trial_config" in preview.plan else None
    return int(trial["seconds"]) if trial else 0


def instance_minutes(preview: Preview) -> float:
    """Of the instances beside those that serve, from when they have started; 0 where nothing is shifted. With a trial
    the most that it may be.
    """
    if preview.plan["decision"] not in {Decision.UPDATE, Decision.RESPEC}:
        return 0.0
    deployment, count = preview.plan["deployment_config"], preview.spec.instance_count
    shift = more_instances(deployment, count) * shift_seconds(deployment, count)
    # A challenger serves through the shift as well, beside the fleet that it is promoted to.
    tried = count * (trial_seconds(preview) + shift_seconds(deployment, count)) if trial_seconds(preview) else 0
    return (shift + tried) / 60


def cost(minutes: float, price: Price | None) -> dict[str, Any] | None:
    """For `--json`; None without a price."""
    if price is None:
        return None
    return {
        "amount": round(minutes / 60 * price.per_hour, 4), "currency": price.currency, "per_hour": price.per_hour,
    }  # fmt: skip


def cost_words(minutes: float, price: Price | None) -> str:
    """For people: money, or what to multiply by your price."""
    if price is None:
        return f"{minutes:g} instance-minutes" if minutes != 1 else "1 instance-minute"
    amount = minutes / 60 * price.per_hour
    return f"about {amount:.2f} {price.currency} at {price.per_hour:g} {price.currency} an hour each"
