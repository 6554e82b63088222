"""An endpoint that is deleted takes its variants out of Application Auto Scaling, if the caller may do that."""

import contextlib
import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest

pytestmark = pytest.mark.rehearsal

NAMESPACE, DIMENSION = "sagemaker", "sagemaker:variant:DesiredInstanceCount"
TARGET = "endpoint/leaving/variant/blue"


def scaling() -> dict[str, Any]:
    metric = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    return {
        "Target": {
            "Type": "AWS::ApplicationAutoScaling::ScalableTarget",
            "Properties": {
                "ServiceNamespace": NAMESPACE,
                "ScalableDimension": DIMENSION,
                "ResourceId": TARGET,
                "MinCapacity": 1,
                "MaxCapacity": 2,
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
                    "PredefinedMetricSpecification": metric,
                },
            },
        },
    }


@pytest.fixture
def as_role(stacks: Any) -> Callable[..., Any]:
    """A SageMaker client of a role that may do these actions."""

    def make(*actions: str) -> Any:
        iam, name = stacks.client("iam"), "deleting"
        trust = {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{stacks.account}:root"},
            "Action": "sts:AssumeRole",
        }
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        with contextlib.suppress(iam.exceptions.EntityAlreadyExistsException):
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)
        allow = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)
        arn = f"arn:aws:iam::{stacks.account}:role/{name}"
        keys = stacks.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
        return boto3.client(
            "sagemaker",
            endpoint_url=stacks.cloud.url,
            region_name=stacks.region,
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )

    return make


def test_its_targets_policies_and_alarms_go_with_it_and_stacks_in_any_order(
    stacks: Any, serving: Callable[..., dict[str, Any]], as_role: Callable[..., Any]
) -> None:
    assert stacks.deploy("leaving", serving(Endpoint={"EndpointName": "leaving"})) == "CREATE_COMPLETE", (
        stacks.failures("leaving")
    )
    assert stacks.deploy("leaving-scaling", scaling()) == "CREATE_COMPLETE", stacks.failures("leaving-scaling")
    client, sagemaker = stacks.client("application-autoscaling"), stacks.client("sagemaker")
    (policy,) = client.describe_scaling_policies(ServiceNamespace=NAMESPACE, ResourceId=TARGET)["ScalingPolicies"]
    alarms = [one["AlarmName"] for one in policy["Alarms"]]
    assert alarms

    without = as_role("sagemaker:DeleteEndpoint")
    with pytest.raises(sagemaker.exceptions.ClientError, match="application-autoscaling:DeregisterScalableTarget"):
        without.delete_endpoint(EndpointName="leaving")
    assert sagemaker.describe_endpoint(EndpointName="leaving")["EndpointStatus"] == "InService"

    may = as_role("sagemaker:DeleteEndpoint", "application-autoscaling:DeregisterScalableTarget")
    may.delete_endpoint(EndpointName="leaving")
    deadline = time.monotonic() + 20
    while sagemaker.list_endpoints(NameContains="leaving")["Endpoints"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    found = client.describe_scalable_targets(ServiceNamespace=NAMESPACE, ResourceIds=[TARGET])
    assert found["ScalableTargets"] == []
    assert client.describe_scaling_policies(ServiceNamespace=NAMESPACE, ResourceId=TARGET)["ScalingPolicies"] == []
    assert stacks.client("cloudwatch").describe_alarms(AlarmNames=alarms)["MetricAlarms"] == []

    stacks.delete("leaving")  # what is gone already is no fault, neither here nor there
    stacks.delete("leaving-scaling")
