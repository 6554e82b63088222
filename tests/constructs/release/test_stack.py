"""The release stack's template: triggers, alarms, permissions."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from slipway.config.model import Model
from slipway_constructs.release_timing import ReleaseTiming

Resources = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def of(template: dict[str, Any]) -> Resources:
    """Properties of the resources of a type."""
    return lambda kind: [r["Properties"] for r in template["Resources"].values() if r["Type"] == kind]


@pytest.mark.fault("C04")
def test_only_approvals_start_a_release(of: Resources) -> None:
    patterns = [r["EventPattern"] for r in of("AWS::Events::Rule") if r["EventPattern"]["source"] == ["aws.sagemaker"]]
    assert patterns == [
        {
            "source": ["aws.sagemaker"],
            "detail-type": ["SageMaker Model Package State Change"],
            "detail": {
                "ModelPackageGroupName": ["flight-delays"],
                "ModelApprovalStatus": ["Approved"],
                "UpdatedModelPackageFields": ["ModelApprovalStatus"],
            },
        }
    ]


def test_both_triggers_say_only_that_there_may_be_something_to_do(of: Resources) -> None:
    (rule,) = [r for r in of("AWS::Events::Rule") if r["EventPattern"]["source"] == ["aws.sagemaker"]]
    (schedule,) = of("AWS::Scheduler::Schedule")
    assert json.loads(rule["Targets"][0]["Input"]) == {"trigger": "approval"}
    assert json.loads(schedule["Target"]["Input"]) == {"trigger": "reconcile"}
    assert rule["Targets"][0]["DeadLetterConfig"]
    assert schedule["Target"]["DeadLetterConfig"]
    assert schedule["ScheduleExpression"] == "rate(15 minutes)"


@pytest.mark.fault("A18")
def test_every_alarm_watches_this_endpoint_and_variant_and_treats_silence_as_no_error(of: Resources) -> None:
    alarms = [a for a in of("AWS::CloudWatch::Alarm") if a["Namespace"] == "AWS/SageMaker"]
    assert {(a["MetricName"], a.get("Statistic") or a["ExtendedStatistic"], a["Threshold"]) for a in alarms} == {
        ("Invocation5XXErrors", "Average", 0.01),
        ("Invocation4XXErrors", "Average", 0.05),
        ("ModelLatency", "p99", 1_000_000),
    }
    for alarm in alarms:
        assert {d["Name"]: d["Value"] for d in alarm["Dimensions"]} == {
            "EndpointName": "flight-delays-dev",
            "VariantName": "main",
        }
        assert alarm["TreatMissingData"] == "notBreaching"
        assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (2, 3)


def alarms_of(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        r["Properties"]["MetricName"] + str(r["Properties"].get("ExtendedStatistic", "")): r["Properties"]
        for r in template["Resources"].values()
        if r["Type"] == "AWS::CloudWatch::Alarm" and r["Properties"]["Namespace"] != "AWS/SQS"
    }


def test_every_objective_becomes_an_alarm(guarded: dict[str, Any]) -> None:
    alarms = alarms_of(guarded)
    said = {
        name: (a.get("Statistic") or a["ExtendedStatistic"], a["Period"], a["Threshold"], a["TreatMissingData"])
        for name, a in alarms.items()
    }
    assert said == {
        "Invocation5XXErrors": ("Average", 60, 0.01, "notBreaching"),
        "Invocation4XXErrors": ("Average", 60, 0.05, "notBreaching"),
        "ModelLatencyp99": ("p99", 60, 1_000_000, "notBreaching"),
        "ModelLatencyp50": ("p50", 30, 50_000, "notBreaching"),
        "OverheadLatencyp99": ("p99", 60, 20_000, "notBreaching"),
        "Invocations": ("Sum", 120, 5, "breaching"),
        "Violations": ("Maximum", 3600, 0, "missing"),
    }
    assert alarms["Invocations"]["ComparisonOperator"] == "LessThanThreshold"


@pytest.mark.fault("A18")
def test_alarms_on_the_new_fleet_watch_nothing_until_a_release_aims_them(guarded: dict[str, Any]) -> None:
    fleets = {"EndpointName": "flight-delays-dev", "VariantName": "main"}
    for name, alarm in alarms_of(guarded).items():
        dimensions = {d["Name"]: d["Value"] for d in alarm["Dimensions"]}
        if name == "Violations":
            schedule = "flight-delays-dev-data-quality"
            assert dimensions == {"Endpoint": "flight-delays-dev", "MonitoringSchedule": schedule}
        elif name == "Invocations":
            assert dimensions == fleets
        else:
            assert dimensions == fleets | {"EndpointConfigName": "none-released-yet"}


def test_only_a_release_that_aims_alarms_may_change_them_and_only_its_own(
    template: dict[str, Any], guarded: dict[str, Any]
) -> None:
    def statements(body: dict[str, Any]) -> list[dict[str, Any]]:
        policies = [r["Properties"] for r in body["Resources"].values() if r["Type"] == "AWS::IAM::Policy"]
        found = [s for p in policies for s in p["PolicyDocument"]["Statement"]]
        return [s for s in found if "cloudwatch:PutMetricAlarm" in s["Action"]]

    assert statements(template) == []
    (statement,) = statements(guarded)
    assert statement["Action"] == ["cloudwatch:PutMetricAlarm", "cloudwatch:SetAlarmState"]
    assert len(statement["Resource"]) == 5
    assert all("Fn::GetAtt" in r for r in statement["Resource"])


def test_no_role_may_do_everything_of_a_service(of: Resources) -> None:
    for policy in of("AWS::IAM::Policy"):
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not [a for a in actions if "*" in a], policy["PolicyName"]


@pytest.mark.fault("A02")
def test_only_the_clean_up_and_the_deleted_resource_may_delete_configs(template: dict[str, Any]) -> None:
    holders = [
        name
        for name, r in template["Resources"].items()
        if r["Type"] == "AWS::IAM::Policy" and "sagemaker:DeleteEndpointConfig" in json.dumps(r)
    ]
    assert len(holders) == 2
    assert all("CleanUp" in h or "EndpointFunction" in h for h in holders)


def test_the_endpoint_stands_in_the_template_as_a_custom_resource_with_its_spec(of: Resources) -> None:
    (endpoint,) = of("Custom::BlueGreenEndpoint")
    assert endpoint["EndpointName"] == "flight-delays-dev"
    assert endpoint["Spec"]["instance_count"] == 2


def test_no_bad_end_goes_untold(of: Resources) -> None:
    rules = [r for r in of("AWS::Events::Rule") if r["EventPattern"]["source"] == ["aws.states"]]
    ends = [status for rule in rules for status in rule["EventPattern"]["detail"]["status"]]
    assert sorted(ends) == ["ABORTED", "FAILED", "SUCCEEDED", "TIMED_OUT"]
    assert all(rule["Targets"][0]["DeadLetterConfig"] for rule in rules)


def test_who_notes_what_is_live_can_archive_a_version_and_nothing_else_of_it(of: Resources) -> None:
    (policy,) = [p for p in of("AWS::IAM::Policy") if "sagemaker:CreateAction" in json.dumps(p)]
    statements = policy["PolicyDocument"]["Statement"]
    (archiving,) = [s for s in statements if s["Action"] == "sagemaker:UpdateModelPackage"]
    assert archiving["Condition"] == {
        "StringEquals": {"sagemaker:ModelLifeCycle:stage": "Archived"},
        "Null": {"sagemaker:ModelApprovalStatus": "true"},
    }
    lists = {"sagemaker:ListArtifacts", "sagemaker:ListContexts", "sagemaker:ListAssociations"}
    assert [set(s["Action"]) for s in statements if s["Resource"] == "*"] == [lists]


@pytest.mark.parametrize("timeout_seconds", [600, 28_800])
def test_looks_cover_the_services_own_time_limit(model: Model, timeout_seconds: int) -> None:
    rollout = model.rollout.model_copy(update={"timeout_seconds": timeout_seconds})
    timing = ReleaseTiming.of(model.model_copy(update={"rollout": rollout}))
    assert timing.looks * timing.poll > timeout_seconds
    assert timing.looks <= 250
