"""The monitor machine as synthesised, walked with answers in place of tasks."""

import json
from collections.abc import Callable
from typing import Any

import pytest

INPUT = {"scheduled_time": "2026-11-20T15:05:00Z"}
LIVE = {
    "Item": {
        "version": {"N": "3"},
        "baseline_statistics_uri": {"S": "s3://a/run3/statistics.json"},
        "baseline_constraints_uri": {"S": "s3://a/run3/constraints.json"},
    }
}
CAPTURE = {
    "records_found": True,
    "objects": 2,
    "bytes": 100,
    "window_start": "2026-11-20T14:00:00Z",
    "window_end": "2026-11-20T15:00:00Z",
    "window_id": "202611201400-202611201500",
    "report_uri": "s3://r/flight-delays/monitor/data-quality/2026/11/20/14/",
    "manifest_uri": "s3://r/flight-delays/monitor/data-quality/2026/11/20/14/input/manifest.json",
}
NOT_CLAIMED = "DynamoDB.ConditionalCheckFailedException"


def decision(what: str, **more: Any) -> dict[str, Any]:
    return {
        "decision": what,
        "reason": "Drift in 1 features: temp.",
        "next_step": "Look.",
        "records": 400,
        "violations": [{"feature_name": "temp"}],
        "violation_count": 1,
        "features": [{"MetricName": "feature_baseline_drift_temp", "Value": 0.4}],
        "counts": [{"MetricName": "Violations", "Value": 1}],
        **more,
    }


def answers(**changed: Any) -> dict[str, Any]:
    return {
        "What is live?": LIVE,
        "Find the monitor image": {"ImageDetails": [{"ImageDigest": "sha256:" + "a" * 64}]},
        "Find the captured records": CAPTURE,
        "Decide what follows": decision("nothing", violations=[]),
        **changed,
    }


@pytest.fixture(scope="module")
def definition(platform: Any) -> dict[str, Any]:
    found: dict[str, Any] = platform.machine("Monitoring")
    return found


@pytest.fixture
def monitor(walk: Callable[..., Any], definition: dict[str, Any]) -> Callable[..., Any]:
    return lambda payload=INPUT, name="m-1", **changed: walk(definition, payload, answers(**changed), name)


def notices(ended: Any) -> list[dict[str, Any]]:
    return [json.loads(v["Message"]) for k, v in ended.asked.items() if k.startswith("Tell: ")]


def test_every_task_is_bounded_retried_and_caught(definition: dict[str, Any], faults_of: Any) -> None:
    assert faults_of(definition) == []


def test_records_that_agree_with_the_baseline_are_told_to_nobody(monitor: Any) -> None:
    ended = monitor()
    assert ended.status == "SUCCEEDED", ended.cause
    assert ended.output == {
        "outcome": "completed",
        "window": {"start": CAPTURE["window_start"], "end": CAPTURE["window_end"]},
        "version": 3,
        "records": 400,
        "violations": [],
        "decision": "nothing",
        "reason": "Drift in 1 features: temp.",
        "report_uri": CAPTURE["report_uri"],
        "training_execution": None,
    }
    assert notices(ended) == []


@pytest.mark.fault("E01")
def test_a_window_without_records_is_a_finding_and_starts_nothing(monitor: Any) -> None:
    ended = monitor(**{"Find the captured records": {**CAPTURE, "records_found": False}})
    assert ended.output["outcome"] == "no_records"
    assert [n["outcome"] for n in notices(ended)] == ["no_records"]
    assert not {"Analyse the window", "Claim the retraining", "Start the training"} & set(ended.path)
    (metric,) = ended.asked["Count no records"]["MetricData"]
    assert (metric["MetricName"], metric["Value"]) == ("RecordsCaptured", 0)


@pytest.mark.fault("E01")
@pytest.mark.parametrize("found", [None, "true", 0])
def test_only_a_clear_yes_means_records(monitor: Any, found: Any) -> None:
    ended = monitor(**{"Find the captured records": {**CAPTURE, "records_found": found}})
    assert ended.output["outcome"] == "no_records"


@pytest.mark.parametrize(
    "message",
    [
        "Error: Could not find any jsonl file under directory /opt/ml/processing/input/endpoint.",
        "Error: Could not find any record from a to b in the jsonl files under directory x.",
        "Job inputs had no data",
    ],
)
def test_a_job_that_found_no_record_is_the_same_finding(monitor: Any, task_error: Any, message: str) -> None:
    failed = task_error("States.TaskFailed", json.dumps({"FailureReason": message}))
    ended = monitor(**{"Analyse the window": failed})
    assert ended.output["outcome"] == "no_records"


def test_records_that_cannot_be_fetched_are_not_an_empty_window(monitor: Any, task_error: Any) -> None:
    """They were listed a moment ago: SageMaker words a missing permission like a missing object."""
    failed = task_error("States.TaskFailed", json.dumps({"FailureReason": "No S3 objects found under S3 URL"}))
    assert monitor(**{"Analyse the window": failed}).error == "MonitoringFailed"


def test_a_job_that_failed_otherwise_fails_the_run(monitor: Any, task_error: Any) -> None:
    failed = task_error("States.TaskFailed", json.dumps({"FailureReason": "out of memory"}))
    ended = monitor(**{"Analyse the window": failed})
    assert ended.error == "MonitoringFailed"
    assert [n["cause"] for n in notices(ended)] == ["Analyse the window: out of memory The window has no verdict."]


def test_before_the_first_release_nobody_is_told_every_hour(monitor: Any) -> None:
    ended = monitor(**{"What is live?": {}})
    assert ended.output["outcome"] == "nothing_live"
    assert notices(ended) == []


@pytest.mark.fault("E07")
def test_the_live_versions_own_baseline_is_used(monitor: Any) -> None:
    asked = monitor().asked["Analyse the window"]
    inputs = {i["InputName"]: i["S3Input"]["S3Uri"] for i in asked["ProcessingInputs"]}
    assert inputs["baseline_statistics"] == "s3://a/run3/statistics.json"
    assert inputs["baseline_constraints"] == "s3://a/run3/constraints.json"


@pytest.mark.fault("E07")
def test_a_live_version_without_a_baseline_is_not_judged(monitor: Any) -> None:
    ended = monitor(**{"What is live?": {"Item": {"version": {"N": "3"}}}})
    assert ended.error == "MonitoringFailed"
    assert "Analyse the window" not in ended.path
    assert len(notices(ended)) == 1


def test_drift_claims_starts_and_tells(monitor: Any) -> None:
    ended = monitor(**{"Decide what follows": decision("retrain")})
    assert ended.status == "SUCCEEDED", ended.cause
    assert ended.output["outcome"] == "retraining"
    assert ended.output["training_execution"] == (
        "arn:aws:states:eu-west-1:111122223333:execution:Train:drift-flight-delays-202611201400-202611201500"
    )
    started = ended.asked["Start the training"]
    assert started["Name"] == "drift-flight-delays-202611201400-202611201500"
    assert started["Input"]["trigger"] == "drift"
    assert started["Input"]["window"] == ended.output["window"]
    assert [n["outcome"] for n in notices(ended)] == ["retraining"]


def test_two_runs_of_one_window_ask_for_the_same_training(monitor: Any) -> None:
    one, two = (monitor(name=n, **{"Decide what follows": decision("retrain")}) for n in ("a", "b"))
    assert one.asked["Start the training"] == two.asked["Start the training"]


@pytest.mark.fault("E10")
def test_a_claim_another_run_has_starts_no_second_training(monitor: Any, task_error: Any) -> None:
    ended = monitor(**{"Decide what follows": decision("retrain"), "Claim the retraining": task_error(NOT_CLAIMED)})
    assert "Start the training" not in ended.path
    assert ended.output["decision"] == "tell"
    assert "cool-down" in ended.output["reason"]
    assert [n["outcome"] for n in notices(ended)] == ["finding"]


@pytest.mark.fault("E10")
def test_the_claim_is_conditional_on_the_cooldown(monitor: Any) -> None:
    claim = monitor(**{"Decide what follows": decision("retrain")}).asked["Claim the retraining"]
    assert "attribute_not_exists(last_started_at) OR last_started_at <= :cutoff" in claim["ConditionExpression"]
    values = claim["ExpressionAttributeValues"]
    assert int(values[":now"]["N"]) - int(values[":cutoff"]["N"]) == 24 * 3600
    assert claim["Key"] == {"pk": {"S": "model#flight-delays"}, "sk": {"S": "retraining"}}


@pytest.mark.parametrize("error", ["StepFunctions.ExecutionAlreadyExistsException", "ExecutionAlreadyExists"])
def test_a_training_already_started_for_the_window_is_success(monitor: Any, task_error: Any, error: str) -> None:
    ended = monitor(**{"Decide what follows": decision("retrain"), "Start the training": task_error(error)})
    assert ended.output["outcome"] == "retraining"


def test_a_training_that_could_not_start_gives_its_claim_back(monitor: Any, task_error: Any) -> None:
    ended = monitor(**{"Decide what follows": decision("retrain"), "Start the training": task_error("X", "denied")})
    assert ended.error == "MonitoringFailed"
    assert ended.path[-5:] == [
        "Start the training",
        "Give the claim back",
        "Tell: monitoring failed",
        "Note that it was told: monitoring failed",
        "Monitoring failed",
    ]
    assert ended.cause.startswith("Start the training: denied")


def test_a_finding_is_told_and_starts_nothing(monitor: Any) -> None:
    ended = monitor(**{"Decide what follows": decision("tell")})
    assert ended.output["outcome"] == "finding"
    assert [n["outcome"] for n in notices(ended)] == ["finding"]
    assert "Claim the retraining" not in ended.path


@pytest.mark.parametrize("what", ["", "RETRAIN", None])
def test_an_unknown_decision_is_no_pass(monitor: Any, what: Any) -> None:
    assert monitor(**{"Decide what follows": decision("x") | {"decision": what}}).error == "MonitoringFailed"


def test_a_window_without_measured_features_publishes_only_counts(monitor: Any) -> None:
    ended = monitor(**{"Decide what follows": decision("tell", features=[])})
    assert "Publish the features" not in ended.path
    assert ended.asked["Publish the counts"]["Namespace"] == "Slipway/Monitoring"


def test_one_measured_feature_is_still_published_as_a_list(monitor: Any) -> None:
    asked = monitor(**{"Decide what follows": decision("tell")}).asked["Publish the features"]
    assert asked["Namespace"] == "aws/sagemaker/Endpoints/data-metrics"
    assert isinstance(asked["MetricData"], list)


@pytest.mark.parametrize(
    ("payload", "asked"),
    [
        (INPUT, INPUT),
        ({"window_start": "a", "window_end": "b"}, {"window_start": "a", "window_end": "b"}),
        ({"window_start": "a", "note": "x"}, {"window_start": "a"}),
    ],
)
def test_the_window_asked_for_reaches_the_stage(monitor: Any, payload: Any, asked: Any) -> None:
    assert monitor(payload).asked["Find the captured records"]["Payload"]["asked"] == asked


def test_an_empty_input_means_now(monitor: Any) -> None:
    assert "scheduled_time" in monitor({}).asked["Find the captured records"]["Payload"]["asked"]


STEPS = [*answers(), "Publish the counts", "Publish the features", "Analyse the window"]


@pytest.mark.parametrize("step", STEPS)
def test_every_failure_is_told_once_and_fails_the_execution(monitor: Any, task_error: Any, step: str) -> None:
    ended = monitor(**{step: task_error("Some.Error", "words")})
    assert ended.error == "MonitoringFailed"
    assert [n["outcome"] for n in notices(ended)] == ["failed"]


def test_where_nothing_is_trained_drift_is_only_told(synthesise: Any, walk: Any) -> None:
    definition = synthesise(train=False).machine("Monitoring")
    assert "Start the training" not in definition["States"]
    ended = walk(definition, INPUT, answers(**{"Decide what follows": decision("tell")}))
    assert ended.asked["Decide what follows"]["Payload"]["train_machine"] == ""
    assert ended.output["outcome"] == "finding"


def test_the_jobs_request_has_the_shape_of_the_api(monitor: Any) -> None:
    import botocore.session
    from botocore.validate import ParamValidator

    shape = (
        botocore.session.get_session().get_service_model("sagemaker").operation_model("CreateProcessingJob").input_shape
    )
    asked = monitor().asked["Analyse the window"]
    report = ParamValidator().validate(asked, shape)
    assert not report.has_errors(), report.generate_report()
    assert all(len(v) <= 256 for v in asked["Environment"].values())
