"""A plan in one sentence. Pure."""

from math import ceil
from typing import Any

from slipway.operations.planning import Preview
from slipway_lambda.contracts.release import Decision, ReleaseSpec


def sentence(preview: Preview) -> str:
    """What would move, how, guarded by what, with what capacity. Costs are left out: no price is known here."""
    plan, spec = preview.plan, preview.spec
    name, now, then = spec.model, preview.live_version, preview.version
    decision = plan["decision"]
    if not preview.goes:
        return (
            f"{name} {then} would not be released in {spec.environment}: {plan['reason']} {plan['next_step']}".rstrip()
        )
    if decision == Decision.VERIFY_ONLY:
        return (
            f"{name} {then} is on the endpoint in {spec.environment} already: it is verified and recorded, not shifted."
        )
    fleet = f"{spec.instance_count} × {_kinds(spec)}"
    if decision in {Decision.CREATE, Decision.CLEAR}:
        return f"{name} {then} is the first version in {spec.environment}: its endpoint is created with {fleet}."
    move = f"{name} stays at {then}" if decision == Decision.RESPEC else f"{name} moves {now or '?'} → {then}"
    more = f"{_capacity(preview)}{_scaling(spec)}"
    return f"{move} in {spec.environment}: {plan['strategy_words']}; {_guard(spec.alarm_names)}; {more}."


def shift_seconds(deployment: dict[str, Any], instances: int) -> int:
    """How long SageMaker shifts and bakes once the new instances have started, by UpdateEndpoint's DeploymentConfig."""
    if rolling := deployment.get("RollingUpdatePolicy"):
        batches = ceil(instances / _size(rolling["MaximumBatchSize"], instances))
        return batches * int(rolling["WaitIntervalInSeconds"])
    policy = deployment["BlueGreenUpdatePolicy"]
    routing = policy["TrafficRoutingConfiguration"]
    waits = {"ALL_AT_ONCE": 0, "CANARY": 1}.get(routing["Type"])
    if waits is None:  # LINEAR bakes after each step but the last, after which the old fleet waits
        waits = ceil(instances / _size(routing["LinearStepSize"], instances)) - 1
    return waits * int(routing.get("WaitIntervalInSeconds", 0)) + int(policy.get("TerminationWaitInSeconds", 0))


def duration(seconds: float) -> str:
    """`90 s`, `10 min`, `2 h`: rounded up, in the largest unit that says enough."""
    if seconds < 120:
        return f"{ceil(seconds)} s"
    return f"{ceil(seconds / 60)} min" if seconds < 7200 else f"{ceil(seconds / 360) / 10:g} h"


def _size(size: dict[str, Any], instances: int) -> float:
    value = float(size["Value"])
    return max(value if size["Type"] == "INSTANCE_COUNT" else instances * value / 100, 1e-9)


def _kinds(spec: ReleaseSpec) -> str:
    """The instance type, and those that are taken where it is not to be had."""
    return ", else ".join(spec.instance_types)


def _guard(alarms: tuple[str, ...]) -> str:
    return f"guarded by {', '.join(alarms)}" if alarms else "guarded by no alarm"


def _scaling(spec: ReleaseSpec) -> str:
    if spec.scaling is None:
        return ""
    limits = f"{spec.scaling.min_instances} to {spec.scaling.max_instances}"
    return f"; {spec.instance_count} instances are live, and scaling between {limits} rests meanwhile"


def _capacity(preview: Preview) -> str:
    spec, deployment = preview.spec, preview.plan["deployment_config"]
    time = duration(shift_seconds(deployment, spec.instance_count))
    if rolling := deployment.get("RollingUpdatePolicy"):
        more = ceil(_size(rolling["MaximumBatchSize"], spec.instance_count))
        return f"{more} more × {_kinds(spec)} at a time, for about {time} and the start of each batch"
    more = spec.instance_count
    if "trial_config" in preview.plan and spec.trial is not None:
        return (
            f"doubles capacity ({more} more × {_kinds(spec)}) for at most {duration(spec.trial.seconds)}, and"
            f" trebles it while fleets are exchanged: at the trial's beginning, and for about {time} at its end"
        )
    return f"doubles capacity ({more} more × {_kinds(spec)}) for about {time} and the start of the new fleet"
