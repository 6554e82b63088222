"""The gate opens for a challenger that is good enough, and stays closed at every doubt."""

import json
import math
from typing import Any

import pytest

from slipway_lambda.contracts.training import EvaluationFaultError
from slipway_lambda.evaluate_gate.handler import handler
from slipway_lambda.evaluate_gate.judge import Question, judge

SHA = "b" * 64
GATES = {
    "absolute": [{"metric": "auc", "minimum": 0.6}, {"metric": "log_loss", "maximum": 0.7}],
    "champion": {"metric": "auc", "minimum_gain": 0.01},
    "minimum_holdout_rows": 200,
}


def evaluation(challenger: Any = None, champion: Any = None, rows: Any = 1000, sha: Any = SHA) -> dict[str, Any]:
    metrics = {"auc": 0.8, "log_loss": 0.5} if challenger is None else challenger
    other = None if champion is None else {"metrics": champion, "artefact_sha256": "c" * 64}
    return {"version": 1, "rows": rows, "challenger": {"metrics": metrics, "artefact_sha256": sha}, "champion": other}


def passes(found: Any, *, expected: bool = False, gates: Any = GATES, holdout: Any = 1000, sha: str = SHA) -> bool:
    return all(row.passed for row in judge(Question(found, sha, holdout, expected, gates)))


def test_a_good_first_challenger_passes() -> None:
    assert passes(evaluation())


def test_a_challenger_that_beats_the_champion_passes() -> None:
    assert passes(evaluation(champion={"auc": 0.79}), expected=True)


@pytest.mark.parametrize(("auc", "passed"), [(0.81, True), (0.8099, False), (0.5, False)])
def test_the_gain_over_the_champion_is_kept(auc: float, passed: bool) -> None:
    gates = {**GATES, "champion": {"metric": "auc", "minimum_gain": 0.01}}
    found = evaluation(challenger={"auc": auc, "log_loss": 0.5}, champion={"auc": 0.8})
    assert passes(found, expected=True, gates=gates) is passed


@pytest.mark.parametrize(("metric", "passed"), [("log_loss", True), ("rmse", True), ("mae", True), ("auc", False)])
def test_lower_is_better_where_it_is(metric: str, passed: bool) -> None:
    gates = {"champion": {"metric": metric, "minimum_gain": 0.0}, "minimum_holdout_rows": 1}
    assert passes(evaluation(challenger={metric: 0.4}, champion={metric: 0.5}), expected=True, gates=gates) is passed


def test_as_good_as_the_champion_is_enough_without_a_gain() -> None:
    gates = {"champion": {"metric": "auc", "minimum_gain": 0.0}, "minimum_holdout_rows": 1}
    assert passes(evaluation(champion={"auc": 0.8}), expected=True, gates=gates)


@pytest.mark.parametrize(("value", "passed"), [(0.6, True), (0.59999, False)])
def test_a_bound_is_kept_when_met_exactly(value: float, passed: bool) -> None:
    assert passes(evaluation(challenger={"auc": value, "log_loss": 0.7})) is passed


NO_NUMBERS = [None, math.nan, math.inf, -math.inf, "0.9", True, [], {}, [0.9]]


@pytest.mark.fault("B13")
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_never_passes_an_absolute_gate(value: Any) -> None:
    assert not passes(evaluation(challenger={"auc": value, "log_loss": 0.5}))


@pytest.mark.fault("B13")
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_never_passes_a_maximum(value: Any) -> None:
    """NaN and minus infinity are below every maximum to a careless comparison."""
    assert not passes(evaluation(challenger={"auc": 0.9, "log_loss": value}))


@pytest.mark.fault("B13")
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_a_champion_without_a_number_closes_the_gate(value: Any) -> None:
    assert not passes(evaluation(champion={"auc": value}), expected=True)


@pytest.mark.fault("B13")
@pytest.mark.parametrize("champion", [None, {}])
def test_a_champion_that_was_not_evaluated_closes_the_gate(champion: Any) -> None:
    assert not passes(evaluation(champion=champion), expected=True)


@pytest.mark.fault("B13")
@pytest.mark.parametrize("value", NO_NUMBERS)
def test_without_a_champion_the_challengers_own_metric_must_be_there(value: Any) -> None:
    gates = {"champion": {"metric": "auc", "minimum_gain": 0.0}, "minimum_holdout_rows": 1}
    assert not passes(evaluation(challenger={"auc": value}), gates=gates)


def test_a_champion_the_registry_did_not_name_closes_the_gate() -> None:
    assert not passes(evaluation(champion={"auc": 0.1}), expected=False)


@pytest.mark.fault("B13")
@pytest.mark.parametrize("found", [{}, {"challenger": None}, {"challenger": []}, {"challenger": {"metrics": "auc"}}])
def test_an_evaluation_without_its_parts_closes_the_gate(found: Any) -> None:
    assert not passes(found)


@pytest.mark.fault("B14")
@pytest.mark.parametrize(("evaluated", "inspected"), [("c" * 64, SHA), (None, SHA), ("", ""), (SHA, "")])
def test_another_artefact_than_the_inspected_one_closes_the_gate(evaluated: Any, inspected: str) -> None:
    assert not passes(evaluation(sha=evaluated), sha=inspected)


@pytest.mark.parametrize(
    ("rows", "holdout"), [(199, 199), (1000, 1001), (None, 1000), (1000, None), (True, True), ("1000", 1000)]
)
def test_too_few_or_other_rows_than_were_held_out_close_the_gate(rows: Any, holdout: Any) -> None:
    assert not passes(evaluation(rows=rows), holdout=holdout)


def test_a_gate_without_a_bound_is_closed() -> None:
    assert not passes(evaluation(), gates={"absolute": [{"metric": "auc"}], "minimum_holdout_rows": 1})


def event(**changed: Any) -> dict[str, Any]:
    return {
        "evaluation_uri": "s3://a/r/evaluation.json",
        "data_report_uri": "s3://a/r/data_report.json",
        "gate_uri": "s3://a/r/gate.json",
        "artefact_sha256": SHA,
        "champion_expected": False,
        "gates": GATES,
        **changed,
    }


@pytest.fixture
def stored(objects: Any) -> Any:
    objects.put("a", "r/evaluation.json", json.dumps(evaluation()))
    objects.put("a", "r/data_report.json", json.dumps({"rows": 5000, "holdout_rows": 1000}))
    return objects


def test_the_table_is_kept_beside_the_evaluation(stored: Any) -> None:
    verdict = handler(event(), None, stored)
    assert verdict["passed"] is True
    assert verdict["refusal"] == ""
    assert verdict["metrics"] == {"auc": 0.8, "log_loss": 0.5}
    assert verdict["data_rows"] == 5000
    assert json.loads(stored.held["a", "r/gate.json"]) == verdict
    assert [(r["gate"], r["metric"]) for r in verdict["rows"]] == [
        ("identity", "artefact_sha256"),
        ("holdout", "rows"),
        ("absolute", "auc"),
        ("absolute", "log_loss"),
        ("champion", "auc"),
    ]


def test_a_refusal_says_each_gate_that_was_not_passed(stored: Any) -> None:
    stored.put("a", "r/evaluation.json", json.dumps(evaluation(challenger={"auc": 0.5, "log_loss": 0.9})))
    verdict = handler(event(), None, stored)
    assert verdict["passed"] is False
    assert verdict["refusal"] == ("absolute gate on auc: 0.5 is below 0.6; absolute gate on log_loss: 0.9 is above 0.7")


@pytest.mark.fault("B13")
def test_nan_in_the_file_is_refused_and_leaves_a_valid_table(stored: Any) -> None:
    stored.put(
        "a",
        "r/evaluation.json",
        json.dumps(evaluation(challenger={"auc": math.nan, "log_loss": 0.5})),
    )
    verdict = handler(event(), None, stored)
    assert verdict["passed"] is False
    assert "NaN" not in stored.held["a", "r/gate.json"].decode()


@pytest.mark.parametrize(
    ("body", "cause"), [("{", "is not JSON"), ("[]", "is not a JSON object"), (None, "There is no object")]
)
def test_an_evaluation_that_cannot_be_read_is_an_error_and_no_pass(stored: Any, body: Any, cause: str) -> None:
    if body is None:
        del stored.held["a", "r/evaluation.json"]
    else:
        stored.put("a", "r/evaluation.json", body)
    with pytest.raises(EvaluationFaultError, match=cause):
        handler(event(), None, stored)


def test_a_giant_evaluation_is_not_read(stored: Any) -> None:
    stored.put("a", "r/evaluation.json", " " * (1024 * 1024 + 1))
    with pytest.raises(EvaluationFaultError, match="larger than"):
        handler(event(), None, stored)
