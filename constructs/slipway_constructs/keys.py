"""One customer managed key a data class, so that who may read training data is not who may read a notification."""

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct


class Keys(Construct):
    """Keys for `data` (training data and captured requests), `models` (artefacts, reports, images, the ledger) and
    `operations`
    (topics, queues, logs). All rotate yearly."""

    def __init__(self, scope: Construct, id_: str, *, removal_policy: RemovalPolicy) -> None:
        super().__init__(scope, id_)
        self._removal_policy = removal_policy
        self.data = self._key("Data", "training data and captured requests")
        self.models = self._key("Models", "artefacts, reports and the ledger")
        self.operations = self._key("Operations", "topics, queues and logs")
        self._let_services_use_operations()

    def _key(self, id_: str, what: str) -> kms.Key:
        return kms.Key(
            self,
            id_,
            description=f"Slipway: {what}",
            enable_key_rotation=True,
            removal_policy=self._removal_policy,
        )

    def _let_services_use_operations(self) -> None:
        """EventBridge, CloudWatch and CloudWatch Logs write to encrypted queues, topics and log groups under their
        own name."""
        self.operations.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[
                    iam.ServicePrincipal("events.amazonaws.com"),
                    iam.ServicePrincipal("cloudwatch.amazonaws.com"),
                    iam.ServicePrincipal("scheduler.amazonaws.com"),
                ],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        place = f"{Aws.REGION}:{Aws.ACCOUNT_ID}"
        self.operations.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{Aws.REGION}.amazonaws.com")],
                actions=["kms:Encrypt*", "kms:Decrypt*", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:{Aws.PARTITION}:logs:{place}:*"}},
            )
        )
