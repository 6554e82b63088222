"""The role that serving containers run under."""

from aws_cdk import Aws
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from constructs import Construct

from slipway.config.model import Model
from slipway_constructs.access import Access, accept_wildcards, grant_key
from slipway_constructs.foundation import Foundation
from slipway_constructs.sagemaker_trust import sagemaker_trust

REASON = (
    "Artefacts, captured requests and log streams are named when they are made, below this model's name or SageMaker's"
    " endpoint logs; registry login and metrics take no resource."
)


class HostingRole(iam.Role):
    """Pulls the serving image, reads this model's artefacts, writes captured requests, logs and metrics; nothing
    else.
    """

    def __init__(
        self, scope: Construct, id_: str, *, model: Model, endpoint: str, foundation: Foundation, image: ecr.IRepository
    ) -> None:
        account = f"{Aws.REGION}:{Aws.ACCOUNT_ID}"
        super().__init__(scope, id_, assumed_by=sagemaker_trust("*"))
        access = Access(self)
        access.read(foundation.artefacts, f"{model.name}/*")
        access.write(foundation.capture, f"{model.name}/capture/{endpoint}/*")
        # The disk's key: SageMaker makes a grant for the volume it attaches.
        grant_key(foundation.keys.models, self, "kms:DescribeKey")
        self._allow(["ecr:GetAuthorizationToken"], ["*"])
        self._allow(
            ["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
            [image.repository_arn],
        )
        group = f"arn:{Aws.PARTITION}:logs:{account}:log-group:/aws/sagemaker/Endpoints/{endpoint}"
        self._allow(
            ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            [group, f"{group}:log-stream:*"],
        )
        self.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={
                    "StringEquals": {"cloudwatch:namespace": ["AWS/SageMaker", "/aws/sagemaker/Endpoints"]},
                },
            )
        )
        accept_wildcards(self, REASON)

    def _allow(self, actions: list[str], resources: list[str]) -> None:
        self.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
