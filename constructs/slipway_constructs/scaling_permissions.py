"""What registering and deregistering a scalable target takes, as the services document it.

https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-auto-scaling-prerequisites.html
"""

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

LINKED = "sagemaker.application-autoscaling.amazonaws.com"


def grant_deregistering(role: iam.Role, endpoint: str) -> None:
    """See its policies, take the target off; the alarms of target tracking go with the caller's permissions."""
    _allow(
        role,
        ["application-autoscaling:DescribeScalingPolicies", "application-autoscaling:DeregisterScalableTarget"],
        ["*"],
    )
    _allow(role, ["cloudwatch:DeleteAlarms"], [_alarms(endpoint)])


def grant_restoring(role: iam.Role, endpoint: str, endpoint_arn: str, config_arns: str) -> None:
    """Register the target and put its policies; the service's linked role is made with the first one."""
    _allow(
        role,
        [
            "application-autoscaling:DescribeScalableTargets",
            "application-autoscaling:DescribeScalingPolicies",
            "application-autoscaling:RegisterScalableTarget",
            "application-autoscaling:PutScalingPolicy",
            "application-autoscaling:DeleteScalingPolicy",
        ],
        ["*"],
    )
    _allow(role, ["cloudwatch:PutMetricAlarm", "cloudwatch:DeleteAlarms"], [_alarms(endpoint)])
    _allow(role, ["cloudwatch:DescribeAlarms"], ["*"])
    _allow(role, ["sagemaker:DescribeEndpoint", "sagemaker:UpdateEndpointWeightsAndCapacities"], [endpoint_arn])
    _allow(role, ["sagemaker:DescribeEndpointConfig"], [config_arns])
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["iam:CreateServiceLinkedRole"],
            resources=[
                f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/aws-service-role/{LINKED}/"
                "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint"
            ],
            conditions={"StringLike": {"iam:AWSServiceName": LINKED}},
        )
    )


def _alarms(endpoint: str) -> str:
    """Of target tracking."""
    return (
        f"arn:{Aws.PARTITION}:cloudwatch:{Aws.REGION}:{Aws.ACCOUNT_ID}:alarm:"
        f"TargetTracking-endpoint/{endpoint}/variant/*"
    )


def _allow(role: iam.Role, actions: list[str], resources: list[str]) -> None:
    role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
