"""Schedules, their definitions and executions, with a real container."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from rehearsal.sagemaker import SageMaker, ServiceError

HOUR = 3600
Make = Callable[..., Any]


def status(kit: Any) -> str:
    return str(kit.call("DescribeMonitoringSchedule", MonitoringScheduleName="s")["MonitoringScheduleStatus"])


def test_an_hourly_schedule_looks_at_the_hour_before(
    monitored: Any, clock: Any, capture: Make, definition: Make, schedule: Make, runs: Make, seen: Make
) -> None:
    baseline = {
        "ConstraintsResource": {"S3Uri": "s3://artefacts/base/constraints.json"},
        "StatisticsResource": {"S3Uri": "s3://artefacts/base/statistics.json"},
    }
    monitored.host.objects["artefacts", "base/constraints.json"] = b"{}"
    monitored.host.objects["artefacts", "base/statistics.json"] = b"{}"
    capture(clock.now(), "a")
    schedule(definition(DataQualityBaselineConfig=baseline))
    assert status(monitored) == "Scheduled"
    clock.advance(2 * HOUR - clock.now() % HOUR + 20 * 60)  # past 16:20: 15:00 and 16:00 were due
    first, second = runs(2)
    assert first["MonitoringExecutionStatus"] == "Completed"
    assert (second["MonitoringExecutionStatus"], second["FailureReason"]) == ("Failed", "Job inputs had no data")
    assert "ProcessingJobArn" not in second
    assert first["ScheduledTime"] % HOUR == 0
    (found,) = seen()
    assert found["key"] == "reports/e/s/2026/11/20/15/seen.json"
    assert found["files"] == ["e/main/2026/11/20/14/05-09-x.jsonl"]
    env = found["env"]
    assert (env["start_time"], env["end_time"]) == ("2026-11-20T14:00:00Z", "2026-11-20T15:00:00Z")
    assert env["baseline_constraints"] == "/opt/ml/processing/baseline/constraints/constraints.json"
    assert env["baseline_statistics"] == "/opt/ml/processing/baseline/stats/statistics.json"
    assert json.loads(env["dataset_format"])["sagemakerCaptureJson"]["captureIndexNames"]
    assert (env["sagemaker_endpoint_name"], env["sagemaker_monitoring_schedule_name"]) == ("e", "s")
    name = first["ProcessingJobArn"].rpartition("/")[2]
    job = monitored.call("DescribeProcessingJob", ProcessingJobName=name)
    assert name.startswith("model-monitoring-202611201500-")
    assert job["MonitoringScheduleArn"].endswith(":monitoring-schedule/s")
    last = monitored.call("DescribeMonitoringSchedule", MonitoringScheduleName="s")["LastMonitoringExecutionSummary"]
    assert last["ScheduledTime"] == second["ScheduledTime"]


def test_metrics_of_the_container_are_published_in_the_documented_namespace(
    monitored: Any, clock: Any, capture: Make, definition: Make, schedule: Make, runs: Make, cloud_watch: list[Any]
) -> None:
    capture(clock.now() - 60, "a")
    schedule(definition(), expression="NOW", DataAnalysisStartTime="-PT1H", DataAnalysisEndTime="PT0H")
    runs(1)
    assert [(one["Namespace"], one["MetricName"], one["Value"]) for one in cloud_watch] == [
        ("aws/sagemaker/Endpoints/data-metrics", "feature_baseline_drift_a", 0.2)
    ]


def test_violations_and_crashes_are_told_apart(
    monitored: Any, clock: Any, capture: Make, definition: Make, schedule: Make, runs: Make
) -> None:
    capture(clock.now(), "a")
    name = definition(app={"Environment": {"MODE": "drift"}})
    schedule(name)
    clock.advance(HOUR + 20 * 60)
    (drifted,) = runs(1)
    assert drifted["MonitoringExecutionStatus"] == "CompletedWithViolations"
    alert = monitored.call("ListMonitoringAlerts", MonitoringScheduleName="s")["MonitoringAlertSummaries"][0]
    assert (alert["MonitoringAlertName"], alert["AlertStatus"]) == ("DataQualityAlert", "InAlert")
    clock.advance(HOUR)
    assert runs(2)[1]["MonitoringExecutionStatus"] == "Failed"
    history = monitored.call("ListMonitoringAlertHistory", MonitoringScheduleName="s")["MonitoringAlertHistory"]
    assert [one["AlertStatus"] for one in history] == ["OK", "InAlert", "OK"]
    monitored.call(
        "UpdateMonitoringAlert", MonitoringScheduleName="s", MonitoringAlertName="DataQualityAlert",
        DatapointsToAlert=2, EvaluationPeriod=3,
    )  # fmt: skip
    alert = monitored.call("ListMonitoringAlerts", MonitoringScheduleName="s")["MonitoringAlertSummaries"][0]
    assert alert["AlertStatus"] == "OK"


def test_a_container_that_fails_fails_the_execution_with_its_reason(
    monitored: Any, clock: Any, capture: Make, definition: Make, schedule: Make, runs: Make
) -> None:
    capture(clock.now(), "a")
    schedule(definition(app={"Environment": {"MODE": "crash"}}))
    clock.advance(HOUR + 20 * 60)
    (failed,) = runs(1)
    assert failed["MonitoringExecutionStatus"] == "Failed"
    assert failed["FailureReason"].startswith("AlgorithmError")


@pytest.mark.fault("E01")
def test_no_data_can_be_forced(
    monitored: Any, clock: Any, capture: Make, definition: Make, schedule: Make, runs: Make
) -> None:
    monitored.sm.fault("E01", schedule="s")
    capture(clock.now(), "a")
    schedule(definition())
    clock.advance(HOUR + 20 * 60)
    assert runs(1)[0]["FailureReason"] == "Job inputs had no data"


@pytest.mark.fault("E04")
@pytest.mark.parametrize("stuck", ["Failed", "Stopped", "Pending"])
def test_a_schedule_that_does_not_come_up(monitored: Any, definition: Make, schedule: Make, stuck: str) -> None:
    monitored.sm.fault("E04", schedule="s", status=stuck)
    schedule(definition())
    monitored.sm.flush()
    assert status(monitored) == stuck
    if stuck == "Pending":
        with pytest.raises(ServiceError, match="can't be deleted while its status is Pending"):
            monitored.call("DeleteMonitoringSchedule", MonitoringScheduleName="s")
        monitored.sm.clear_faults()
        monitored.sm.flush()
        assert status(monitored) == "Scheduled"


def test_labels_are_joined_by_inference_id(
    monitored: Any, clock: Any, capture: Make, definition: Make, schedule: Make, runs: Make, seen: Make
) -> None:
    capture(clock.now(), "a", "b", "late")
    truth = [{"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": one}} for one in "ab"]
    at = datetime.fromtimestamp(clock.now(), UTC)
    lines = "\n".join([*map(json.dumps, truth), "broken"])
    monitored.host.objects["artefacts", f"truth/{at:%Y/%m/%d/%H}/x.jsonl"] = lines.encode()
    app = {"ProblemType": "BinaryClassification"}
    schedule(definition("ModelQuality", app=app, source={"InferenceAttribute": "0"}), "ModelQuality")
    clock.advance(HOUR + 20 * 60)
    assert runs(1)[0]["MonitoringExecutionStatus"] == "Completed"
    (found,) = seen()
    joined = [json.loads(line) for line in found["lines"]]
    assert [(one["eventMetadata"]["inferenceId"], one["groundTruthData"]["data"]) for one in joined] == [
        ("a", "1"),
        ("b", "1"),
    ]
    (merged,) = [key for _, key in monitored.host.objects if "/merge/" in key]
    assert merged.startswith("reports/merge/e/main/2026/11/20/14/part-00000-")
    env = found["env"]
    assert (env["analysis_type"], env["problem_type"]) == ("MODEL_QUALITY", "BinaryClassification")
    assert env["inference_attribute"] == "0"
    assert "sagemakerMergeJson" in env["dataset_format"]


def test_offsets_move_the_window_back(
    monitored: Any, clock: Any, capture: Make, definition: Make, schedule: Make, runs: Make, seen: Make
) -> None:
    capture(clock.now() - 25 * HOUR, "a")
    at = datetime.fromtimestamp(clock.now() - 2 * HOUR, UTC)
    truth = {"groundTruthData": {"data": "0", "encoding": "CSV"}, "eventMetadata": {"eventId": "a"}}
    monitored.host.objects["artefacts", f"truth/{at:%Y/%m/%d/%H}/x.jsonl"] = json.dumps(truth).encode()
    schedule(definition("ModelQuality", source={"StartTimeOffset": "-P2D", "EndTimeOffset": "-P1D"}), "ModelQuality")
    clock.advance(HOUR + 20 * 60)
    runs(1)
    (found,) = seen()
    assert (found["env"]["start_time"], found["env"]["end_time"]) == ("2026-11-18T15:00:00Z", "2026-11-19T15:00:00Z")


@pytest.mark.parametrize(
    ("when", "words"),
    [
        ({"ScheduleExpression": "rate(1 hour)"}, "is not a schedule expression of Model Monitor"),
        ({"ScheduleExpression": "NOW"}, "DataAnalysisStartTime and DataAnalysisEndTime are required"),
        (
            {"ScheduleExpression": "NOW", "DataAnalysisStartTime": "-PT1H", "DataAnalysisEndTime": "-PT2H"},
            "must be before",
        ),
        ({"ScheduleExpression": "cron(0 * ? * * *)", "DataAnalysisStartTime": "-PT1H"}, "for the expression NOW only"),
        (None, "ScheduleConfig is required"),
    ],
)
def test_what_the_service_refuses(monitored: Any, definition: Make, when: Any, words: str) -> None:
    config = {"MonitoringJobDefinitionName": definition(), "MonitoringType": "DataQuality"}
    config |= {"ScheduleConfig": when} if when else {}
    with pytest.raises(ServiceError, match=words):
        monitored.call("CreateMonitoringSchedule", MonitoringScheduleName="s", MonitoringScheduleConfig=config)


def test_an_hourly_job_must_end_within_its_hour(monitored: Any, definition: Make, schedule: Make) -> None:
    name = definition(
        "ModelBias", app={"ConfigUri": "s3://artefacts/c.json"}, StoppingCondition={"MaxRuntimeInSeconds": 3600}
    )
    with pytest.raises(ServiceError, match="must be at most 1800"):
        schedule(name, "ModelBias")
    schedule(name, "ModelBias", expression="cron(0 3 ? * * *)")


def test_definitions_are_listed_described_and_kept_while_in_use(
    monitored: Any, definition: Make, schedule: Make
) -> None:
    for kind in ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability"):
        extra = {"ConfigUri": "s3://artefacts/c.json"} if kind in ("ModelBias", "ModelExplainability") else None
        name = definition(kind, app=extra)
        assert monitored.call(f"Describe{kind}JobDefinition", JobDefinitionName=name)["JobDefinitionName"] == name
        (row,) = monitored.call(f"List{kind}JobDefinitions", EndpointName="e")["JobDefinitionSummaries"]
        assert row["MonitoringJobDefinitionName"] == name
        assert not monitored.call(f"List{kind}JobDefinitions", EndpointName="other")["JobDefinitionSummaries"]
        with pytest.raises(ServiceError, match="already exists"):
            definition(kind, app=extra)
    schedule("definition-DataQuality")
    with pytest.raises(ServiceError, match="monitoring schedule s uses it"):
        monitored.call("DeleteDataQualityJobDefinition", JobDefinitionName="definition-DataQuality")
    monitored.call("DeleteMonitoringSchedule", MonitoringScheduleName="s")
    monitored.call("DeleteDataQualityJobDefinition", JobDefinitionName="definition-DataQuality")
    with pytest.raises(ServiceError, match="Could not find"):
        monitored.call("DescribeDataQualityJobDefinition", JobDefinitionName="definition-DataQuality")


def test_a_stopped_schedule_starts_nothing_and_makes_up_for_nothing(
    monitored: Any, clock: Any, capture: Make, definition: Make, schedule: Make, runs: Make
) -> None:
    schedule(definition())
    monitored.call("StopMonitoringSchedule", MonitoringScheduleName="s")
    clock.advance(5 * HOUR)
    monitored.sm.flush()
    assert not monitored.call("ListMonitoringExecutions", MonitoringScheduleName="s")["MonitoringExecutionSummaries"]
    monitored.call("StartMonitoringSchedule", MonitoringScheduleName="s")
    capture(clock.now(), "a")
    clock.advance(HOUR + 20 * 60)
    assert len(runs(1)) == 1


def test_a_jump_of_the_clock_starts_the_newest_only(
    monitored: Any, clock: Any, definition: Make, schedule: Make, runs: Make
) -> None:
    schedule(definition())
    clock.advance(30 * 24 * HOUR)
    found = runs(24)
    assert len(found) <= 26
    assert clock.now() - found[-1]["ScheduledTime"] < 2 * HOUR


def test_an_execution_outlives_a_killed_cloud(
    monitored: Any, clock: Any, capture: Make, definition: Make, schedule: Make, tmp_path: Any
) -> None:
    capture(clock.now(), "a")
    schedule(definition())
    kept = json.loads(json.dumps(monitored.sm.snapshot()))
    clock.advance(HOUR + 20 * 60)
    again = SageMaker(monitored.host, tmp_path / "again")
    try:
        again.resume(kept)

        def ended() -> list[Any]:
            again.flush()
            found = again.handle("ListMonitoringExecutions", {}, monitored.scope, monitored.principal)
            rows = found["MonitoringExecutionSummaries"]
            return [row for row in rows if row["MonitoringExecutionStatus"] == "Completed"]

        assert len(monitored.until(ended)) == 1
    finally:
        again.close()
