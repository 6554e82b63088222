"""What a deployed stack does on the embedded cloud."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal


def test_the_real_command_line_deploys_every_resource(sample: Any) -> None:
    assert sample.report["stacks"] == 1
    assert sample.report["resources"] >= 30
    assert sample.report["seconds"] < 20
    done = {event["type"] for event in sample.events if event["status"] == "CREATE_COMPLETE"}
    assert {"AWS::SageMaker::ModelPackageGroup", "AWS::CloudWatch::CompositeAlarm", "AWS::Scheduler::Schedule"} <= done


def test_a_machine_runs_with_jsonata_parallel_arguments_and_named_lambda_errors(sample: Any) -> None:
    ended = sample.run("Flow", '{"n": 3}')
    assert ended["status"] == "SUCCEEDED", ended
    output = json.loads(ended["output"])
    assert output["why"] == "RowError"
    assert output["both"][0] == 7
    assert abs(output["both"][1] / 1000 - sample.cloud.clock.now()) < 120
    item = sample.cloud.client("dynamodb").get_item(
        TableName=sample.outputs["Table"], Key={"id": {"S": ended["name"]}}
    )["Item"]
    assert int(item["running"]["N"]) >= 1


def test_a_handler_sees_boto3_its_role_and_nothing_of_this_project(sample: Any) -> None:
    answer = sample.cloud.client("lambda").invoke(FunctionName=sample.outputs["Bare"])
    seen = json.load(answer["Payload"])
    assert seen["found"] == []
    assert ":assumed-role/" in seen["arn"]
    assert seen["path"] is None


@pytest.mark.parametrize(
    "action",
    [
        "lambda:InvokeFunction",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "cloudwatch:PutMetricData",
        "cloudwatch:DescribeAlarms",
        "states:ListExecutions",
    ],
)
def test_a_machine_fails_without_one_action_of_its_role(sample: Any, action: str) -> None:
    with sample.without("FlowRole", action):
        ended = sample.run("Flow", '{"n": 1}')
    assert ended["status"] == "FAILED"
    assert f"not authorized to perform: {action}" in ended["cause"]
    denied = [call for call in sample.cloud.audit()["calls"] if call["decision"] == "denied"]
    assert action in {call["action"] for call in denied}


def test_a_processing_job_task_gives_the_description_on(sample: Any) -> None:
    ended = sample.run("Job", '{"name": "prepare-1", "image": "x"}')
    job = json.loads(ended["output"])
    assert job["ProcessingJobStatus"] == "Completed"
    assert {"Key": "MANAGED_BY_AWS", "Value": "STARTED_BY_STEP_FUNCTIONS"} in job["Tags"]


def test_a_failed_job_is_a_failed_task_with_its_description_as_cause(sample: Any) -> None:
    ended = sample.run("Job", '{"name": "fail-1", "image": "x"}')
    caught = json.loads(ended["output"])
    assert caught["Error"] == "States.TaskFailed"
    assert json.loads(caught["Cause"])["ProcessingJobStatus"] == "Failed"


@pytest.mark.parametrize(
    "action",
    ["sagemaker:CreateProcessingJob", "sagemaker:AddTags", "iam:PassRole", "events:PutRule", "events:DescribeRule"],
)
def test_a_job_task_needs_every_documented_permission(sample: Any, action: str) -> None:
    with sample.without("JobRole", action):
        ended = sample.run("Job", json.dumps({"name": f"denied-{action.replace(':', '-')}", "image": "x"}))
    caught = json.loads(ended["output"])
    assert caught["Error"] == "SageMaker.AccessDeniedException"
    assert action in caught["Cause"]


def test_stopping_an_execution_stops_its_job(sample: Any, wait_for: Callable[..., Any]) -> None:
    arn = sample.start("Job", '{"name": "forever-1", "image": "x"}')
    sagemaker = sample.cloud.client("sagemaker")

    def status() -> str | None:
        try:
            return str(sagemaker.describe_processing_job(ProcessingJobName="forever-1")["ProcessingJobStatus"])
        except sagemaker.exceptions.ClientError:
            return None

    assert wait_for(status) == "InProgress"
    sample.cloud.client("stepfunctions").stop_execution(executionArn=arn, error="Enough", cause="test")
    wait_for(lambda: True if status() == "Stopped" else None)
    assert sample.ended(arn)["status"] == "ABORTED"


def test_a_wait_passes_with_the_clock_and_ends_with_a_stop(sample: Any, wait_for: Callable[..., Any]) -> None:
    first, second = sample.start("Waiter"), sample.start("Waiter")
    sfn = sample.cloud.client("stepfunctions")

    def waits(arn: str) -> bool | None:
        types = {event["type"] for event in sfn.get_execution_history(executionArn=arn)["events"]}
        return "WaitStateEntered" in types or None

    for arn in (first, second):
        wait_for(lambda arn=arn: waits(arn))
    sfn.stop_execution(executionArn=second)
    before = sample.cloud.clock.now()
    sample.cloud.clock.advance(86_500)
    ended = sample.ended(first)
    assert ended["status"] == "SUCCEEDED"
    assert ended["stopDate"].timestamp() >= before + 86_400
    assert sample.ended(second)["status"] == "ABORTED"


def test_a_schedule_fires_every_hour_that_the_clock_passes_with_its_due_time(
    sample: Any, wait_for: Callable[..., Any]
) -> None:
    sqs = sample.cloud.client("sqs")
    sample.cloud.flush()
    sqs.purge_queue(QueueUrl=sample.outputs["Queue"])
    start = sample.cloud.clock.now()
    sample.cloud.clock.advance(2 * 3600)
    seen: set[str] = set()

    def collect() -> bool | None:
        for message in sqs.receive_message(QueueUrl=sample.outputs["Queue"], MaxNumberOfMessages=10).get(
            "Messages", []
        ):
            body = json.loads(message["Body"])
            if "due" in body:
                seen.add(body["due"])
        return True if len(seen) >= 2 else None

    wait_for(collect)
    hours = [
        datetime.fromtimestamp((start // 3600 + index) * 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for index in (1, 2)
    ]
    assert seen == set(hours)


def test_an_alarm_heeds_dimensions_and_m_of_n_and_tells_the_bus(sample: Any, wait_for: Callable[..., Any]) -> None:
    watch, name = sample.cloud.client("cloudwatch"), sample.outputs["Alarm"]

    def state() -> str:
        sample.cloud.flush()
        return str(watch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])

    def put(variant: str, value: float) -> None:
        data = [{"MetricName": "Errors", "Value": value, "Dimensions": [{"Name": "Variant", "Value": variant}]}]
        watch.put_metric_data(Namespace="Sample", MetricData=data)
        sample.cloud.clock.advance(60)

    put("green", 100)
    put("green", 100)
    assert state() == "OK"
    put("blue", 5)
    assert state() == "OK"
    put("blue", 5)
    assert state() == "ALARM"
    composite = wait_for(lambda: watch.describe_alarms(AlarmTypes=["CompositeAlarm"])["CompositeAlarms"] or None)
    assert composite[0]["StateValue"] == "ALARM"
    sqs = sample.cloud.client("sqs")

    def told() -> bool | None:
        messages = sqs.receive_message(QueueUrl=sample.outputs["Queue"], MaxNumberOfMessages=10).get("Messages", [])
        details = [json.loads(message["Body"]).get("detail", {}) for message in messages]
        return (
            any(detail.get("alarmName") == name and detail["state"]["value"] == "ALARM" for detail in details) or None
        )

    wait_for(told)
    sample.cloud.clock.advance(600)
    assert state() == "OK"


def build(sample: Any, wait_for: Callable[..., Any], source: bytes, tag: str, **overrides: Any) -> dict[str, Any]:
    sample.cloud.client("s3").put_object(Bucket=sample.outputs["Bucket"], Key="source.zip", Body=source)
    client = sample.cloud.client("codebuild")
    variables = [{"name": "IMAGE_TAG", "value": tag}]
    started = client.start_build(
        projectName=sample.outputs["Project"], environmentVariablesOverride=variables, **overrides
    )
    identity = started["build"]["id"]

    def ended() -> dict[str, Any] | None:
        found = client.batch_get_builds(ids=[identity])["builds"][0]
        return found if found["buildStatus"] != "IN_PROGRESS" else None

    found: dict[str, Any] = wait_for(ended)
    return found


def log(sample: Any, made: dict[str, Any]) -> str:
    logs = sample.cloud.client("logs")
    events = logs.get_log_events(logGroupName=made["logs"]["groupName"], logStreamName=made["logs"]["streamName"])[
        "events"
    ]
    return "\n".join(event["message"] for event in events)


DOCKERFILE = """FROM python:3.12-slim
RUN pip install numpy
WORKDIR /opt/program
COPY app ./app
ENV MODE=quiet
ENTRYPOINT ["python", "-m", "app"]
"""


def test_a_build_registers_an_image_whose_digest_is_its_content(
    sample: Any, wait_for: Callable[..., Any], zipped: Any
) -> None:
    files = {"Dockerfile": DOCKERFILE, "app/__main__.py": "print('hello')"}
    first = build(sample, wait_for, zipped(files), "a1")
    assert first["buildStatus"] == "SUCCEEDED", log(sample, first)
    again = build(sample, wait_for, zipped(files), "a2")
    other = build(sample, wait_for, zipped({**files, "app/__main__.py": "print('other')"}), "a3")
    assert (again["buildStatus"], other["buildStatus"]) == ("SUCCEEDED", "SUCCEEDED")
    name = sample.outputs["Repository"].partition("/")[2]
    ecr = sample.cloud.client("ecr")
    held = {
        tag: item["imageDigest"]
        for item in ecr.describe_images(repositoryName=name)["imageDetails"]
        for tag in item["imageTags"]
    }
    assert held["a1"] == held["a2"] != held["a3"]
    moved = build(sample, wait_for, zipped({**files, "app/__main__.py": "print('moved')"}), "a1")
    assert moved["buildStatus"] == "FAILED"


def test_a_build_without_a_dockerfile_says_so(sample: Any, wait_for: Callable[..., Any], zipped: Any) -> None:
    made = build(sample, wait_for, zipped({"README": "nothing"}), "b1")
    assert made["buildStatus"] == "FAILED"
    assert "no Dockerfile in the source" in log(sample, made)


def test_a_role_reaches_only_what_its_policy_allows(sample: Any) -> None:
    iam = sample.cloud.client("iam")
    trust = json.dumps(
        {
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": f"arn:aws:iam::{sample.cloud.account}:root"},
                    "Action": "sts:AssumeRole",
                }
            ]
        }
    )
    role = iam.create_role(RoleName="reader", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    group = f"arn:aws:sagemaker:{sample.cloud.region}:{sample.cloud.account}:model-package-group/mine"
    allow = {"Statement": [{"Effect": "Allow", "Action": "sagemaker:DescribeModelPackageGroup", "Resource": group}]}
    iam.put_role_policy(RoleName="reader", PolicyName="p", PolicyDocument=json.dumps(allow))
    sample.cloud.client("sagemaker").create_model_package_group(ModelPackageGroupName="mine")
    reader = sample.cloud.client("sagemaker", role)
    assert reader.describe_model_package_group(ModelPackageGroupName="mine")["ModelPackageGroupName"] == "mine"
    with pytest.raises(reader.exceptions.ClientError, match="AccessDenied"):
        reader.describe_model_package_group(ModelPackageGroupName="sample")
    with pytest.raises(reader.exceptions.ClientError, match="AccessDenied"):
        reader.delete_model_package_group(ModelPackageGroupName="mine")
