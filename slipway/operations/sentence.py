"""A plan in one sentence. Pure."""

from math import ceil

from slipway.config.prices import Price
from slipway.operations.costs import cost_words, instance_minutes, more_instances, shift_seconds, trial_seconds
from slipway.operations.planning import Preview
from slipway_lambda.contracts.release import Decision, ReleaseSpec


def sentence(preview: Preview, price: Price | None = None) -> str:
    """What would move, how, guarded by what, with what capacity, at what cost; without a price in instance-minutes."""
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
    means = f"{plan['strategy_words']}; {_guard(spec.alarm_names)}; {_capacity(preview, price)}{_scaling(spec)}"
    return f"{move} in {spec.environment}: {means}."


def duration(seconds: float) -> str:
    """`90 s`, `10 min`, `2 h`: rounded up, in the largest unit that says enough."""
    if seconds < 120:
        return f"{ceil(seconds)} s"
    return f"{ceil(seconds / 60)} min" if seconds < 7200 else f"{ceil(seconds / 360) / 10:g} h"


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


def _capacity(preview: Preview, price: Price | None) -> str:
    spec, deployment = preview.spec, preview.plan["deployment_config"]
    time = duration(shift_seconds(deployment, spec.instance_count))
    more, cost = more_instances(deployment, spec.instance_count), cost_words(instance_minutes(preview), price)
    whole = f"{more} more × {_kinds(spec)}"
    if "RollingUpdatePolicy" in deployment:
        return f"{whole} at a time, for about {time} and the start of each batch, costs {cost}"
    if trial := trial_seconds(preview):
        times = f"for a trial of up to {duration(trial)}, then triples it for about {time}"
        return f"doubles capacity ({whole}) {times} and the start of the new fleet, costs at most {cost}"
    return f"doubles capacity ({whole}) for about {time} and the start of the new fleet, costs {cost}"
