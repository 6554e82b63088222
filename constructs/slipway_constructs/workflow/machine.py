"""A standard state machine, and what tells people of its ends that it could not tell itself."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.acceptance import accept
from slipway_constructs.dead_letters import DeadLetters, keep_what_failed
from slipway_constructs.foundation import Foundation
from slipway_constructs.stage_function import StageFunction


class Machine(Construct):
    """A JSONata state machine with a full log, tracing and a time limit.

    An execution that ends FAILED, TIMED_OUT or ABORTED is handed to `settle`, which frees what it held and tells
    people once if it
    could not tell them itself. `state_machine` is the L2; tasks put their permissions on its role.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        foundation: Foundation,
        dead_letters: DeadLetters,
        settle: StageFunction,
        definition: sfn.IChainable,
        timeout: Duration,
        comment: str,
    ) -> None:
        super().__init__(scope, id_)
        self.state_machine = sfn.StateMachine(
            self,
            "Machine",
            definition_body=sfn.DefinitionBody.from_chainable(definition),
            query_language=sfn.QueryLanguage.JSONATA,
            timeout=timeout,
            comment=comment,
            tracing_enabled=True,
            logs=sfn.LogOptions(
                destination=self._log_group(foundation), level=sfn.LogLevel.ALL, include_execution_data=True
            ),
        )
        self._settle_bad_ends(settle, dead_letters)
        self._accept_what_the_service_needs()

    def _log_group(self, foundation: Foundation) -> logs.LogGroup:
        return logs.LogGroup(
            self,
            "Log",
            encryption_key=foundation.keys.operations,
            retention=logs.RetentionDays.THREE_MONTHS,
            removal_policy=foundation.removal_policy,
        )

    def _settle_bad_ends(self, settle: StageFunction, dead_letters: DeadLetters) -> None:
        """TIMED_OUT and ABORTED have no catcher inside the machine, and a failed notification cannot notify (D03,
        D04, D11)."""
        events.Rule(
            self,
            "BadEnd",
            description="An execution ended badly: free what it held, and tell people if it has not told them.",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [self.state_machine.state_machine_arn],
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                },
            ),
            targets=[targets.LambdaFunction(settle, dead_letter_queue=dead_letters.queue, retry_attempts=10)],
        )
        keep_what_failed(settle, dead_letters)

    def _accept_what_the_service_needs(self) -> None:
        policy = self.state_machine.role.node.find_child("DefaultPolicy")
        accept(
            policy,
            "AwsSolutions-IAM5[Resource::*]",
            "Log delivery and X-Ray take no resource: Step Functions documents these actions with Resource *.",
        )
