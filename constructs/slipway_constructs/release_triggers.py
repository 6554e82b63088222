"""What starts releases: an approval, the deletion of the endpoint, and a sweep that finds what no event told."""

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as scheduler_targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.dead_letters import DeadLetters

SWEEP_MINUTES = 15


class ReleaseTriggers(Construct):
    """All say only that there may be something to do: the machine reads the registry itself."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        machine: sfn.IStateMachine,
        group: str,
        endpoint: str,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        self._on_approval(machine, group, dead_letters)
        self._on_deletion(machine, endpoint, dead_letters)
        self._on_sweep(machine, dead_letters)

    def _on_approval(self, machine: sfn.IStateMachine, group: str, dead_letters: DeadLetters) -> None:
        """Any edit of an approved version fires the event again with its approval status; only approvals name that
        field as updated.
        """
        rule = events.Rule(
            self,
            "Approval",
            description=f"A version of {group} was approved.",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Package State Change"],
                detail={
                    "ModelPackageGroupName": [group],
                    "ModelApprovalStatus": ["Approved"],
                    "UpdatedModelPackageFields": ["ModelApprovalStatus"],
                },
            ),
        )
        self._start(rule, "ApprovalRole", {"trigger": "approval"}, machine, dead_letters)

    def _on_deletion(self, machine: sfn.IStateMachine, endpoint: str, dead_letters: DeadLetters) -> None:
        """Whoever deletes it: a release that did so itself holds the lock, and the stack closes the endpoint first."""
        rule = events.Rule(
            self,
            "Deletion",
            description=f"{endpoint} was deleted.",
            event_pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Endpoint State Change"],
                detail={"EndpointName": [endpoint], "EndpointStatus": ["DELETING", "DELETED"]},
            ),
        )
        self._start(rule, "DeletionRole", {"trigger": "reconcile"}, machine, dead_letters)

    def _start(
        self, rule: events.Rule, role_id: str, given: dict[str, str], machine: sfn.IStateMachine, dead: DeadLetters
    ) -> None:
        role = iam.Role(self, role_id, assumed_by=iam.ServicePrincipal("events.amazonaws.com"))
        rule.add_target(
            targets.SfnStateMachine(
                machine,
                input=events.RuleTargetInput.from_object(given),
                role=role,
                dead_letter_queue=dead.queue,
                retry_attempts=185,
                max_event_age=Duration.hours(24),
            )
        )

    def _on_sweep(self, machine: sfn.IStateMachine, dead_letters: DeadLetters) -> None:
        """SageMaker's events are delivered with best effort: a lost approval is found within one sweep."""
        scheduler.Schedule(
            self,
            "Sweep",
            description="Looks whether the newest approved version is live.",
            schedule=scheduler.ScheduleExpression.rate(Duration.minutes(SWEEP_MINUTES)),
            target=scheduler_targets.StepFunctionsStartExecution(
                machine,
                input=scheduler.ScheduleTargetInput.from_object({"trigger": "reconcile"}),
                dead_letter_queue=dead_letters.queue,
                retry_attempts=3,
                max_event_age=Duration.minutes(SWEEP_MINUTES),
            ),
        )
