"""Whether a window's findings start a training, are told to a person, or are nothing. Pure: the time comes with the
question."""

from dataclasses import dataclass

from slipway_lambda.contracts.monitoring import NOTHING, RETRAIN, TELL
from slipway_lambda.decide_retraining.report import TOO_FEW, Report

DRIFT = frozenset({"baseline_drift_check", "categorical_values_check"})
"""The world has changed: what a new training can learn."""
BROKEN = frozenset({"missing_column_check", "extra_column_check", "data_type_check"})
"""The requests have another shape than the model's: a caller's fault, and training on it would make it the model's."""
UNPARSABLE_SHARE = 0.001


@dataclass(frozen=True)
class Brakes:
    """What holds a retraining back. Times in epoch seconds; None: there was no retraining yet."""

    on_drift: bool
    cooldown_seconds: int
    last_started_at: float | None
    running: int
    now: float


@dataclass(frozen=True)
class Decision:
    """`decision` retrain, tell or nothing; `reason` a sentence; `next_step` what a person would do, or empty."""

    decision: str
    reason: str
    next_step: str = ""


def decide(report: Report, brakes: Brakes) -> Decision:
    """The first rule that applies, the ones that hold back before the one that starts."""
    if report.verdict == TOO_FEW:
        return Decision(
            TELL,
            f"Only {report.records} records were captured in the window: too few for a verdict.",
            "See whether clients still call the endpoint and capture works; lower minimum_records if so few are usual.",
        )
    if report.unparsable > UNPARSABLE_SHARE * (report.records + report.unparsable):
        return Decision(
            TELL,
            f"{report.unparsable} of {report.records + report.unparsable} captured records cannot be read.",
            "Look at the callers' requests: the monitor judged only the rest.",
        )
    if not report.violations:
        return Decision(NOTHING, f"{report.records} records agree with the baseline.")
    broken = sorted({v.feature for v in report.violations if v.check in BROKEN})
    if broken:
        return Decision(
            TELL,
            f"The requests have another shape than the model's: {_names(broken)}.",
            "Mend the callers. Nothing is retrained on broken requests.",
        )
    drifted = sorted({v.feature for v in report.violations if v.check in DRIFT})
    if not drifted:
        return Decision(
            TELL, f"{len(report.violations)} violations, and no drift among them.", "Read the window's report."
        )
    return _under_brakes(f"Drift in {len(drifted)} features: {_names(drifted)}.", brakes)


def _under_brakes(drift: str, brakes: Brakes) -> Decision:
    if not brakes.on_drift:
        return Decision(
            TELL, f"{drift} retrain.on_drift is off.", "Read the report and start a training if it is right."
        )
    if brakes.running:
        return Decision(TELL, f"{drift} A training is running already.", "Wait for its outcome.")
    if brakes.last_started_at is not None:
        left = brakes.last_started_at + brakes.cooldown_seconds - brakes.now
        if left > 0:
            return Decision(
                TELL,
                f"{drift} The cool-down of {brakes.cooldown_seconds // 3600} hours is not over.",
                f"In {left / 3600:.1f} hours drift may start the next; start one by hand if it cannot wait.",
            )
    return Decision(RETRAIN, drift)


def _names(features: list[str]) -> str:
    return ", ".join(features[:5]) + (f" and {len(features) - 5} more" if len(features) > 5 else "")
