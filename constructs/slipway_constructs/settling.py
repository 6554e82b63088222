"""The function that settles bad ends of one machine."""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from constructs import Construct

from slipway_constructs.access import grant_key
from slipway_constructs.foundation import Foundation
from slipway_constructs.stage_function import StageFunction


def settling_function(scope: Construct, id_: str, *, foundation: Foundation, settles: str, model: str) -> StageFunction:
    """`settle_execution` for a workflow that holds no lock: it looks whether people were told, tells them, and notes
    that.

    `settles`: training | monitoring.
    """
    function = StageFunction(
        scope,
        id_,
        verb="settle_execution",
        foundation=foundation,
        timeout=Duration.minutes(1),
        environment={
            "LEDGER_TABLE": foundation.ledger.table_name,
            "TOPIC_ARN": foundation.topic.topic_arn,
            "SETTLES": settles,
            "MODEL": model,
            "ENVIRONMENT": foundation.environment.name,
        },
    )
    role = function.role
    assert role is not None
    for actions, resource in (
        (["dynamodb:PutItem", "dynamodb:DeleteItem"], foundation.ledger.table_arn),
        (["sns:Publish"], foundation.topic.topic_arn),
    ):
        role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=[resource]))
    grant_key(foundation.keys.models, role, "kms:Decrypt")
    grant_key(foundation.keys.operations, role, "kms:Decrypt", "kms:GenerateDataKey")
    return function
