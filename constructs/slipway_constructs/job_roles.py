"""The roles SageMaker's jobs run under: one for each kind, each seeing only what its kind reads and writes."""

from collections.abc import Sequence

from aws_cdk import Aws
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from slipway_constructs.access import Access, accept_wildcards, grant_key
from slipway_constructs.sagemaker_trust import sagemaker_trust

REASON = (
    "Objects, log streams and jobs are named when they are made: each wildcard stands below a prefix of this model or"
    " of SageMaker's own logs; the actions on * (registry login, metrics) take no resource."
)


class JobRole(iam.Role):
    """Assumed by SageMaker for one kind of job of this account; may pull its images, write its log and its metrics.

    `job`: `training-job` or `processing-job`, as in the job's ARN. `log_group` such as `/aws/sagemaker/TrainingJobs`,
    which is also the namespace of the job's metrics. `access` adds objects; `settle` is called last and accepts the
    wildcards that are left.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        job: str,
        log_group: str,
        images: Sequence[ecr.IRepository],
        volume_key: kms.IKey,
    ) -> None:
        super().__init__(scope, id_, assumed_by=sagemaker_trust(f"{job}/*"))
        self.access = Access(self)
        self._pull(images)
        self._log_and_measure(log_group)
        self._encrypt_volumes(volume_key)

    def settle(self) -> None:
        """Call when all access is given."""
        accept_wildcards(self, REASON)

    def _pull(self, images: Sequence[ecr.IRepository]) -> None:
        self.add_to_policy(iam.PolicyStatement(actions=["ecr:GetAuthorizationToken"], resources=["*"]))
        self.add_to_policy(
            iam.PolicyStatement(
                actions=["ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage"],
                resources=[image.repository_arn for image in images],
            )
        )

    def _log_and_measure(self, log_group: str) -> None:
        group = f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:{log_group}"
        self.add_to_policy(
            iam.PolicyStatement(
                actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
                resources=[group, f"{group}:log-stream:*"],
            )
        )
        self.add_to_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": log_group}},
            )
        )

    def _encrypt_volumes(self, key: kms.IKey) -> None:
        """The service makes a grant for the disk it attaches, and for nothing that is no AWS resource."""
        self.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:CreateGrant"],
                resources=[key.key_arn],
                conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
            )
        )
        grant_key(key, self, "kms:DescribeKey")
