"""Statistics of a model in the shape of Model Monitor's model quality baseline (`statistics.json`).

A standard deviation is that of five seeded draws of 80 % of the rows; below 200 rows it is null, as there.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tabular.metrics import Values, auc, confusion, curve, f_score, judge, ratio

DRAWS, DRAW_SHARE, ROWS_FOR_DEVIATION, SEED = 5, 0.8, 200, 7
Scalars = dict[str, float | None]


def statistics(truth: Values, predicted: Values, is_classification: bool) -> dict[str, Any]:
    """The whole document."""
    head = {"version": 0.0, "dataset": {"item_count": len(truth)}}
    if not np.isfinite(predicted).all():
        return head
    if not is_classification:
        return {**head, "regression_metrics": _scalars(truth, predicted, lambda t, p: judge(t, p, False).values)}
    counts, steps = confusion(truth, predicted), curve(truth, predicted)
    body = {
        "confusion_matrix": {
            "0": {"0": counts["tn"], "1": counts["fp"]},
            "1": {"0": counts["fn"], "1": counts["tp"]},
        },
        **_scalars(truth, predicted, _binary),
        "receiver_operating_characteristic_curve": {
            "false_positive_rates": [ratio(c["fp"], c["fp"] + c["tn"]) for c in steps],
            "true_positive_rates": [ratio(c["tp"], c["tp"] + c["fn"]) for c in steps],
        },
        "precision_recall_curve": {
            "precisions": [ratio(c["tp"], c["tp"] + c["fp"]) for c in steps],
            "recalls": [ratio(c["tp"], c["tp"] + c["fn"]) for c in steps],
        },
    }
    return {**head, "binary_classification_metrics": body}


def _rates(counts: dict[str, int]) -> Scalars:
    tp, fp, tn, fn = counts["tp"], counts["fp"], counts["tn"], counts["fn"]
    return {
        "recall": ratio(tp, tp + fn),
        "precision": ratio(tp, tp + fp),
        "accuracy": ratio(tp + tn, tp + fp + tn + fn),
        "f0_5": f_score(counts, 0.5),
        "f1": f_score(counts, 1.0),
        "f2": f_score(counts, 2.0),
    }


def _binary(truth: Values, predicted: Values) -> Scalars:
    counts = confusion(truth, predicted)
    tp, fp, tn, fn = counts["tp"], counts["fp"], counts["tn"], counts["fn"]
    constant = confusion(truth, np.full(len(truth), float(np.mean(truth) >= 0.5)))
    return {
        **_rates(counts),
        "true_positive_rate": ratio(tp, tp + fn),
        "true_negative_rate": ratio(tn, tn + fp),
        "false_positive_rate": ratio(fp, fp + tn),
        "false_negative_rate": ratio(fn, fn + tp),
        "auc": auc(truth, predicted),
        **{f"{name}_best_constant_classifier": value for name, value in _rates(constant).items()},
    }


def _scalars(truth: Values, predicted: Values, measure: Callable[[Values, Values], Scalars]) -> dict[str, Any]:
    whole = measure(truth, predicted)
    random = np.random.default_rng(SEED)
    draws = []
    if len(truth) >= ROWS_FOR_DEVIATION:
        size = int(len(truth) * DRAW_SHARE)
        for _ in range(DRAWS):
            rows = random.choice(len(truth), size, replace=False)
            draws.append(measure(truth[rows], predicted[rows]))
    found = {}
    for name, value in whole.items():
        known = [d[name] for d in draws]
        deviation = float(np.std([v for v in known if v is not None])) if known and None not in known else None
        found[name] = {"value": value, "standard_deviation": deviation}
    return found
