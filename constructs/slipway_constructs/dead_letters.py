"""Where undeliverable events wait to be looked at."""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from slipway_constructs.acceptance import accept
from slipway_constructs.access import grant_key
from slipway_constructs.foundation import Foundation


class DeadLetters(Construct):
    """A queue that keeps for 14 days what a rule or a schedule could not deliver, and an alarm on its first message."""

    def __init__(self, scope: Construct, id_: str, *, foundation: Foundation) -> None:
        super().__init__(scope, id_)
        self.key = foundation.keys.operations
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


def keep_what_failed(function: lambda_.Function, dead_letters: DeadLetters) -> None:
    """An event that the function failed on three times goes to the queue, with the reason.

    A rule's own dead-letter queue does not get it: the event was delivered, Lambda dropped it (C09). Nor does it depend
    on the topic: what could not be told waits there until it is sent again (D11).
    """
    role = function.role
    assert isinstance(role, iam.Role)
    role.add_to_policy(iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[dead_letters.queue.queue_arn]))
    grant_key(dead_letters.key, role, "kms:Decrypt", "kms:GenerateDataKey")
    config = lambda_.CfnEventInvokeConfig(
        function,
        "Failed",
        function_name=function.function_name,
        qualifier="$LATEST",
        maximum_retry_attempts=2,
        maximum_event_age_in_seconds=Duration.hours(6).to_seconds(),
        destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
            on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination=dead_letters.queue.queue_arn)
        ),
    )
    config.node.add_dependency(role)
