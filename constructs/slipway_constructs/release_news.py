"""What tells a release that waits of its endpoint's changes, and of its alarms."""

from collections.abc import Sequence
from functools import partial

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.access import grant_key
from slipway_constructs.dead_letters import DeadLetters
from slipway_constructs.foundation import Foundation
from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.stage_function import StageFunction

STALE = Duration.minutes(5)
"""By then the machine has looked by itself."""


class ReleaseNews(Construct):
    """SageMaker's events of the endpoint wake the execution whose token stands in the lock, and so do alarms that are
    raised in a trial, when no update watches them.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        machine: sfn.IStateMachine,
        resources: ReleaseResources,
        foundation: Foundation,
        dead_letters: DeadLetters,
        trial_alarms: Sequence[str] = (),
    ) -> None:
        super().__init__(scope, id_)
        ledger = foundation.ledger
        function = StageFunction(
            self,
            "Function",
            verb="pass_on_news",
            foundation=foundation,
            environment={"LEDGER_TABLE": ledger.table_name},
        )
        for action, resource in (
            ("dynamodb:GetItem", ledger.table_arn),
            ("dynamodb:UpdateItem", ledger.table_arn),
            ("states:SendTaskSuccess", machine.state_machine_arn),
        ):
            function.add_to_role_policy(iam.PolicyStatement(actions=[action], resources=[resource]))
        assert function.role is not None
        grant_key(foundation.keys.models, function.role, "kms:Decrypt")
        passing_on = partial(
            targets.LambdaFunction,
            function,
            dead_letter_queue=dead_letters.queue,
            retry_attempts=2,
            max_event_age=STALE,
        )
        events.Rule(
            self,
            "Changed",
            description=f"{resources.endpoint} settled: a release that waits for it looks at once.",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Endpoint State Change"],
                # That a change begins is no news to who asked for it. Names of the ends are not all documented.
                detail={
                    "EndpointName": [resources.endpoint],
                    "EndpointStatus": events.Match.anything_but("CREATING", "UPDATING"),
                },
            ),
            targets=[passing_on()],
        )
        if trial_alarms:
            of_endpoint = {"detail": {"EndpointName": resources.endpoint}}
            events.Rule(
                self,
                "Alarmed",
                description=f"An alarm of {resources.endpoint} is raised: a trial that runs there is judged at once.",
                event_pattern=events.EventPattern(
                    source=["aws.cloudwatch"],
                    detail_type=["CloudWatch Alarm State Change"],
                    detail={"alarmName": list(trial_alarms), "state": {"value": ["ALARM"]}},
                ),
                targets=[passing_on(event=events.RuleTargetInput.from_object(of_endpoint))],
            )
