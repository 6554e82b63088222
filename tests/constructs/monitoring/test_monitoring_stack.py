"""What stands in the Monitoring stack, with our engine and with the service's own."""

import json
from typing import Any

import pytest


def one(platform: Any, type_: str) -> dict[str, Any]:
    (resource,) = platform.of("Monitoring", type_).values()
    found: dict[str, Any] = resource["Properties"]
    return found


@pytest.mark.parametrize(("schedule", "cron"), [("hourly", "cron(5 * * * ? *)"), ("daily", "cron(5 0 * * ? *)")])
def test_the_schedule_runs_after_the_window_and_says_when_it_was_due(synthesise: Any, schedule: str, cron: str) -> None:
    found = one(synthesise(monitors={"data_quality": {"schedule": schedule}}), "AWS::Scheduler::Schedule")
    assert found["ScheduleExpression"] == cron
    assert found["ScheduleExpressionTimezone"] == "Etc/UTC"
    assert json.loads(found["Target"]["Input"]) == {"scheduled_time": "<aws.scheduler.scheduled-time>"}
    assert "Arn" in found["Target"]["DeadLetterConfig"]


def test_metrics_may_be_published_only_in_the_monitors_namespaces(platform: Any) -> None:
    (statement,) = [
        s for s in platform.policy("Monitoring", "WorkflowMachineRole") if s["Action"] == "cloudwatch:PutMetricData"
    ]
    assert statement["Condition"] == {
        "StringEquals": {"cloudwatch:namespace": ["Slipway/Monitoring", "aws/sagemaker/Endpoints/data-metrics"]}
    }


@pytest.mark.fault("E01")
def test_silence_is_an_alarm_and_tells(platform: Any) -> None:
    (alarm,) = [
        a["Properties"]
        for a in platform.of("Monitoring", "AWS::CloudWatch::Alarm").values()
        if a["Properties"].get("MetricName") == "RecordsCaptured"
    ]
    assert alarm["TreatMissingData"] == "missing"
    assert alarm["InsufficientDataActions"] == alarm["AlarmActions"], "a monitor that stops is told as well"
    assert alarm["EvaluationPeriods"] == 2
    assert len(alarm["AlarmActions"]) == 1
    assert {d["Name"]: d["Value"] for d in alarm["Dimensions"]} == {
        "Endpoint": "flight-delays-dev",
        "MonitoringSchedule": "flight-delays-dev-data-quality",
    }


def test_violations_are_an_alarm_that_leaves_telling_to_the_machine(platform: Any) -> None:
    (alarm,) = [
        a["Properties"]
        for a in platform.of("Monitoring", "AWS::CloudWatch::Alarm").values()
        if a["Properties"].get("MetricName") == "Violations"
    ]
    assert alarm["Threshold"] == 1
    assert "AlarmActions" not in alarm


def test_the_monitor_reads_only_captured_records_and_baselines(platform: Any) -> None:
    read = [s for s in platform.policy("Monitoring", "DataQualityJobRole") if s["Action"] == "s3:GetObject"]
    text = json.dumps(read)
    for wanted in ("/flight-delays/capture/*", "/flight-delays/runs/*/baseline/*", "/input/manifest.json"):
        assert wanted in text
    assert "DataBucket" not in text


def test_the_dashboard_shows_endpoint_drift_and_workflows(platform: Any) -> None:
    text = json.dumps(one(platform, "AWS::CloudWatch::Dashboard")["DashboardBody"])
    for wanted in ("ModelLatency", "Invocation5XXErrors", "feature_baseline_drift_", "Violations", "ExecutionsFailed"):
        assert wanted in text


def test_without_data_quality_there_is_only_the_dashboard(synthesise: Any) -> None:
    found = synthesise(monitors={"data_quality": None})
    assert {r["Type"] for r in found.templates["Monitoring"]["Resources"].values()} <= {
        "AWS::CloudWatch::Dashboard",
        "AWS::CDK::Metadata",
    }


@pytest.fixture(scope="module")
def service(synthesise: Any) -> Any:
    return synthesise(monitors={"engine": "sagemaker"})


@pytest.mark.fault("E17")
def test_the_services_engine_has_the_services_resources_and_no_machine(service: Any) -> None:
    assert not service.of("Monitoring", "AWS::StepFunctions::StateMachine")
    schedule = one(service, "AWS::SageMaker::MonitoringSchedule")
    assert schedule["MonitoringScheduleName"] == "flight-delays-dev-data-quality"
    config = schedule["MonitoringScheduleConfig"]
    assert config["MonitoringType"] == "DataQuality"
    assert config["ScheduleConfig"]["ScheduleExpression"] == "cron(0 * ? * * *)"


def test_the_services_definition_is_private_unnamed_and_on_a_stable_baseline(service: Any) -> None:
    definition = one(service, "AWS::SageMaker::DataQualityJobDefinition")
    assert "JobDefinitionName" not in definition, "every change replaces it, and a name would clash"
    assert definition["NetworkConfig"] == {
        "EnableInterContainerTrafficEncryption": True,
        "EnableNetworkIsolation": True,
    }
    assert "KmsKeyId" in definition["DataQualityJobOutputConfig"]
    assert "VolumeKmsKeyId" in definition["JobResources"]["ClusterConfig"]
    assert "/flight-delays/live/baseline/constraints.json" in json.dumps(definition["DataQualityBaselineConfig"])
    image = definition["DataQualityAppSpecification"]["ImageUri"]
    assert image == "468650794304.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-model-monitor-analyzer"


def test_a_region_without_the_services_image_is_refused_with_the_fix() -> None:
    from slipway_constructs.monitoring_images import analyser_image

    with pytest.raises(ValueError, match=r"no Model Monitor image in mx-central-1.*Use engine slipway"):
        analyser_image("mx-central-1")


def test_china_has_its_own_partition_and_suffix() -> None:
    from slipway_constructs.monitoring_images import analyser_image, analyser_repository

    assert analyser_image("cn-north-1").endswith(".amazonaws.com.cn/sagemaker-model-monitor-analyzer")
    assert analyser_repository("cn-north-1").startswith("arn:aws-cn:ecr:cn-north-1:453000072557:")
