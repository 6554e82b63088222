"""Metrics of predictions against labels. One that is not defined is None with a reason, never a NaN that a gate
could compare by accident."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
PROBABILITY_FLOOR = 1e-15


@dataclass
class Metrics:
    """`values` by name; `reasons` for each that is None."""

    values: dict[str, float | None] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)

    def put(self, name: str, value: float | None, reason: str) -> None:
        defined = value is not None and bool(np.isfinite(value))
        self.values[name] = float(value) if defined and value is not None else None
        if not defined:
            self.reasons[name] = reason


BINARY = ("auc", "accuracy", "f1", "log_loss", "precision", "recall")
REGRESSION = ("rmse", "mae", "r2", "mse")


def undefined(is_classification: bool, reason: str) -> Metrics:
    """Every metric None, for one reason."""
    found = Metrics()
    for name in BINARY if is_classification else REGRESSION:
        found.put(name, None, reason)
    return found


def judge(truth: Values, predicted: Values, is_classification: bool) -> Metrics:
    """All metrics of the problem."""
    if not len(truth):
        return undefined(is_classification, "the holdout has no rows")
    if not np.isfinite(predicted).all():
        bad = int(np.count_nonzero(~np.isfinite(predicted)))
        return undefined(is_classification, f"{bad} predictions are not finite")
    return _binary(truth, predicted) if is_classification else _regression(truth, predicted)


def _binary(truth: Values, predicted: Values) -> Metrics:
    found, counts = Metrics(), confusion(truth, predicted)
    found.put("auc", auc(truth, predicted), "the holdout has one class only")
    found.put("accuracy", (counts["tp"] + counts["tn"]) / len(truth), "")
    found.put("f1", f_score(counts, 1.0), "no row is or was predicted to be of class 1")
    p = np.clip(predicted, PROBABILITY_FLOOR, 1 - PROBABILITY_FLOOR)
    found.put("log_loss", float(-np.mean(truth * np.log(p) + (1 - truth) * np.log1p(-p))), "")
    found.put("precision", ratio(counts["tp"], counts["tp"] + counts["fp"]), "no row was predicted to be of class 1")
    found.put("recall", ratio(counts["tp"], counts["tp"] + counts["fn"]), "no row is of class 1")
    return found


def _regression(truth: Values, predicted: Values) -> Metrics:
    found = Metrics()
    error = predicted - truth
    mse = float(np.mean(error**2))
    spread = float(np.sum((truth - truth.mean()) ** 2))
    found.put("rmse", mse**0.5, "")
    found.put("mae", float(np.mean(np.abs(error))), "")
    found.put("r2", 1 - float(np.sum(error**2)) / spread if spread else None, "the target is the same in every row")
    found.put("mse", mse, "")
    return found


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def confusion(truth: Values, predicted: Values, threshold: float = 0.5) -> dict[str, int]:
    """Counts tp, fp, tn, fn of calling class 1 from `threshold` up."""
    called, real = predicted >= threshold, truth == 1
    tp, fp = int(np.sum(called & real)), int(np.sum(called & ~real))
    return {"tp": tp, "fp": fp, "tn": int(np.sum(~real)) - fp, "fn": int(np.sum(real)) - tp}


def f_score(counts: dict[str, int], beta: float) -> float | None:
    b = beta * beta
    return ratio((1 + b) * counts["tp"], (1 + b) * counts["tp"] + b * counts["fn"] + counts["fp"])


def auc(truth: Values, predicted: Values) -> float | None:
    """Area under the ROC curve: the chance that a row of class 1 is ranked above one of class 0, ties for half."""
    ones = int(np.sum(truth == 1))
    zeros = len(truth) - ones
    if not ones or not zeros:
        return None
    _, place, count = np.unique(predicted, return_inverse=True, return_counts=True)
    middle_rank = np.cumsum(count) - (count - 1) / 2
    return float((middle_rank[place][truth == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def curve(truth: Values, predicted: Values, points: int = 101) -> list[dict[str, Any]]:
    """Confusion counts at evenly spaced quantiles of the predictions, from strict to lenient."""
    cuts = np.unique(np.quantile(predicted, np.linspace(0, 1, points)))[::-1]
    return [confusion(truth, predicted, float(cut)) for cut in cuts]
