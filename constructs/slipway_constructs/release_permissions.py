"""What the release machine's role may do: the native calls of its states, and what SageMaker does in its name."""

from aws_cdk import aws_iam as iam

from slipway_constructs.access import accept_wildcards, grant_key
from slipway_constructs.foundation import Foundation
from slipway_constructs.release_functions import ReleaseFunctions
from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.workflow.telling import Telling


def grant_release(
    role: iam.Role,
    *,
    at: ReleaseResources,
    functions: ReleaseFunctions,
    foundation: Foundation,
    hosting: iam.IRole,
    telling: Telling,
    encrypts_volumes: bool,
) -> None:
    """Call last: it accepts the wildcards that are left in the role's policy."""
    ledger = foundation.ledger.table_arn
    stages = (
        functions.plan,
        functions.inspect,
        *((functions.aim,) if functions.aim else ()),
        functions.preflight,
        *((functions.judge,) if functions.judge else ()),
        functions.verify,
        functions.probe,
        functions.smoke,
        functions.clean_up,
        *(f for f in (functions.deregister_scaling, functions.restore_scaling) if f),
    )
    for actions, resources in (
        (["sagemaker:ListModelPackages"], [at.group_arn]),
        (["sagemaker:DescribeModelPackage", "sagemaker:UpdateModelPackage"], [at.version_arns]),
        (["sagemaker:CreateModel", "sagemaker:DescribeModel"], [at.model_arns]),
        (["sagemaker:CreateEndpointConfig", "sagemaker:DescribeEndpointConfig"], [at.config_arns]),
        # SageMaker checks both resources of these two.
        (["sagemaker:CreateEndpoint", "sagemaker:UpdateEndpoint"], [at.endpoint_arn, at.config_arns]),
        (["sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint"], [at.endpoint_arn]),
        # The alarms of an update are watched with the permissions of who asked for it; the action is authorised against
        # all alarms of the account, whichever are asked for.
        (["cloudwatch:DescribeAlarms"], ["*"]),
        (["dynamodb:UpdateItem", "dynamodb:PutItem", "dynamodb:BatchGetItem"], [ledger]),
        (["lambda:InvokeFunction"], [f.function_arn for f in stages]),
    ):
        role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
    if functions.judge:
        shares = ["sagemaker:UpdateEndpointWeightsAndCapacities"]
        role.add_to_policy(iam.PolicyStatement(actions=shares, resources=[at.endpoint_arn]))
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=[hosting.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        )
    )
    if encrypts_volumes:
        grant_key(foundation.keys.models, role, "kms:DescribeKey")
        role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:CreateGrant"],
                resources=[foundation.keys.models.key_arn],
                conditions={"Bool": {"kms:GrantIsForAWSResource": "true"}},
            )
        )
    telling.grant(role)
    accept_wildcards(
        role,
        "Versions, models and configs are named when they are made, below this model's or endpoint's name;"
        " log delivery, X-Ray and alarm states take none.",
    )
