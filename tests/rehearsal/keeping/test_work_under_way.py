"""Work that was under way when the cloud was killed: served again, rolled back, failed or gone on with, as the service
would after all its hardware had failed at once."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError

pytestmark = [pytest.mark.rehearsal, pytest.mark.fault("H01")]

HOUR = 3600
CANARY = {
    "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": {
            "Type": "CANARY",
            "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
            "WaitIntervalInSeconds": HOUR,
        }
    }
}


def model(world: Any, mode: str) -> dict[str, Any]:
    container = {"Image": world.image, "ModelDataUrl": "s3://kept/model.tar.gz", "Environment": {"MODE": mode}}
    return {"ExecutionRoleArn": world.role, "PrimaryContainer": container}


def template(world: Any, mode: str, threshold: int) -> str:
    """A stack whose endpoint has another config for each mode, and an alarm that keeps its state without data."""
    variant = {
        "VariantName": "blue",
        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
        "InitialVariantWeight": 1,
    }
    alarm = {
        "AlarmName": "kept",
        "Namespace": "Kept",
        "MetricName": "Errors",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": threshold,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "ignore",
    }
    config = {"EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}}
    types = {
        "Model": ("AWS::SageMaker::Model", model(world, mode)),
        "Config": ("AWS::SageMaker::EndpointConfig", {"ProductionVariants": [variant]}),
        "Endpoint": ("AWS::SageMaker::Endpoint", {"EndpointName": "steady", **config}),
        "Alarm": ("AWS::CloudWatch::Alarm", alarm),
    }
    return json.dumps({"Resources": {name: {"Type": kind, "Properties": it} for name, (kind, it) in types.items()}})


def serve_and_bake(world: Any, until: Callable[..., Any]) -> None:
    cfn, sagemaker = world.client("cloudformation"), world.client("sagemaker")
    cfn.create_stack(StackName="app", TemplateBody=template(world, "one", 3))
    for mode in ("old", "new"):
        sagemaker.create_model(ModelName=mode, **model(world, mode))
        variant = {"VariantName": "v", "ModelName": mode, "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
        sagemaker.create_endpoint_config(EndpointConfigName=mode, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="baking", EndpointConfigName="old")
    look = lambda: sagemaker.describe_endpoint(EndpointName="baking")  # noqa: E731
    until(lambda: look()["EndpointStatus"] == "InService")
    sagemaker.update_endpoint(EndpointName="baking", EndpointConfigName="new", DeploymentConfig=CANARY)
    assert world.settled("app") == "CREATE_COMPLETE"

    def baking() -> bool:
        pending = look().get("PendingDeploymentSummary", {}).get("ProductionVariants") or [{}]
        return any(one["Status"] == "Baking" for variant in pending for one in variant.get("VariantStatus", []))

    until(baking)


def training(world: Any, name: str, **more: Any) -> dict[str, Any]:
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": world.image, "TrainingInputMode": "File"},
        "RoleArn": world.role,
        "OutputDataConfig": {"S3OutputPath": "s3://kept/out"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        "StoppingCondition": {"MaxRuntimeInSeconds": 24 * HOUR},
        "CheckpointConfig": {"S3Uri": f"s3://kept/checkpoints/{name}"},
        **more,
    }


def train(world: Any) -> None:
    sagemaker = world.client("sagemaker")
    sagemaker.create_training_job(**training(world, "plain"))
    sagemaker.create_training_job(**training(world, "retried", RetryStrategy={"MaximumRetryAttempts": 2}))


def run_machines(world: Any) -> dict[str, str]:
    sfn = world.client("stepfunctions")
    url, _ = world.queue("tokens")
    task = {"Type": "Task", "QueryLanguage": "JSONata", "End": True}
    message = {"QueueUrl": url, "MessageBody": "{% $states.context.Task.Token %}"}
    job = training(world, "of-machine", RetryStrategy={"MaximumRetryAttempts": 2})
    states = {
        "waiting": {"Type": "Wait", "Seconds": 2 * HOUR, "End": True},
        "sync": {**task, "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync", "Arguments": job},
        "token": {**task, "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Arguments": message},
    }
    found = {}
    for name, state in states.items():
        definition = json.dumps({"StartAt": "Only", "States": {"Only": state}})
        made = sfn.create_state_machine(name=name, roleArn=world.role, definition=definition)
        found[name] = sfn.start_execution(stateMachineArn=made["stateMachineArn"])["executionArn"]
    return found


def watch(world: Any, until: Callable[..., Any]) -> None:
    cloudwatch, scaling, events = (world.client(one) for one in ("cloudwatch", "application-autoscaling", "events"))
    cloudwatch.put_metric_data(Namespace="Kept", MetricData=[{"MetricName": "Errors", "Value": 9}])
    look = lambda: cloudwatch.describe_alarms(AlarmNames=["kept"])["MetricAlarms"][0]["StateValue"]  # noqa: E731
    until(lambda: look() == "ALARM")
    scaling.register_scalable_target(**TARGET, MinCapacity=1, MaxCapacity=2)
    metric = {"PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}}
    scaling.put_scaling_policy(
        **TARGET,
        PolicyName="track",
        PolicyType="TargetTrackingScaling",
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 1e6, **metric},
    )
    _, ticks = world.queue("ticks")
    world.client("scheduler").create_schedule(
        Name="hourly",
        ScheduleExpression="rate(1 hour)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": ticks, "RoleArn": world.role, "Input": '"tick"'},
    )
    _, seen = world.queue("seen")
    events.put_rule(Name="kept", EventPattern=json.dumps({"source": ["test"]}))
    events.put_targets(Rule="kept", Targets=[{"Id": "queue", "Arn": seen}])


TARGET = {
    "ServiceNamespace": "sagemaker",
    "ResourceId": "endpoint/steady/variant/blue",
    "ScalableDimension": "sagemaker:variant:DesiredInstanceCount",
}


@pytest.fixture(scope="module")
def killed(standing: Any, until: Callable[..., Any]) -> tuple[Any, dict[str, str]]:
    """The world after the kill, and the executions that ran."""
    train(standing)
    executions = run_machines(standing)
    serve_and_bake(standing, until)
    watch(standing, until)
    token = standing.message("tokens")
    names = ("plain", "retried", "of-machine")
    listed = lambda: standing.client("s3").list_objects_v2(Bucket="kept", Prefix="checkpoints/")  # noqa: E731
    until(lambda: {one["Key"] for one in listed().get("Contents", [])} == {f"checkpoints/{one}/mark" for one in names})
    runtime, over, answers = standing.client("sagemaker-runtime"), threading.Event(), []

    def load() -> None:
        while not over.is_set():
            try:
                answers.append(runtime.invoke_endpoint(EndpointName="steady", Body=b"1")["Body"].read())
            except (ClientError, BotoCoreError):
                return

    client = threading.Thread(target=load)
    client.start()
    until(lambda: len(answers) > 20)
    standing.kill()
    client.join(20)
    over.set()
    assert not client.is_alive(), "no request hangs when the cloud is gone"
    assert set(answers) == {b"one"}
    standing.up()
    return standing, {**executions, "task token": token}


Killed = tuple[Any, dict[str, str]]


def test_an_endpoint_serves_again_with_nobody_asking(killed: Killed, until: Callable[..., Any]) -> None:
    runtime = killed[0].client("sagemaker-runtime")

    def answer() -> bytes:
        try:
            return bytes(runtime.invoke_endpoint(EndpointName="steady", Body=b"1")["Body"].read())
        except ClientError:
            return b""

    assert until(answer) == b"one"
    assert killed[0].client("sagemaker").describe_endpoint(EndpointName="steady")["EndpointStatus"] == "InService"


def test_an_update_in_mid_bake_is_back_at_the_old_config(killed: Killed, until: Callable[..., Any]) -> None:
    sagemaker, runtime = killed[0].client("sagemaker"), killed[0].client("sagemaker-runtime")
    look = lambda: sagemaker.describe_endpoint(EndpointName="baking")  # noqa: E731
    until(lambda: look()["EndpointStatus"] == "InService")
    assert look()["EndpointConfigName"] == "old"
    assert "PendingDeploymentSummary" not in look()
    answers = {runtime.invoke_endpoint(EndpointName="baking", Body=b"1")["Body"].read() for _ in range(10)}
    assert answers == {b"old"}


def test_a_job_fails_unless_it_may_be_tried_again(killed: Killed, until: Callable[..., Any]) -> None:
    sagemaker = killed[0].client("sagemaker")

    def ended(name: str) -> dict[str, Any]:
        look = lambda: sagemaker.describe_training_job(TrainingJobName=name)  # noqa: E731
        until(lambda: look()["TrainingJobStatus"] != "InProgress")
        return dict(look())

    plain, retried = ended("plain"), ended("retried")
    assert plain["TrainingJobStatus"] == "Failed"
    assert plain["FailureReason"].startswith("InternalServerError")
    assert retried["TrainingJobStatus"] == "Completed", retried.get("FailureReason")


@pytest.mark.parametrize("name", ["waiting", "sync", "token"])
def test_an_execution_goes_on_from_where_it_was(killed: Killed, until: Callable[..., Any], name: str) -> None:
    world, executions = killed
    sfn = world.client("stepfunctions")
    if name == "token":
        sfn.send_task_success(taskToken=executions["task token"], output='"told"')
    if name == "waiting":
        look = sfn.describe_execution(executionArn=executions[name])
        assert look["status"] == "RUNNING"
        world.cloud.clock.advance(2 * HOUR)
    until(lambda: sfn.describe_execution(executionArn=executions[name])["status"] != "RUNNING")
    told = sfn.describe_execution(executionArn=executions[name])
    assert told["status"] == "SUCCEEDED", told.get("cause")
    if name == "sync":
        assert json.loads(told["output"])["TrainingJobStatus"] == "Completed"
    if name == "token":
        assert told["output"] == '"told"'
    kinds = [one["type"] for one in sfn.get_execution_history(executionArn=executions[name])["events"]]
    assert kinds.count("ExecutionStarted") == 1
    assert len([kind for kind in kinds if kind.endswith("StateEntered")]) == 1


def test_alarms_targets_schedules_and_rules_are_as_they_were(killed: Killed, until: Callable[..., Any]) -> None:
    world = killed[0]
    cloudwatch, scaling = world.client("cloudwatch"), world.client("application-autoscaling")
    assert cloudwatch.describe_alarms(AlarmNames=["kept"])["MetricAlarms"][0]["StateValue"] == "ALARM"
    history = cloudwatch.describe_alarm_history(AlarmName="kept", HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    assert len(history) == 1, "it is in ALARM still, not again"
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    assert (target["ResourceId"], target["MaxCapacity"]) == (TARGET["ResourceId"], 2)
    (policy,) = scaling.describe_scaling_policies(ServiceNamespace="sagemaker")["ScalingPolicies"]
    names = [one["AlarmName"] for one in policy["Alarms"]]
    assert len(cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]) == 2
    world.client("events").put_events(Entries=[{"Source": "test", "DetailType": "T", "Detail": '{"n": 1}'}])
    assert json.loads(world.message("seen"))["detail"] == {"n": 1}
    world.cloud.clock.advance(HOUR)
    assert world.message("ticks") == '"tick"'


def test_later_deployments_update_the_stack_and_put_it_back(killed: Killed, until: Callable[..., Any]) -> None:
    world = killed[0]
    cfn, runtime = world.client("cloudformation"), world.client("sagemaker-runtime")
    assert cfn.describe_stacks(StackName="app")["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"
    until(lambda: world.client("sagemaker").describe_endpoint(EndpointName="steady")["EndpointStatus"] == "InService")
    cfn.update_stack(StackName="app", TemplateBody=template(world, "two", 5))
    assert world.settled("app") == "UPDATE_COMPLETE"
    assert runtime.invoke_endpoint(EndpointName="steady", Body=b"1")["Body"].read() == b"two"
    assert world.client("cloudwatch").describe_alarms(AlarmNames=["kept"])["MetricAlarms"][0]["Threshold"] == 5
    cfn.update_stack(StackName="app", TemplateBody=template(world, "one", 3))
    assert world.settled("app") == "UPDATE_COMPLETE"
    assert runtime.invoke_endpoint(EndpointName="steady", Body=b"1")["Body"].read() == b"one"
