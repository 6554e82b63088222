"""The release stack's template: triggers, alarms, permissions."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from slipway.config.model import Model
from slipway_constructs.release_timing import ReleaseTiming

OF_RELEASES = {"Invocation5XXErrors", "Invocation4XXErrors", "ModelLatency", "GoldenMismatches"}
Resources = Callable[[str], list[dict[str, Any]]]


@pytest.fixture
def of(template: dict[str, Any]) -> Resources:
    """Properties of the resources of a type."""
    return lambda kind: [r["Properties"] for r in template["Resources"].values() if r["Type"] == kind]


@pytest.mark.fault("C04")
@pytest.mark.fault("A30")
def test_only_approvals_and_the_deletion_of_the_endpoint_start_a_release(of: Resources) -> None:
    patterns = [r["EventPattern"] for r in starting(of)]
    assert sorted(patterns, key=lambda p: str(p["detail-type"])) == [
        {
            "source": ["aws.sagemaker"],
            "detail-type": ["SageMaker Endpoint State Change"],
            "detail": {"EndpointName": ["flight-delays-dev"], "EndpointStatus": ["DELETING", "DELETED"]},
        },
        {
            "source": ["aws.sagemaker"],
            "detail-type": ["SageMaker Model Package State Change"],
            "detail": {
                "ModelPackageGroupName": ["flight-delays"],
                "ModelApprovalStatus": ["Approved"],
                "UpdatedModelPackageFields": ["ModelApprovalStatus"],
            },
        },
    ]


def starting(of: Resources) -> list[dict[str, Any]]:
    """Rules that start executions."""
    return [r for r in of("AWS::Events::Rule") if "RoleArn" in r["Targets"][0]]


def test_events_of_the_endpoint_wake_the_release_that_waits(of: Resources, template: dict[str, Any]) -> None:
    (rule,) = [
        r for r in of("AWS::Events::Rule") if r not in starting(of) and r["EventPattern"]["source"] != ["aws.states"]
    ]
    assert rule["EventPattern"] == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Endpoint State Change"],
        "detail": {
            "EndpointName": ["flight-delays-dev"],
            "EndpointStatus": [{"anything-but": ["CREATING", "UPDATING"]}],
        },
    }
    (target,) = rule["Targets"]
    function = template["Resources"][target["Arn"]["Fn::GetAtt"][0]]["Properties"]
    assert function["Handler"] == "slipway_lambda.pass_on_news.handler.handler"


@pytest.mark.fault("A11")
@pytest.mark.fault("A29")
@pytest.mark.parametrize("strategy", ["shadow", "ab"])
def test_an_alarm_raised_in_a_trial_wakes_its_judge(template_by: Callable[..., dict[str, Any]], strategy: str) -> None:
    """No update watches alarms then, and the pauses between the judge's looks grow to an hour and more."""
    resources = template_by(strategy=strategy)["Resources"]
    (rule,) = (
        r["Properties"]
        for r in resources.values()
        if r["Type"] == "AWS::Events::Rule" and r["Properties"]["EventPattern"]["source"] == ["aws.cloudwatch"]
    )
    watched = {one["Ref"] for one in rule["EventPattern"]["detail"]["alarmName"]}
    alarms = {name for name, r in resources.items() if r["Type"] == "AWS::CloudWatch::Alarm" and "Letter" not in name}
    assert watched == {name for name in alarms if resources[name]["Properties"]["MetricName"] in OF_RELEASES}
    assert {"Challenger" in name for name in watched} == {True, False}
    assert rule["EventPattern"]["detail"]["state"] == {"value": ["ALARM"]}
    (target,) = rule["Targets"]
    assert json.loads(target["Input"]) == {"detail": {"EndpointName": "flight-delays-dev"}}


def test_triggers_say_only_that_there_may_be_something_to_do(of: Resources) -> None:
    rules = starting(of)
    (schedule,) = of("AWS::Scheduler::Schedule")
    given = {r["EventPattern"]["detail-type"][0].split()[1]: json.loads(r["Targets"][0]["Input"]) for r in rules}
    assert given == {"Model": {"trigger": "approval"}, "Endpoint": {"trigger": "reconcile"}}
    assert json.loads(schedule["Target"]["Input"]) == {"trigger": "reconcile"}
    assert all(rule["Targets"][0]["DeadLetterConfig"] for rule in rules)
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
        "GoldenMismatches": ("Sum", 60, 0, "notBreaching"),
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
        elif name == "GoldenMismatches":
            assert dimensions == {"Endpoint": "flight-delays-dev"}
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


@pytest.mark.fault("A13")
def test_one_wrong_golden_answer_is_an_alarm_that_only_the_probe_can_write_to(of: Resources) -> None:
    (alarm,) = (a for a in of("AWS::CloudWatch::Alarm") if a["MetricName"] == "GoldenMismatches")
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"], alarm["Statistic"]) == (1, 3, "Sum")
    policies = [(p["Roles"][0]["Ref"], s) for p in of("AWS::IAM::Policy") for s in p["PolicyDocument"]["Statement"]]
    ((role, statement),) = (
        (role, s) for role, s in policies if "cloudwatch:PutMetricData" in s["Action"] and "Probe" in role
    )
    assert statement["Condition"] == {"StringEquals": {"cloudwatch:namespace": alarm["Namespace"]}}
    others = {r for r, s in policies if alarm["Namespace"] in str(s.get("Condition")) and r != role}
    assert not others


@pytest.mark.fault("A13")
@pytest.mark.parametrize("rollout", [{"synthetic_traffic": False}, {"alarms": {"golden_answers": None}}], ids=str)
def test_without_golden_traffic_or_the_wish_nothing_is_judged(model: Model, rollout: dict[str, Any]) -> None:
    changed = {**model.model_dump(mode="json", exclude_unset=True), "rollout": rollout}
    assert model.rollout.judges_golden_answers
    assert not Model.model_validate(changed).rollout.judges_golden_answers


@pytest.mark.fault("C09")
@pytest.mark.fault("D11")
def test_a_bad_end_that_could_not_be_settled_waits_in_the_dead_letter_queue(template: dict[str, Any]) -> None:
    """Whether the rule could not deliver it or the function failed on it: one queue, and it is watched."""
    resources = template["Resources"]
    (queue,) = (n for n, r in resources.items() if r["Type"] == "AWS::SQS::Queue")
    (config,) = (r["Properties"] for r in resources.values() if r["Type"] == "AWS::Lambda::EventInvokeConfig")
    (rule,) = (r["Properties"] for n, r in resources.items() if r["Type"] == "AWS::Events::Rule" and "BadEnd" in n)
    (target,) = rule["Targets"]
    arn = {"Fn::GetAtt": [queue, "Arn"]}
    settle = target["Arn"]["Fn::GetAtt"][0]
    assert config["FunctionName"] == {"Ref": settle}
    assert config["DestinationConfig"]["OnFailure"]["Destination"] == arn == target["DeadLetterConfig"]["Arn"]
    assert config["MaximumRetryAttempts"] == 2
    role = resources[settle]["Properties"]["Role"]["Fn::GetAtt"][0]
    allowed = [
        s
        for r in resources.values()
        if r["Type"] == "AWS::IAM::Policy" and {"Ref": role} in r["Properties"]["Roles"]
        for s in r["Properties"]["PolicyDocument"]["Statement"]
    ]
    assert any(s["Action"] == "sqs:SendMessage" and s["Resource"] == arn for s in allowed)


@pytest.mark.fault("C10")
def test_the_first_dead_letter_raises_an_alarm(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    (queue,) = (n for n, r in resources.items() if r["Type"] == "AWS::SQS::Queue")
    (alarm,) = (
        r["Properties"]
        for r in resources.values()
        if r["Type"] == "AWS::CloudWatch::Alarm" and r["Properties"]["Namespace"] == "AWS/SQS"
    )
    assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["Statistic"]) == (1, 1, "Maximum")
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert alarm["AlarmActions"]
    assert resources[queue]["Properties"]["MessageRetentionPeriod"] == 14 * 86_400
    senders = [
        t["DeadLetterConfig"]["Arn"]
        for r in resources.values()
        if r["Type"] == "AWS::Events::Rule"
        for t in r["Properties"]["Targets"]
    ]
    assert len(senders) == 5
    assert all(s == {"Fn::GetAtt": [queue, "Arn"]} for s in senders)


@pytest.mark.fault("D03")
@pytest.mark.fault("D04")
def test_every_bad_status_of_the_machine_is_settled(template: dict[str, Any]) -> None:
    (rule,) = (
        r["Properties"] for n, r in template["Resources"].items() if r["Type"] == "AWS::Events::Rule" and "BadEnd" in n
    )
    assert set(rule["EventPattern"]["detail"]["status"]) == {"FAILED", "TIMED_OUT", "ABORTED"}
    (machine,) = rule["EventPattern"]["detail"]["stateMachineArn"]
    assert template["Resources"][machine["Ref"]]["Type"] == "AWS::StepFunctions::StateMachine"


def test_what_starts_releases_goes_before_the_endpoint_does(template: dict[str, Any]) -> None:
    """CloudFormation deletes in the reverse order: nothing may start a release of an endpoint that is being deleted."""
    resources = template["Resources"]
    (endpoint,) = (n for n, r in resources.items() if r["Type"] == "Custom::BlueGreenEndpoint")
    starting = [
        r
        for r in resources.values()
        if r["Type"] == "AWS::Scheduler::Schedule"
        or (r["Type"] == "AWS::Events::Rule" and "RoleArn" in r["Properties"]["Targets"][0])
    ]
    assert len(starting) == 3
    assert all(endpoint in r["DependsOn"] for r in starting)
