"""Keys, buckets, ledger and topic of one environment."""

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from slipway.config.platform import Environment, Notifications, Retention
from slipway_constructs.emptied import EmptiedBuckets
from slipway_constructs.foundation import Foundation


class FoundationStack(Stack):
    """The stateful ground of an environment; protected from deletion unless the environment is a sandbox."""

    def __init__(self, scope: Construct, id_: str, *, environment: Environment, notifications: Notifications) -> None:
        super().__init__(scope, id_, termination_protection=environment.retention is Retention.RETAIN)
        self.foundation = Foundation(self, "Foundation", environment=environment, notifications=notifications)
        if environment.retention is Retention.DESTROY:
            EmptiedBuckets(self, "Emptied", foundation=self.foundation)
        for name, value in {
            "DataBucket": self.foundation.data.bucket_name,
            "ArtefactBucket": self.foundation.artefacts.bucket_name,
            "CaptureBucket": self.foundation.capture.bucket_name,
            "ReportBucket": self.foundation.reports.bucket_name,
            "LedgerTable": self.foundation.ledger.table_name,
            "Topic": self.foundation.topic.topic_arn,
        }.items():
            CfnOutput(self, name, value=value)
