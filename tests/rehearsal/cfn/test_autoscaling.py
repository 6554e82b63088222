"""Application Auto Scaling on a running cloud: real endpoints, real alarms, stepped time."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal

NAMESPACE, DIMENSION = "sagemaker", "sagemaker:variant:DesiredInstanceCount"


@pytest.fixture(scope="module")
def endpoint(stacks: Any, base: dict[str, str]) -> Iterator[str]:
    resources = {
        "Model": {
            "Type": "AWS::SageMaker::Model",
            "Properties": {
                "ExecutionRoleArn": base["role"],
                "PrimaryContainer": {"Image": base["image"], "ModelDataUrl": base["model"]},
            },
        },
        "Config": {
            "Type": "AWS::SageMaker::EndpointConfig",
            "Properties": {
                "ProductionVariants": [
                    {
                        "VariantName": "blue",
                        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
                        "InitialInstanceCount": 1,
                        "InstanceType": "ml.m5.large",
                        "InitialVariantWeight": 1,
                    }
                ]
            },
        },
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {"EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
        },
    }
    name = {"Name": {"Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}}}
    assert stacks.deploy("scaled", resources, outputs=name) == "CREATE_COMPLETE", stacks.failures("scaled")
    yield stacks.outputs("scaled")["Name"]
    stacks.delete("scaled")


class Scaled:
    """One variant as a scalable target; `load` is the metric that its policies watch."""

    def __init__(self, stacks: Any, endpoint: str) -> None:
        self.stacks, self.endpoint = stacks, endpoint
        self.client, self.watch = stacks.client("application-autoscaling"), stacks.client("cloudwatch")
        self.sagemaker = stacks.client("sagemaker")
        self.target = {
            "ServiceNamespace": NAMESPACE,
            "ResourceId": f"endpoint/{endpoint}/variant/blue",
            "ScalableDimension": DIMENSION,
        }

    def register(self, low: int = 1, high: int = 4, **more: Any) -> None:
        self.client.register_scalable_target(**self.target, MinCapacity=low, MaxCapacity=high, **more)

    def track(self, name: str = "track", target: float = 10, **more: Any) -> list[dict[str, str]]:
        metric = {"Namespace": "Load", "MetricName": name, "Statistic": "Average"}
        configuration = {"TargetValue": target, "CustomizedMetricSpecification": metric} | more
        answer = self.client.put_scaling_policy(
            **self.target,
            PolicyName=name,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration=configuration,
        )
        return list(answer["Alarms"])

    def load(self, value: float, minutes: int = 3, name: str = "track") -> None:
        """So much in each of some minutes, one after the other."""
        for _ in range(minutes):
            self.watch.put_metric_data(Namespace="Load", MetricData=[{"MetricName": name, "Value": value}])
            self.stacks.cloud.clock.advance(60)
        self.settle()

    def settle(self) -> None:
        deadline = time.monotonic() + 20
        self.stacks.cloud.flush()
        while self.sagemaker.describe_endpoint(EndpointName=self.endpoint)["EndpointStatus"] != "InService":
            assert time.monotonic() < deadline
            time.sleep(0.02)
        self.stacks.cloud.flush()

    @property
    def count(self) -> int:
        found = self.sagemaker.describe_endpoint(EndpointName=self.endpoint)["ProductionVariants"][0]
        return int(found["DesiredInstanceCount"])

    def set(self, count: int) -> None:
        if self.count != count:
            wanted = [{"VariantName": "blue", "DesiredInstanceCount": count}]
            self.sagemaker.update_endpoint_weights_and_capacities(
                EndpointName=self.endpoint, DesiredWeightsAndCapacities=wanted
            )
            self.settle()

    def activities(self) -> list[dict[str, Any]]:
        found = self.client.describe_scaling_activities(
            ServiceNamespace=NAMESPACE, ResourceId=self.target["ResourceId"]
        )
        return list(found["ScalingActivities"])


@pytest.fixture
def scaled(stacks: Any, endpoint: str) -> Iterator[Scaled]:
    one = Scaled(stacks, endpoint)
    one.set(1)
    stacks.cloud.clock.advance(3600)  # past every rest and every data point of the test before
    yield one
    try:
        one.client.deregister_scalable_target(**one.target)
    except one.client.exceptions.ObjectNotFoundException:
        return


def test_target_tracking_scales_out_at_once_and_in_after_its_rest(scaled: Scaled) -> None:
    scaled.register()
    alarms = scaled.track(ScaleOutCooldown=120, ScaleInCooldown=600)
    assert [one["AlarmName"].split("-Alarm")[1][:4] for one in alarms] == ["High", "Low-"]
    assert alarms[0]["AlarmName"].startswith(f"TargetTracking-endpoint/{scaled.endpoint}/variant/blue-AlarmHigh-")
    high = scaled.watch.describe_alarms(AlarmNames=[alarms[0]["AlarmName"]])["MetricAlarms"][0]
    low = scaled.watch.describe_alarms(AlarmNames=[alarms[1]["AlarmName"]])["MetricAlarms"][0]
    assert (high["Threshold"], high["EvaluationPeriods"], high["ComparisonOperator"]) == (10, 3, "GreaterThanThreshold")
    assert (low["Threshold"], low["EvaluationPeriods"], low["ComparisonOperator"]) == (9, 15, "LessThanThreshold")
    scaled.load(25)
    assert scaled.count == 3  # 1 × 25 / 10, rounded up
    latest = scaled.activities()[0]
    assert latest["StatusCode"] == "Successful"
    assert latest["Description"] == "Setting desired instance count to 3."
    assert "AlarmHigh" in latest["Cause"]
    assert "triggered policy track" in latest["Cause"]
    scaled.load(30, minutes=1)
    assert scaled.count == 3  # it rests: what was added counts, and 1 × 30 / 10 is no more than there is
    scaled.load(2, minutes=16)
    assert scaled.count == 1
    scaled.load(1000)
    assert scaled.count == 4  # never above the maximum


def test_scale_in_waits_for_all_policies_and_can_be_switched_off(scaled: Scaled) -> None:
    scaled.register()
    scaled.set(3)
    scaled.track("one", ScaleInCooldown=0)
    scaled.track("two", ScaleInCooldown=0)
    for _ in range(16):
        data = [{"MetricName": "one", "Value": 1.0}, {"MetricName": "two", "Value": 10.0}]
        scaled.watch.put_metric_data(Namespace="Load", MetricData=data)
        scaled.stacks.cloud.clock.advance(60)
    scaled.settle()
    assert scaled.count == 3
    alarms = scaled.track("two", DisableScaleIn=True)
    assert len(alarms) == 1
    scaled.load(1, minutes=2, name="one")
    assert scaled.count == 1


def test_suspended_scaling_leaves_the_capacity(scaled: Scaled) -> None:
    scaled.register(SuspendedState={"DynamicScalingOutSuspended": True})
    scaled.track()
    scaled.load(50)
    assert scaled.count == 1
    scaled.register(SuspendedState={"DynamicScalingOutSuspended": False})
    scaled.load(50, minutes=2)
    assert scaled.count == 4


def test_step_scaling_follows_the_steps_of_its_alarm(scaled: Scaled) -> None:
    scaled.register(high=4)
    steps = {
        "AdjustmentType": "ChangeInCapacity",
        "Cooldown": 60,
        "StepAdjustments": [
            {"MetricIntervalLowerBound": 0, "MetricIntervalUpperBound": 10, "ScalingAdjustment": 1},
            {"MetricIntervalLowerBound": 10, "ScalingAdjustment": 3},
        ],
    }
    arn = scaled.client.put_scaling_policy(
        **scaled.target, PolicyName="steps", PolicyType="StepScaling", StepScalingPolicyConfiguration=steps
    )["PolicyARN"]
    scaled.watch.put_metric_alarm(
        AlarmName="backlog",
        Namespace="Load",
        MetricName="backlog",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=5,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
        TreatMissingData="notBreaching",
        AlarmActions=[arn],
    )
    assert scaled.client.describe_scaling_policies(ServiceNamespace=NAMESPACE)["ScalingPolicies"][0]["Alarms"]
    scaled.load(7, minutes=1, name="backlog")
    assert scaled.count == 2
    scaled.stacks.cloud.clock.advance(600)
    scaled.load(40, minutes=1, name="backlog")
    assert scaled.count == 4
    scaled.watch.delete_alarms(AlarmNames=["backlog"])


def test_a_scheduled_action_moves_the_bounds_and_the_capacity(scaled: Scaled) -> None:
    scaled.register()
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(scaled.stacks.cloud.clock.now() + 300))
    scaled.client.put_scheduled_action(
        **scaled.target,
        ScheduledActionName="morning",
        Schedule=f"at({at})",
        ScalableTargetAction={"MinCapacity": 2, "MaxCapacity": 3},
    )
    scaled.stacks.cloud.clock.advance(200)
    scaled.settle()
    assert scaled.count == 1
    scaled.stacks.cloud.clock.advance(200)
    scaled.settle()
    assert scaled.count == 2
    found = scaled.client.describe_scalable_targets(ServiceNamespace=NAMESPACE)["ScalableTargets"][0]
    assert (found["MinCapacity"], found["MaxCapacity"]) == (2, 3)
    assert scaled.activities()[0]["Cause"] == "scheduled action name morning was triggered"


def test_deregistering_removes_policies_and_their_alarms(scaled: Scaled) -> None:
    scaled.register(Tags={"team": "risk"})
    names = [one["AlarmName"] for one in scaled.track()]
    arn = scaled.client.describe_scalable_targets(ServiceNamespace=NAMESPACE)["ScalableTargets"][0]["ScalableTargetARN"]
    assert scaled.client.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"team": "risk"}
    scaled.client.deregister_scalable_target(**scaled.target)
    assert scaled.watch.describe_alarms(AlarmNames=names)["MetricAlarms"] == []
    assert scaled.client.describe_scaling_policies(ServiceNamespace=NAMESPACE)["ScalingPolicies"] == []
    with pytest.raises(scaled.client.exceptions.ObjectNotFoundException, match="No scalable target found"):
        scaled.client.deregister_scalable_target(**scaled.target)
    with pytest.raises(scaled.client.exceptions.ObjectNotFoundException, match="No scalable target registered"):
        scaled.track()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ResourceId": "endpoint/nobody/variant/blue"}, "Could not find endpoint"),
        ({"MinCapacity": 5}, "not greater than MaxCapacity"),
        (
            {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount", "ResourceId": "service/a/b"},
            "does not scale ecs:service:DesiredCount",
        ),
    ],
)
def test_a_wrong_target_is_refused(scaled: Scaled, change: dict[str, Any], words: str) -> None:
    with pytest.raises(scaled.client.exceptions.ClientError, match=words):
        scaled.client.register_scalable_target(**{**scaled.target, "MinCapacity": 1, "MaxCapacity": 4, **change})


def test_predefined_metrics_and_templates(scaled: Scaled) -> None:
    stacks, stack = scaled.stacks, "policies"
    resources = {
        "Target": {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {
                **scaled.target,
                "MinCapacity": 1,
                "MaxCapacity": "2",
                "ScheduledActions": [
                    {
                        "ScheduledActionName": "night",
                        "Schedule": "cron(0 22 * * ? *)",
                        "ScalableTargetAction": {"MaxCapacity": 1},
                    }
                ],
            },
        },
        "Policy": {
            "Type": "AWS::ApplicationAutoScaling::ScalingPolicy",
            "Properties": {
                "PolicyName": "invocations",
                "PolicyType": "TargetTrackingScaling",
                "ScalingTargetId": {"Ref": "Target"},
                "TargetTrackingScalingPolicyConfiguration": {
                    "TargetValue": 70,
                    "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
                },
            },
        },
    }
    assert stacks.deploy(stack, resources) == "CREATE_COMPLETE", stacks.failures(stack)
    outputs = stacks.outputs(stack)
    assert outputs["TargetRef"] == f"{scaled.target['ResourceId']}|{DIMENSION}|{NAMESPACE}"
    policy = scaled.client.describe_scaling_policies(ServiceNamespace=NAMESPACE)["ScalingPolicies"][0]
    assert outputs["PolicyRef"] == policy["PolicyARN"]
    names = [one["AlarmName"] for one in policy["Alarms"]]
    alarm = scaled.watch.describe_alarms(AlarmNames=names)["MetricAlarms"][0]
    assert (alarm["Namespace"], alarm["MetricName"]) == ("AWS/SageMaker", "InvocationsPerInstance")
    assert (alarm["Statistic"], alarm["Period"]) == ("Sum", 60)
    named = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
    assert named == {"EndpointName": scaled.endpoint, "VariantName": "blue"}
    resources["Target"]["Properties"]["MaxCapacity"] = "5"
    del resources["Target"]["Properties"]["ScheduledActions"]
    assert stacks.deploy(stack, resources) == "UPDATE_COMPLETE", stacks.failures(stack)
    target = scaled.client.describe_scalable_targets(ServiceNamespace=NAMESPACE)["ScalableTargets"][0]
    assert target["MaxCapacity"] == 5
    assert scaled.client.describe_scheduled_actions(ServiceNamespace=NAMESPACE)["ScheduledActions"] == []
    stacks.delete(stack)
    assert scaled.client.describe_scalable_targets(ServiceNamespace=NAMESPACE)["ScalableTargets"] == []
    assert scaled.watch.describe_alarms(AlarmNames=names)["MetricAlarms"] == []
