"""What of a trial is not as it should be. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slipway_lambda.contracts.trial import CHALLENGER, Trial
from slipway_lambda.ports.alarms import AlarmState


def share_percent(endpoint: Mapping[str, Any]) -> int:
    """The challenger's share of the answers; 0 for a shadow."""
    weights = {v["VariantName"]: v.get("CurrentWeight", 0.0) for v in endpoint.get("ProductionVariants", [])}
    total = sum(weights.values())
    return round(100 * weights.get(CHALLENGER, 0.0) / total) if total else 0


def faults_of_endpoint(trial: Trial, config: str, variant: str, endpoint: Mapping[str, Any]) -> Iterator[str]:
    """`config`: the trial's; `variant`: the champion's; `endpoint`: DescribeEndpoint, or empty."""
    status, live = endpoint.get("EndpointStatus", "gone"), endpoint.get("EndpointConfigName", "")
    if status != "InService":
        why = endpoint.get("FailureReason")
        yield f"the endpoint is {status}{f': {why}' if why else ''}"
        return
    if live != config:
        yield f"live is {live}, not the trial's {config}: SageMaker took it back, or somebody changed it by hand"
        return
    members = ("ProductionVariants", "ShadowProductionVariants")
    serving = {v["VariantName"]: v for member in members for v in endpoint.get(member) or []}
    for side, name in (("champion", variant), ("challenger", CHALLENGER)):
        if not serving.get(name, {}).get("CurrentInstanceCount"):
            yield f"the {side} has no instance that serves"
    share = share_percent(endpoint)
    if trial.weights_percent and share not in trial.weights_percent:
        yield f"the challenger's share is {share} %, which is none of the trial's: somebody changed it by hand"


def faults_of_alarms(wanted: Mapping[str, Mapping[str, str] | None], found: Sequence[AlarmState]) -> Iterator[str]:
    """What a shift demands at its end, a trial demands at every look. `wanted`: dimensions by alarm name, None where
    any will do.
    """
    by_name = {a.name: a for a in found}
    for name, dimensions in wanted.items():
        alarm = by_name.get(name)
        if alarm is None:
            yield f"alarm {name} is gone"
        elif not alarm.actions_enabled:
            yield f"alarm {name} has its actions disabled"
        elif dimensions is not None and alarm.dimensions != dict(dimensions):
            yield f"alarm {name} watches {alarm.dimensions} by now, not {dict(dimensions)}"
        elif alarm.state == "ALARM":
            yield f"alarm {name} is in ALARM: {alarm.reason}"
