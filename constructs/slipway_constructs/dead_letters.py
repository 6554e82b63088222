"""Where undeliverable events wait to be looked at."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from slipway_constructs.acceptance import accept
from slipway_constructs.foundation import Foundation


class DeadLetters(Construct):
    """A queue that keeps for 14 days what a rule or a schedule could not deliver, and an alarm on its first message."""

    def __init__(self, scope: Construct, id_: str, *, foundation: Foundation) -> None:
        super().__init__(scope, id_)
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=foundation.keys.operations,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        accept(
            self.queue, "AwsSolutions-SQS3", "This queue is itself the dead-letter queue; nothing reads it but people."
        )
        alarm = cloudwatch.Alarm(
            self,
            "Waiting",
            metric=self.queue.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(5), statistic="Maximum"
            ),
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            alarm_description="An event could not be delivered and waits in the dead-letter queue: read it, mend the"
            " cause, send it again.",
        )
        alarm.add_alarm_action(actions.SnsAction(foundation.topic))
