"""Drift starts a training under brakes; what is missing is never taken for good news."""

import json
from typing import Any

import pytest

from slipway_lambda.contracts.monitoring import ReportFaultError
from slipway_lambda.decide_retraining.decide import Brakes, decide
from slipway_lambda.decide_retraining.handler import MOST_VIOLATIONS, handler
from slipway_lambda.decide_retraining.metrics import MOST_FEATURES, feature_metrics
from slipway_lambda.decide_retraining.report import Feature, Report, Violation, read_report

HOUR = 3600
FREE = Brakes(on_drift=True, cooldown_seconds=24 * HOUR, last_started_at=None, running=0, now=1_000_000.0)


def found(*checks: str, verdict: str | None = None, records: int = 400, unparsable: int = 0) -> Report:
    violations = tuple(Violation(f"f{i}", check, "") for i, check in enumerate(checks))
    word = verdict or ("CompletedWithViolations" if checks else "Completed")
    return Report(word, records, unparsable, (Feature("temp", 0.4, 1.0),), violations)


def test_drift_starts_a_training() -> None:
    decision = decide(found("baseline_drift_check"), FREE)
    assert (decision.decision, decision.reason) == ("retrain", "Drift in 1 features: f0.")


def test_new_categories_are_drift_too() -> None:
    assert decide(found("categorical_values_check"), FREE).decision == "retrain"


def test_agreement_is_nothing() -> None:
    assert decide(found(), FREE).decision == "nothing"


@pytest.mark.parametrize("check", ["missing_column_check", "extra_column_check", "data_type_check"])
def test_broken_requests_are_told_and_never_trained_on(check: str) -> None:
    decision = decide(found("baseline_drift_check", check), FREE)
    assert decision.decision == "tell"
    assert "another shape" in decision.reason


def test_violations_without_drift_are_told() -> None:
    assert decide(found("completeness_check"), FREE).decision == "tell"


def test_too_few_records_are_no_verdict_even_with_violations() -> None:
    decision = decide(found("baseline_drift_check", verdict="TooFewRecords", records=3), FREE)
    assert decision.decision == "tell"
    assert "Only 3 records" in decision.reason


@pytest.mark.parametrize(("unparsable", "decision"), [(0, "nothing"), (1, "nothing"), (3, "tell")])
def test_unreadable_records_over_one_in_a_thousand_are_told(unparsable: int, decision: str) -> None:
    assert decide(found(records=1999, unparsable=unparsable), FREE).decision == decision


@pytest.mark.fault("E10")
def test_one_training_in_flight_holds_the_next_back() -> None:
    brakes = Brakes(True, 24 * HOUR, None, running=1, now=0.0)
    decision = decide(found("baseline_drift_check"), brakes)
    assert decision.decision == "tell"
    assert "running already" in decision.reason


@pytest.mark.fault("E10")
@pytest.mark.parametrize(("ago_seconds", "decision"), [(0, "tell"), (24 * HOUR - 1, "tell"), (24 * HOUR, "retrain")])
def test_the_cooldown_holds_back_until_it_is_over(ago_seconds: int, decision: str) -> None:
    brakes = Brakes(True, 24 * HOUR, last_started_at=1_000_000.0 - ago_seconds, running=0, now=1_000_000.0)
    answer = decide(found("baseline_drift_check"), brakes)
    assert answer.decision == decision
    assert ("cool-down" in answer.reason) is (decision == "tell")


def test_switched_off_drift_is_told() -> None:
    brakes = Brakes(False, HOUR, None, 0, 0.0)
    assert "retrain.on_drift is off" in decide(found("baseline_drift_check"), brakes).reason


def test_many_drifted_features_are_counted_not_listed() -> None:
    reason = decide(found(*["baseline_drift_check"] * 7), FREE).reason
    assert reason == "Drift in 7 features: f0, f1, f2, f3, f4 and 2 more."


REPORT = {
    "window": {},
    "records": 400,
    "unparsable": 0,
    "features": {"temp": {"distance": 0.4, "threshold": 0.1, "completeness": 1.0}},
    "violations": 1,
    "verdict": "CompletedWithViolations",
}
VIOLATIONS = {
    "violations": [{"feature_name": "temp", "constraint_check_type": "baseline_drift_check", "description": "d"}]
}


@pytest.mark.fault("E01")
@pytest.mark.parametrize(
    ("report", "violations", "cause"),
    [
        ([], VIOLATIONS, "report.json is not a JSON object"),
        ({}, VIOLATIONS, "has the verdict None"),
        (REPORT | {"verdict": "Fine"}, VIOLATIONS, "has the verdict 'Fine'"),
        (REPORT, {}, "has no list of violations"),
        (REPORT, [], "has no list of violations"),
        (REPORT, {"violations": []}, "says CompletedWithViolations and constraint_violations.json has 0"),
        (REPORT | {"verdict": "Completed"}, VIOLATIONS, "says Completed and constraint_violations.json has 1"),
        (REPORT | {"records": None}, VIOLATIONS, "has None for records"),
        (REPORT | {"records": True}, VIOLATIONS, "has True for records"),
        (REPORT | {"records": -1}, VIOLATIONS, "has -1 for records"),
        (REPORT | {"unparsable": "0"}, VIOLATIONS, "has '0' for unparsable"),
        (REPORT | {"features": None}, VIOLATIONS, "has no features"),
        (REPORT, {"violations": [{}]}, "has no constraint_check_type"),
        (REPORT, {"violations": ["x"]}, "has no constraint_check_type"),
    ],
)
def test_a_report_that_is_not_whole_is_no_verdict(report: Any, violations: Any, cause: str) -> None:
    with pytest.raises(ReportFaultError) as fault:
        read_report(report, violations)
    assert cause in fault.value.cause


def test_figures_that_are_no_numbers_are_left_out() -> None:
    features = {"a": {"distance": float("nan"), "completeness": "1"}, "b": {"distance": True}, "c": None}
    report = read_report(REPORT | {"features": features}, VIOLATIONS)
    assert report.features == (Feature("a", None, None), Feature("b", None, None))
    assert feature_metrics(report, []) == []


def test_the_most_drifted_features_are_published_when_there_are_too_many() -> None:
    features = tuple(Feature(f"f{i:04}", i / 1000, None) for i in range(500))
    named = [m["MetricName"] for m in feature_metrics(Report("Completed", 1, 0, features, ()), [])]
    assert len(named) == MOST_FEATURES
    assert named[0] == "feature_baseline_drift_f0499"


class Retrainings:
    def __init__(self, at: float | None = None) -> None:
        self.at, self.asked = at, 0

    def last_started_at(self, model: str) -> float | None:
        self.asked += 1
        return self.at


class Executions:
    def __init__(self, *running: str) -> None:
        self.arns = list(running)

    def running(self, state_machine_arn: str) -> list[str]:
        assert state_machine_arn == "arn:train"
        return self.arns


def event(**changed: Any) -> dict[str, Any]:
    return {
        "report_uri": "s3://r/m/14/",
        "endpoint": "m-dev",
        "schedule": "m-dev-data-quality",
        "model": "m",
        "on_drift": True,
        "cooldown_seconds": HOUR,
        "now": 1_000_000,
        "train_machine": "arn:train",
        **changed,
    }


@pytest.fixture
def stored(objects: Any) -> Any:
    objects.put("r", "m/14/report.json", json.dumps(REPORT))
    objects.put("r", "m/14/constraint_violations.json", json.dumps(VIOLATIONS))
    return objects


def test_the_handler_decides_and_measures(stored: Any) -> None:
    result = handler(event(), None, stored, Retrainings(), Executions())
    assert result["decision"] == "retrain"
    assert result["violation_count"] == 1
    dimensions = [{"Name": "Endpoint", "Value": "m-dev"}, {"Name": "MonitoringSchedule", "Value": "m-dev-data-quality"}]
    assert result["features"] == [
        {"MetricName": "feature_baseline_drift_temp", "Value": 0.4, "Unit": "None", "Dimensions": dimensions},
        {"MetricName": "feature_non_null_temp", "Value": 1.0, "Unit": "None", "Dimensions": dimensions},
    ]
    assert {m["MetricName"]: m["Value"] for m in result["counts"]} == {
        "RecordsCaptured": 400,
        "RecordsUnparsable": 0,
        "Violations": 1,
    }


@pytest.mark.fault("E10")
@pytest.mark.parametrize(("at", "running"), [(999_999.0, ()), (None, ("arn:one",))])
def test_the_handler_reads_its_brakes(stored: Any, at: float | None, running: tuple[str, ...]) -> None:
    assert handler(event(), None, stored, Retrainings(at), Executions(*running))["decision"] == "tell"


def test_without_a_training_machine_drift_is_told_and_no_brake_is_read(stored: Any) -> None:
    retrainings = Retrainings()
    assert handler(event(train_machine=""), None, stored, retrainings, Executions())["decision"] == "tell"
    assert retrainings.asked == 0


def test_long_lists_of_violations_are_cut_and_counted(stored: Any) -> None:
    many = [VIOLATIONS["violations"][0] | {"description": "x" * 1000}] * 50
    stored.put("r", "m/14/constraint_violations.json", json.dumps({"violations": many}))
    result = handler(event(), None, stored, Retrainings(), Executions())
    assert len(result["violations"]) == MOST_VIOLATIONS
    assert result["violation_count"] == 50
    assert len(json.dumps(result)) < 64 * 1024


@pytest.mark.fault("E01")
@pytest.mark.parametrize("name", ["report.json", "constraint_violations.json"])
@pytest.mark.parametrize("body", [None, "", "{"])
def test_a_missing_or_unreadable_report_is_an_error_and_no_pass(stored: Any, name: str, body: str | None) -> None:
    if body is None:
        del stored.held["r", f"m/14/{name}"]
    else:
        stored.put("r", f"m/14/{name}", body)
    with pytest.raises(ReportFaultError):
        handler(event(), None, stored, Retrainings(), Executions())
