"""Whether a challenger may be registered. Pure, and closed at every doubt: a number that is not there never passes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

LOWER_IS_BETTER = frozenset({"log_loss", "rmse", "mae"})


@dataclass(frozen=True)
class Row:
    """One gate's verdict. `bound`: the number that `value` was held against; None where there was none to be had."""

    gate: str
    metric: str
    value: float | None
    bound: float | None
    champion: float | None
    passed: bool
    reason: str

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Question:
    """What to judge: the evaluation as its job wrote it, and what is known of it from elsewhere."""

    evaluation: Mapping[str, Any]
    artefact_sha256: str
    holdout_rows: Any
    champion_expected: bool
    gates: Mapping[str, Any]


def judge(question: Question) -> list[Row]:
    """Every gate's row; the challenger passes when all do."""
    challenger, champion = _side(question, "challenger"), _side(question, "champion")
    gates = question.gates
    return [
        _identity(question, challenger),
        _holdout(question),
        *(_absolute(gate, challenger) for gate in _list(gates.get("absolute"))),
        *([_champion(gates["champion"], question, challenger, champion)] if gates.get("champion") else []),
    ]


def metrics_of(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """The challenger's numbers; what is no number is left out."""
    challenger = evaluation.get("challenger")
    metrics = challenger.get("metrics") if isinstance(challenger, Mapping) else None
    found = metrics if isinstance(metrics, Mapping) else {}
    return {str(k): n for k, v in found.items() if (n := number(v)) is not None}


def number(value: Any) -> float | None:
    """The value if it is a finite number. Not a boolean, not the text of a number, not NaN."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def _side(question: Question, name: str) -> Mapping[str, Any]:
    side = question.evaluation.get(name)
    return side if isinstance(side, Mapping) else {}


def _list(value: Any) -> Sequence[Mapping[str, Any]]:
    return value if isinstance(value, list) else []


def _metric(side: Mapping[str, Any], metric: str) -> float | None:
    metrics = side.get("metrics")
    return number(metrics.get(metric)) if isinstance(metrics, Mapping) else None


def _identity(question: Question, challenger: Mapping[str, Any]) -> Row:
    same = bool(question.artefact_sha256) and challenger.get("artefact_sha256") == question.artefact_sha256
    reason = "the evaluated archive is the inspected one" if same else "another archive was evaluated than inspected"
    return Row("identity", "artefact_sha256", None, None, None, same, reason)


def _holdout(question: Question) -> Row:
    rows, written = number(question.evaluation.get("rows")), number(question.holdout_rows)
    least = number(question.gates.get("minimum_holdout_rows"))
    if rows is None or written is None or least is None:
        passed, reason = False, "the number of holdout rows is missing or not a number"
    elif rows != written:
        passed, reason = False, f"{rows:.0f} rows were evaluated and {written:.0f} were held out"
    elif rows < least:
        passed, reason = False, f"{rows:.0f} holdout rows are fewer than {least:.0f} and say nothing"
    else:
        passed, reason = True, f"{rows:.0f} holdout rows are at least {least:.0f}"
    return Row("holdout", "rows", rows, least, None, passed, reason)


def _absolute(gate: Mapping[str, Any], challenger: Mapping[str, Any]) -> Row:
    metric = str(gate.get("metric"))
    least, most = number(gate.get("minimum")), number(gate.get("maximum"))
    value, bound = _metric(challenger, metric), least if least is not None else most
    if value is None:
        passed, reason = False, f"the evaluation has no finite {metric}"
    elif bound is None:
        passed, reason = False, "the gate has no bound"
    elif least is not None:
        passed, reason = value >= least, f"{value:g} {'is at least' if value >= least else 'is below'} {least:g}"
    else:
        passed, reason = value <= bound, f"{value:g} {'is at most' if value <= bound else 'is above'} {bound:g}"
    return Row("absolute", metric, value, bound, None, passed, reason)


def _champion(
    gate: Mapping[str, Any], question: Question, challenger: Mapping[str, Any], champion: Mapping[str, Any]
) -> Row:
    metric, gain = str(gate.get("metric")), number(gate.get("minimum_gain"))
    value, best = _metric(challenger, metric), _metric(champion, metric)
    if not question.champion_expected and champion:
        return Row(
            "champion", metric, value, None, best, False, "a champion was evaluated that the registry did not name"
        )
    if not question.champion_expected:
        passed = value is not None
        reason = "there is no champion yet" if passed else f"the evaluation has no finite {metric}"
        return Row("champion", metric, value, None, None, passed, reason)
    if value is None or best is None or gain is None:
        missing = "challenger" if value is None else "champion" if best is None else "gate"
        return Row("champion", metric, value, None, best, False, f"no finite {metric} of the {missing}")
    lower = metric in LOWER_IS_BETTER
    bound = best - gain if lower else best + gain
    passed = value <= bound if lower else value >= bound
    wanted = "at most" if lower else "at least"
    reason = f"{value:g} against the champion's {best:g}: {wanted} {bound:g} is {'kept' if passed else 'not reached'}"
    return Row("champion", metric, value, bound, best, passed, reason)
