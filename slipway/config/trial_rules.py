"""A trial on its endpoint and under its alarms: what SageMaker cannot do, or what would judge nothing."""

from collections.abc import Iterator

from slipway.config.base import Clash
from slipway.config.endpoint import Endpoint
from slipway.config.rollout import Rollout, Strategy

USES = {
    Strategy.SHADOW: frozenset({"tolerance", "disagreement_percent"}),
    Strategy.AB: frozenset({"weights_percent", "metric"}),
}
"""Fields of a trial that only one strategy has."""
HERE = ("rollout", "trial")
STRATEGY = ("rollout", "strategy")


def trial_clashes(rollout: Rollout, endpoint: Endpoint) -> list[Clash]:
    """Nothing where the strategy has no trial."""
    if rollout.tried is None:
        return []
    return [
        *_without_use(rollout),
        *_too_short_to_end(rollout),
        *_too_short_to_see(rollout),
        *_halved_floor(rollout),
        *_half_captured(rollout, endpoint),
        *_scaled(endpoint),
    ]


def _without_use(rollout: Rollout) -> Iterator[Clash]:
    declared = rollout.trial.model_fields_set if rollout.trial is not None else frozenset[str]()
    for strategy, fields in USES.items():
        for field in sorted(fields & declared):
            if strategy is not rollout.strategy:
                why = f"has no meaning with strategy {rollout.strategy}"
                yield Clash((*HERE, field), why, f"remove it, or use {strategy}", (STRATEGY,))


def _too_short_to_end(rollout: Rollout) -> Iterator[Clash]:
    trial = rollout.tried
    if trial is None:
        return
    steps = len(trial.weights_percent) if rollout.strategy is Strategy.AB else 1
    if trial.seconds < steps * trial.step_seconds:
        yield Clash(
            (*HERE, "seconds"),
            f"is too short: {steps} × step_seconds {trial.step_seconds} = {steps * trial.step_seconds}, and no trial"
            " could end in time",
            f"give at least {steps * trial.step_seconds}, or fewer or shorter steps",
            (STRATEGY, (*HERE, "weights_percent"), (*HERE, "step_seconds")),
        )


def _too_short_to_see(rollout: Rollout) -> Iterator[Clash]:
    slowest, trial = rollout.alarms.slowest_seconds, rollout.tried
    if trial is not None and trial.step_seconds < slowest:
        yield Clash(
            (*HERE, "step_seconds"),
            f"is {trial.step_seconds}, shorter than an alarm's period of {slowest} s: a step would end before that"
            " alarm can see it",
            f"give at least {slowest}, or shorten the alarm's period_seconds",
            (("rollout", "alarms"),),
        )


def _halved_floor(rollout: Rollout) -> Iterator[Clash]:
    """The floor counts what the champion's variant is asked, and the challenger takes some of that away."""
    trial = rollout.tried
    if trial is None or rollout.strategy is not Strategy.AB or rollout.alarms.invocations is None:
        return
    most = trial.weights_percent[-1]
    yield Clash(
        ("rollout", "alarms", "invocations"),
        f"counts the champion's requests, of which a trial by ab leaves {100 - most} % (100 - {most}): it would end the"
        " trial for that alone",
        "remove it, or use another strategy",
        (STRATEGY, (*HERE, "weights_percent")),
    )


def _half_captured(rollout: Rollout, endpoint: Endpoint) -> Iterator[Clash]:
    """A pair of answers needs both, and that two fleets sample the same requests is documented nowhere."""
    percent = endpoint.capture.sampling_percent
    if rollout.strategy is Strategy.SHADOW and percent < 100:
        yield Clash(
            ("endpoint", "capture", "sampling_percent"),
            f"is {percent}: a shadow's answers exist only where they are captured, and of two fleets that each capture"
            f" {percent} % a pair is left by chance",
            "set it to 100, or use another strategy",
            (STRATEGY,),
        )


def _scaled(endpoint: Endpoint) -> Iterator[Clash]:
    """Two fleets that grow apart cannot be compared, and scaling is off for as long as a release lasts: here, days."""
    if endpoint.scaling is not None:
        yield Clash(
            STRATEGY,
            "has a trial, and endpoint.scaling would be off for as long as that lasts",
            "use another strategy, or a fixed endpoint.instance_count",
            (("endpoint", "scaling"),),
        )
