"""Service-linked roles: their permissions are the service's, so no account keeps a policy of theirs.

https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-service-linked-roles.html
"""

from rehearsal.iam.evaluate import Source
from rehearsal.iam.policy import compiled

_ALARMS = ["cloudwatch:PutMetricAlarm", "cloudwatch:DescribeAlarms", "cloudwatch:DeleteAlarms"]
_ACTIONS = {
    "AWSServiceRoleForApplicationAutoScaling_SageMakerEndpoint": [
        "sagemaker:DescribeEndpoint",
        "sagemaker:DescribeEndpointConfig",
        "sagemaker:DescribeInferenceComponent",
        "sagemaker:UpdateEndpointWeightsAndCapacities",
        "sagemaker:UpdateInferenceComponentRuntimeConfig",
        *_ALARMS,
        "cloudwatch:GetMetricData",
    ],
    "AWSServiceRoleForApplicationAutoScaling_DynamoDBTable": [
        "dynamodb:DescribeTable",
        "dynamodb:UpdateTable",
        *_ALARMS,
    ],
    "AWSServiceRoleForApplicationAutoScaling_LambdaConcurrency": [
        "lambda:PutProvisionedConcurrencyConfig",
        "lambda:GetProvisionedConcurrencyConfig",
        "lambda:DeleteProvisionedConcurrencyConfig",
        *_ALARMS,
    ],
    "AWSServiceRoleForAmazonSageMakerNotebooks": ["sagemaker:DescribeDomain", "sagemaker:DescribeUserProfile"],
}


def policies(role: str) -> list[Source]:
    """What a service-linked role may do; nothing for any other role."""
    actions = _ACTIONS.get(role)
    if actions is None:
        return []
    statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
    return [Source(f"{role} (service-linked)", compiled({"Version": "2012-10-17", "Statement": [statement]}))]
