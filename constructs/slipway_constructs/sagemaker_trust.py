"""Who may wear a SageMaker execution role."""

from aws_cdk import Aws
from aws_cdk import aws_iam as iam


def sagemaker_trust(resources: str) -> iam.ServicePrincipal:
    """SageMaker, on behalf of this account's own `resources` only, such as `training-job/*` (no confused deputy).

    For hosting SageMaker documents exactly `*`; a narrower pattern is refused.
    """
    source = f"arn:{Aws.PARTITION}:sagemaker:{Aws.REGION}:{Aws.ACCOUNT_ID}:{resources}"
    return iam.ServicePrincipal(
        "sagemaker.amazonaws.com",
        conditions={
            "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
            "ArnLike": {"aws:SourceArn": source},
        },
    )
