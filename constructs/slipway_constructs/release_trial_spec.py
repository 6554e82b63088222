"""What the release machine is told of the trial that is declared."""

from slipway.config.model import Model
from slipway.config.rollout import Strategy
from slipway_lambda.contracts.trial import Metric, Trial


def trial_spec(model: Model, *, alarm_names: tuple[str, ...] = ()) -> Trial | None:
    """None where the strategy has no trial. `alarm_names`: of the alarms on the challenger's own fleet."""
    declared = model.rollout.tried
    if declared is None:
        return None
    metric = declared.metric
    return Trial(
        seconds=declared.seconds,
        minimum_requests=declared.minimum_requests,
        weights_percent=tuple(declared.weights_percent) if model.rollout.strategy is Strategy.AB else (),
        step_seconds=declared.step_seconds,
        tolerance=declared.tolerance,
        alarm_names=alarm_names,
        metric=Metric(metric.namespace, metric.name, metric.better == "higher") if metric else None,
        disagreement_percent=declared.disagreement_percent,
    )
