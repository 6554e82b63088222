"""Alarms on a running cloud: metric math, composites, suppression, actions, the event's shape, the API."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal


class Watch:
    """CloudWatch with a namespace and a queue of one's own."""

    def __init__(self, stacks: Any) -> None:
        self.stacks, self.namespace = stacks, f"Test/{uuid.uuid4().hex[:8]}"
        self.client = stacks.client("cloudwatch")
        self.name = f"alarm-{uuid.uuid4().hex[:8]}"

    def metric(self, name: str, stat: str = "Sum") -> dict[str, Any]:
        return {"Metric": {"Namespace": self.namespace, "MetricName": name}, "Period": 60, "Stat": stat}

    def put(self, **values: float) -> None:
        """A sample each in the current minute, which is then over."""
        data = [{"MetricName": name, "Value": value} for name, value in values.items()]
        self.client.put_metric_data(Namespace=self.namespace, MetricData=data)
        self.pass_by(60)

    def pass_by(self, seconds: float) -> None:
        self.stacks.cloud.clock.advance(seconds)
        self.stacks.cloud.flush()

    def alarm(self, name: str | None = None, **more: Any) -> str:
        name = name or self.name
        given = {"EvaluationPeriods": 1, "Threshold": 5, "ComparisonOperator": "GreaterThanThreshold"} | more
        if "Metrics" not in given:
            own = {"Namespace": self.namespace, "MetricName": "Errors", "Period": 60}
            given = own | ({} if "ExtendedStatistic" in given else {"Statistic": "Sum"}) | given
        self.client.put_metric_alarm(AlarmName=name, **given)
        return name

    def described(self, name: str | None = None) -> dict[str, Any]:
        found = self.client.describe_alarms(
            AlarmNames=[name or self.name], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        return dict((found["MetricAlarms"] or found["CompositeAlarms"])[0])

    def state(self, name: str | None = None) -> str:
        return str(self.described(name)["StateValue"])


def allowing(service: str, queue: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sqs:SendMessage", "Resource": queue}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def watch(stacks: Any) -> Watch:
    return Watch(stacks)


@pytest.fixture
def inbox(stacks: Any) -> Callable[[], list[dict[str, Any]]]:
    """A topic with a queue behind it; `inbox.topic` is its ARN, a call takes what has arrived."""
    sns, sqs = stacks.client("sns"), stacks.client("sqs")
    name = f"inbox-{uuid.uuid4().hex[:8]}"
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": allowing("sns.amazonaws.com", arn)})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def take() -> list[dict[str, Any]]:
        found = []
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                found.append(json.loads(json.loads(message["Body"])["Message"]))
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        return found

    take.topic = topic  # type: ignore[attr-defined]
    return take


def rate(watch: Watch) -> list[dict[str, Any]]:
    return [
        {"Id": "errors", "MetricStat": watch.metric("Errors"), "ReturnData": False},
        {"Id": "all", "MetricStat": watch.metric("Requests"), "ReturnData": False},
        {"Id": "rate", "Expression": "IF(all > 0, 100 * FILL(errors, 0) / all, 0)", "Label": "Error rate"},
    ]


def test_a_metric_math_alarm_follows_its_expression(watch: Watch) -> None:
    watch.alarm(Metrics=rate(watch), Threshold=10, EvaluationPeriods=2, DatapointsToAlarm=2)
    watch.put(Errors=5, Requests=100)
    watch.put(Errors=50, Requests=100)
    assert watch.state() == "OK"
    watch.put(Errors=20, Requests=100)
    assert watch.state() == "ALARM"
    found = watch.described()
    assert found["Metrics"][2]["Expression"].startswith("IF(")
    assert "2 out of the last 2 datapoints [20.0" in found["StateReason"]
    watch.put(Requests=100)
    assert watch.state() == "OK"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Metrics": [{"Id": "a", "Expression": "SEARCH('x', 'Sum')"}]}, "does not run SEARCH"),
        ({"Metrics": [{"Id": "a", "Expression": "b * 2"}]}, "the id 'b' is not among"),
        ({"Metrics": [{"Id": "A", "Expression": "1 + 1"}]}, "must begin with a lower case letter"),
        ({"Metrics": [{"Id": "a", "Expression": "SELECT AVG(x) FROM y"}]}, "Metrics Insights"),
        ({"DatapointsToAlarm": 2}, "DatapointsToAlarm must be less than or equal"),
        ({"Period": 45}, "Period must be 10, 20, 30 or a multiple of 60"),
        ({"Period": 60, "EvaluationPeriods": 1441}, "a day"),
        ({"ComparisonOperator": "GreaterThanUpperThreshold"}, "anomaly detection"),
        ({"ComparisonOperator": "Greater"}, "failed to satisfy constraint"),
        ({"AlarmActions": ["arn:aws:ssm:eu-west-1:111122223333:opsitem:1"]}, "does not run the alarm action"),
        ({"ExtendedStatistic": "median"}, "is not supported"),
        ({"TreatMissingData": "sometimes"}, "TreatMissingData must be"),
    ],
)
def test_a_wrong_alarm_is_refused_in_words(watch: Watch, change: dict[str, Any], words: str) -> None:
    with pytest.raises(watch.client.exceptions.ClientError, match=words):
        watch.alarm(**change)
    assert watch.client.describe_alarms(AlarmNames=[watch.name])["MetricAlarms"] == []


def test_notifications_go_out_for_each_state_that_names_a_topic(watch: Watch, inbox: Any) -> None:
    watch.alarm(
        AlarmActions=[inbox.topic],
        OKActions=[inbox.topic],
        InsufficientDataActions=[inbox.topic],
        AlarmDescription="too many",
    )
    watch.put(Errors=9)
    watch.put(Errors=1)
    watch.pass_by(600)
    told = inbox()
    assert [one["NewStateValue"] for one in told] == ["ALARM", "OK", "INSUFFICIENT_DATA"]
    assert told[0]["OldStateValue"] == "INSUFFICIENT_DATA"
    assert told[0]["AlarmDescription"] == "too many"
    assert told[0]["Trigger"]["Statistic"] == "SUM"
    assert told[0]["Trigger"]["Dimensions"] == []
    watch.client.disable_alarm_actions(AlarmNames=[watch.name])
    watch.put(Errors=9)
    assert watch.state() == "ALARM"
    assert inbox() == []


def test_the_event_has_both_states_and_the_configuration(watch: Watch) -> None:
    events, sqs = watch.stacks.client("events"), watch.stacks.client("sqs")
    queue = sqs.create_queue(QueueName=watch.name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {"source": ["aws.cloudwatch"], "detail": {"alarmName": [watch.name]}}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": allowing("events.amazonaws.com", arn)})
    events.put_rule(Name=watch.name, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=watch.name, Targets=[{"Id": "q", "Arn": arn}])
    watch.alarm(Metrics=rate(watch), Threshold=10, AlarmDescription="share of errors")
    watch.put(Errors=50, Requests=100)
    deadline, body = time.monotonic() + 10, None
    while body is None and time.monotonic() < deadline:
        messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", [])
        body = json.loads(messages[0]["Body"]) if messages else None
    assert body is not None
    assert body["detail-type"] == "CloudWatch Alarm State Change"
    assert body["resources"] == [watch.described()["AlarmArn"]]
    detail = body["detail"]
    assert set(detail) == {"alarmName", "state", "previousState", "configuration"}
    assert detail["state"]["value"] == "ALARM"
    assert set(detail["state"]) == {"value", "reason", "timestamp", "reasonData"}
    assert json.loads(detail["state"]["reasonData"])["recentDatapoints"] == [50.0]
    assert detail["previousState"]["value"] == "INSUFFICIENT_DATA"
    metrics = detail["configuration"]["metrics"]
    assert detail["configuration"]["description"] == "share of errors"
    assert metrics[0] == {
        "id": "errors",
        "metricStat": {
            "metric": {"namespace": watch.namespace, "name": "Errors", "dimensions": {}},
            "period": 60,
            "stat": "Sum",
        },
        "returnData": False,
    }
    assert metrics[2]["expression"].startswith("IF(")
    assert metrics[2]["returnData"] is True


def test_low_samples_of_a_percentile_are_ignored_on_request(watch: Watch) -> None:
    ignoring = watch.alarm(f"{watch.name}-i", ExtendedStatistic="p99", EvaluateLowSampleCountPercentile="ignore")
    heeding = watch.alarm(f"{watch.name}-e", ExtendedStatistic="p99")
    watch.put(Errors=50)
    assert (watch.state(ignoring), watch.state(heeding)) == ("INSUFFICIENT_DATA", "ALARM")
    data = [{"MetricName": "Errors", "Values": [50.0], "Counts": [1000.0]}]
    watch.client.put_metric_data(Namespace=watch.namespace, MetricData=data)
    watch.pass_by(60)
    assert watch.state(ignoring) == "ALARM"


def test_a_composite_alarm_follows_its_rule_and_keeps_its_children(watch: Watch) -> None:
    one = watch.alarm(f"{watch.name}-1", MetricName="One", TreatMissingData="notBreaching")
    two = watch.alarm(f"{watch.name}-2", MetricName="Two", TreatMissingData="notBreaching")
    rule = f'ALARM("{one}") AND NOT (ALARM("{two}") OR INSUFFICIENT_DATA("{two}")) AND TRUE'
    watch.client.put_composite_alarm(AlarmName=watch.name, AlarmRule=rule)
    watch.pass_by(1)
    assert watch.state() == "OK"
    watch.put(One=9)
    assert watch.state() == "ALARM"
    assert one in watch.described()["StateReason"]
    watch.put(One=9, Two=9)
    assert watch.state() == "OK"
    with pytest.raises(watch.client.exceptions.ClientError, match="composite alarm"):
        watch.client.delete_alarms(AlarmNames=[one])
    parents = watch.client.describe_alarms(ParentsOfAlarmName=one, AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    assert [parent["AlarmName"] for parent in parents] == [watch.name]
    for names in ([watch.name], [one, two]):
        watch.client.delete_alarms(AlarmNames=names)
    with pytest.raises(watch.client.exceptions.ClientError, match="do not exist"):
        watch.client.put_composite_alarm(AlarmName=watch.name, AlarmRule=f"ALARM({one})")
    with pytest.raises(watch.client.exceptions.ClientError, match="Unsupported token"):
        watch.client.put_composite_alarm(AlarmName=watch.name, AlarmRule="ALARM(")


def test_a_suppressor_holds_actions_back_until_its_extension_is_over(watch: Watch, inbox: Any) -> None:
    child = watch.alarm(f"{watch.name}-c", MetricName="Child", TreatMissingData="ignore")
    mute = watch.alarm(f"{watch.name}-m", MetricName="Mute", TreatMissingData="ignore")
    watch.client.put_composite_alarm(
        AlarmName=watch.name,
        AlarmRule=f"ALARM({child})",
        AlarmActions=[inbox.topic],
        ActionsSuppressor=mute,
        ActionsSuppressorWaitPeriod=120,
        ActionsSuppressorExtensionPeriod=180,
    )
    watch.put(Child=9)
    assert watch.state() == "ALARM"
    assert watch.described()["ActionsSuppressedBy"] == "WaitPeriod"
    watch.put(Mute=9)
    assert watch.described()["ActionsSuppressedBy"] == "Alarm"
    watch.put(Mute=0)
    assert watch.described()["ActionsSuppressedBy"] == "ExtensionPeriod"
    assert inbox() == []
    watch.pass_by(181)
    assert [one["AlarmName"] for one in inbox()] == [watch.name]
    assert "ActionsSuppressedBy" not in watch.described()


def test_without_a_suppressing_alarm_actions_go_out_after_the_wait(watch: Watch, inbox: Any) -> None:
    child = watch.alarm(f"{watch.name}-c", MetricName="Child", TreatMissingData="ignore")
    mute = watch.alarm(f"{watch.name}-m", MetricName="Mute", TreatMissingData="ignore")
    watch.client.put_composite_alarm(
        AlarmName=watch.name,
        AlarmRule=f"ALARM({child})",
        AlarmActions=[inbox.topic],
        ActionsSuppressor=mute,
        ActionsSuppressorWaitPeriod=120,
        ActionsSuppressorExtensionPeriod=180,
    )
    watch.put(Child=9)
    assert inbox() == []
    watch.pass_by(121)
    assert [one["NewStateValue"] for one in inbox()] == ["ALARM"]


def test_a_set_state_acts_and_lasts_until_the_next_evaluation(watch: Watch, inbox: Any) -> None:
    watch.alarm(AlarmActions=[inbox.topic], TreatMissingData="notBreaching")
    watch.pass_by(60)
    watch.client.set_alarm_state(AlarmName=watch.name, StateValue="ALARM", StateReason="drill")
    assert watch.described()["StateReason"] == "drill"
    assert [one["NewStateReason"] for one in inbox()] == ["drill"]
    watch.pass_by(120)
    assert watch.state() == "OK"
    history = watch.client.describe_alarm_history(AlarmName=watch.name, HistoryItemType="StateUpdate")
    summaries = [item["HistorySummary"] for item in history["AlarmHistoryItems"]]
    assert summaries[0] == "Alarm updated from ALARM to OK"
    assert "Alarm updated from OK to ALARM" in summaries
    acted = watch.client.describe_alarm_history(AlarmName=watch.name, HistoryItemType="Action")["AlarmHistoryItems"]
    assert acted[0]["HistorySummary"].startswith("Successfully executed action")
    with pytest.raises(watch.client.exceptions.ClientError, match="ResourceNotFound"):
        watch.client.set_alarm_state(AlarmName="nobody", StateValue="OK", StateReason="x")


def test_metric_data_with_math_and_extended_statistics(watch: Watch) -> None:
    start = watch.stacks.cloud.clock.now() // 60 * 60
    watch.put(Errors=4, Requests=10)
    watch.put(Requests=20)
    end = watch.stacks.cloud.clock.now()
    queries = [*rate(watch)[:2], {"Id": "share", "Expression": "FILL(errors, 0) / all"}]
    found = watch.client.get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=end)
    assert [(one["Id"], one["Values"]) for one in found["MetricDataResults"]] == [("share", [0.0, 0.4])]
    oldest = watch.client.get_metric_data(
        MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
    )
    assert oldest["MetricDataResults"][0]["Values"] == [0.4, 0.0]
    data = [{"MetricName": "Latency", "Values": [1.0, 100.0], "Counts": [90.0, 10.0]}]
    watch.client.put_metric_data(Namespace=watch.namespace, MetricData=data)
    statistics = watch.client.get_metric_statistics(
        Namespace=watch.namespace,
        MetricName="Latency",
        Period=60,
        StartTime=end - 60,
        EndTime=end + 120,
        Statistics=["Average", "SampleCount"],
        ExtendedStatistics=["p50", "tm90"],
    )["Datapoints"]
    assert (statistics[0]["Average"], statistics[0]["SampleCount"]) == (10.9, 100.0)
    assert statistics[0]["ExtendedStatistics"] == {"p50": 1.0, "tm90": 1.0}


@pytest.mark.parametrize(
    ("datum", "words"),
    [
        ({"Value": 1e300}, "is invalid"),
        ({"Value": 1, "Timestamp": 1_000_000_000}, "past two weeks"),
        ({"Values": [1.0, 2.0], "Counts": [1.0]}, "same length"),
        ({}, "must be specified"),
    ],
)
def test_wrong_metric_data_is_refused(watch: Watch, datum: dict[str, Any], words: str) -> None:
    with pytest.raises(watch.client.exceptions.ClientError, match=words):
        watch.client.put_metric_data(Namespace=watch.namespace, MetricData=[{"MetricName": "M", **datum}])


def test_alarms_are_found_by_metric_prefix_state_and_page_by_page(watch: Watch) -> None:
    names = [watch.alarm(f"{watch.name}-{index}", MetricName="Paged") for index in range(3)]
    of = watch.client.describe_alarms_for_metric(MetricName="Paged", Namespace=watch.namespace)["MetricAlarms"]
    assert [one["AlarmName"] for one in of] == names
    paginator = watch.client.get_paginator("describe_alarms")
    pages = paginator.paginate(AlarmNamePrefix=watch.name, PaginationConfig={"PageSize": 2})
    assert [one["AlarmName"] for page in pages for one in page["MetricAlarms"]] == names
    found = watch.client.describe_alarms(AlarmNamePrefix=watch.name, StateValue="ALARM")["MetricAlarms"]
    assert found == []


def test_templates_make_alarms_with_metric_math_and_composites(watch: Watch, stacks: Any) -> None:
    stack = "alarms"
    resources = {
        "Rate": {
            "Type": "AWS::CloudWatch::Alarm",
            "Properties": {
                "Metrics": rate(watch),
                "Threshold": "10",
                "EvaluationPeriods": 1,
                "ComparisonOperator": "GreaterThanThreshold",
                "Tags": [{"Key": "team", "Value": "risk"}],
            },
        },
        "Any": {
            "Type": "AWS::CloudWatch::CompositeAlarm",
            "Properties": {"AlarmRule": {"Fn::Sub": 'ALARM("${Rate}")'}},
        },
    }
    arn = {"Arn": {"Value": {"Fn::GetAtt": ["Rate", "Arn"]}}}
    assert stacks.deploy(stack, resources, outputs=arn) == "CREATE_COMPLETE", stacks.failures(stack)
    watch.put(Errors=50, Requests=100)
    names = [stacks.physical(stack, logical) for logical in ("Rate", "Any")]
    assert [watch.state(name) for name in names] == ["ALARM", "ALARM"]
    tags = watch.client.list_tags_for_resource(ResourceARN=stacks.outputs(stack)["Arn"])["Tags"]
    assert {"team", "aws:cloudformation:stack-name"} <= {tag["Key"] for tag in tags}
    resources["Rate"]["Properties"]["Threshold"] = "60"
    assert stacks.deploy(stack, resources, outputs=arn) == "UPDATE_COMPLETE", stacks.failures(stack)
    assert stacks.physical(stack, "Rate") == names[0]
    watch.put(Errors=50, Requests=100)
    assert watch.state(names[0]) == "OK"
    stacks.delete(stack)
    assert watch.client.describe_alarms(AlarmNames=names)["MetricAlarms"] == []


def test_an_alarm_on_an_anomaly_band_is_refused_by_the_stack(stacks: Any) -> None:
    detector = {"Type": "AWS::CloudWatch::AnomalyDetector", "Properties": {"MetricName": "M", "Namespace": "N"}}
    cfn = stacks.client("cloudformation")
    with pytest.raises(cfn.exceptions.ClientError, match=r"Unrecognized resource types: \[AWS::CloudWatch::Anomaly"):
        cfn.create_stack(StackName="band", TemplateBody=json.dumps({"Resources": {"D": detector}}))
