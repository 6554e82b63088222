"""What is written beside the ledger after a release: lineage and lifecycle stages."""

from aws_cdk import Aws, Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.access import accept_wildcards, grant_key
from slipway_constructs.dead_letters import DeadLetters
from slipway_constructs.foundation import Foundation
from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.stage_function import StageFunction
from slipway_lambda.contracts.registry import ARCHIVED

REASON = (
    "Deployments are named when they are made, below this endpoint's name; an artifact's ARN is a hash of its source,"
    " and the oldest context of the endpoint is SageMaker's own; lineage's list calls take no resource."
)


class ReleaseNotes(Construct):
    """Runs `note_live` after every execution of the machine that ended well.

    Outside of the machine: it costs no state, and no failure of it undoes a release. The next sweep's good end is the
    next attempt.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        machine: sfn.IStateMachine,
        at: ReleaseResources,
        foundation: Foundation,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        self._at, self._foundation = at, foundation
        self.function = self._function()
        events.Rule(
            self,
            "GoodEnd",
            description=f"A release of {at.endpoint} ended well: note what is live.",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={"stateMachineArn": [machine.state_machine_arn], "status": ["SUCCEEDED"]},
            ),
            targets=[targets.LambdaFunction(self.function, dead_letter_queue=dead_letters.queue, retry_attempts=10)],
        )

    def _function(self) -> StageFunction:
        at, ledger = self._at, self._foundation.ledger
        function = StageFunction(
            self,
            "NoteLive",
            verb="note_live",
            foundation=self._foundation,
            timeout=Duration.minutes(2),
            environment={
                "LEDGER_TABLE": ledger.table_name,
                "ENDPOINT": at.endpoint,
                "ENDPOINT_ARN": at.endpoint_arn,
                "GROUP": at.group,
            },
        )
        role = function.role
        assert isinstance(role, iam.Role)
        artifacts, contexts = _of("artifact/*"), _of("context/*")
        for actions, resources in (
            (["dynamodb:GetItem"], [ledger.table_arn]),
            (["sagemaker:ListModelPackages"], [at.group_arn]),
            (["sagemaker:ListArtifacts", "sagemaker:ListContexts", "sagemaker:ListAssociations"], ["*"]),
            (
                ["sagemaker:DescribeAction", "sagemaker:CreateAction", "sagemaker:UpdateAction"],
                [at.deployment_arns],
            ),
            (["sagemaker:CreateArtifact"], [artifacts]),
            (["sagemaker:CreateContext"], [_of(f"context/{at.endpoint}-endpoint")]),
            (["sagemaker:AddAssociation"], [at.deployment_arns, artifacts, contexts]),
        ):
            role.add_to_policy(iam.PolicyStatement(actions=actions, resources=resources))
        role.add_to_policy(self._archiving())
        grant_key(self._foundation.keys.models, role, "kms:Decrypt")
        accept_wildcards(role, REASON)
        return function

    def _archiving(self) -> iam.PolicyStatement:
        """Into the archive and nowhere else, and never an approval."""
        return iam.PolicyStatement(
            actions=["sagemaker:UpdateModelPackage"],
            resources=[self._at.version_arns],
            conditions={
                "StringEquals": {"sagemaker:ModelLifeCycle:stage": ARCHIVED},
                "Null": {"sagemaker:ModelApprovalStatus": "true"},
            },
        )


def _of(resource: str) -> str:
    return f"arn:{Aws.PARTITION}:sagemaker:{Aws.REGION}:{Aws.ACCOUNT_ID}:{resource}"
