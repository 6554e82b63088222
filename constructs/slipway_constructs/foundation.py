"""What every other stack of an environment stands on."""

from aws_cdk import Aws, RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from slipway.config.platform import Environment, Notifications, Retention
from slipway_constructs.acceptance import accept
from slipway_constructs.keys import Keys
from slipway_constructs.private_bucket import PrivateBucket
from slipway_lambda.contracts.ledger import PARTITION_KEY, SORT_KEY


class Foundation(Construct):
    """Keys, buckets, the ledger and the topic of one environment.

    `data`, `artefacts`, `capture`, `reports`: buckets. `ledger`: table with locks, releases and retrainings.
    `topic`: where people hear.
    """

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, notifications: Notifications) -> None:
        super().__init__(scope, id_)
        self.environment = environment
        self.removal_policy = (
            RemovalPolicy.RETAIN if environment.retention is Retention.RETAIN else RemovalPolicy.DESTROY
        )
        self.keys = Keys(self, "Keys", removal_policy=self.removal_policy)
        self.access_logs = self._access_logs()
        self.data = self._bucket("DataBucket", self.keys.data)
        self.artefacts = self._bucket("ArtefactBucket", self.keys.models)
        self.capture = self._bucket("CaptureBucket", self.keys.data, expire_days=400)
        self.reports = self._bucket("ReportBucket", self.keys.models)
        self.ledger = self._ledger()
        self.topic = self._topic(notifications)

    def _bucket(self, id_: str, key: object, expire_days: int | None = None) -> PrivateBucket:
        return PrivateBucket(
            self,
            id_,
            key=key,  # type: ignore[arg-type]
            removal_policy=self.removal_policy,
            access_logs=self.access_logs,
            expire_days=expire_days,
        )

    def _access_logs(self) -> s3.Bucket:
        """S3 delivers access logs only to a bucket encrypted with its own keys."""
        bucket = s3.Bucket(
            self,
            "AccessLogBucket",
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            removal_policy=self.removal_policy,
        )
        accept(bucket, "AwsSolutions-S1", "This bucket is the target of the access logs; logging itself would not end.")
        return bucket

    def _ledger(self) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            "Ledger",
            partition_key=dynamodb.Attribute(name=PARTITION_KEY, type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name=SORT_KEY, type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self.keys.models,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=self.removal_policy is RemovalPolicy.RETAIN,
            removal_policy=self.removal_policy,
        )

    def _topic(self, notifications: Notifications) -> sns.Topic:
        topic = sns.Topic(self, "Topic", master_key=self.keys.operations, enforce_ssl=True)
        # Alarms of other stacks notify it; the grant stands here since a topic policy in their stacks would close a
        # circle.
        topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        for address in notifications.email:
            topic.add_subscription(subscriptions.EmailSubscription(address))
        return topic
