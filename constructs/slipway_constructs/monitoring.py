"""Live requests compared with the training data on a schedule, and what follows from it."""

from aws_cdk import Aws, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway.config.model import DataQuality, Model
from slipway_constructs.access import accept_wildcards, grant_key
from slipway_constructs.dead_letters import DeadLetters
from slipway_constructs.foundation import Foundation
from slipway_constructs.job_roles import JobRole
from slipway_constructs.registry import Images
from slipway_constructs.settling import settling_function
from slipway_constructs.workflow.jobs import STARTING_SECONDS, grant_processing
from slipway_constructs.workflow.machine import Machine
from slipway_constructs.workflow.monitor_flow import MonitorFlow, permit_metrics
from slipway_constructs.workflow.monitor_job import RUNTIME, analyse
from slipway_constructs.workflow.monitor_retraining import Retraining
from slipway_constructs.workflow.monitor_stages import MonitorStages
from slipway_constructs.workflow.telling import Telling
from slipway_lambda.contracts.monitoring import SCHEDULED_TIME

REASON = (
    "Jobs are named when they are made, so the machine names them by kind; a function's versions are invoked under the"
    " function's own ARN and a suffix; PutMetricData takes no resource and is narrowed by namespace."
)
MINUTE = "5"
"""Of the hour: records reach the capture bucket some minutes after their request."""
SMALL_STATES = Duration.hours(2)


class DataQualityMonitor(Construct):
    """The monitor machine of one endpoint, its schedule, stages and job role.

    `machine.state_machine` takes {scheduled_time} or {window_start, window_end}. `train_machine` None: drift is told
    and starts nothing.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        foundation: Foundation,
        images: Images,
        model: Model,
        quality: DataQuality,
        endpoint: str,
        train_machine: sfn.IStateMachine | None,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        self.role = self._job_role(foundation, images, model)
        telling = Telling(self, foundation=foundation, what="monitoring", model=model.name)
        flow = MonitorFlow(
            self,
            foundation=foundation,
            endpoint=endpoint,
            stages=MonitorStages(
                self,
                foundation=foundation,
                model=model,
                quality=quality,
                endpoint=endpoint,
                train_machine=train_machine,
            ),
            analyse=analyse(
                self, model=model, quality=quality, endpoint=endpoint, role=self.role, key=foundation.keys.models
            ),
            retraining=(
                Retraining(self, foundation=foundation, model=model, train_machine=train_machine)
                if train_machine
                else None
            ),
            telling=telling,
            image=images.monitor,
        )
        self.machine = Machine(
            self,
            "Workflow",
            foundation=foundation,
            dead_letters=dead_letters,
            settle=settling_function(self, "Settle", foundation=foundation, settles="monitoring", model=model.name),
            definition=flow.definition(),
            timeout=Duration.seconds(int(RUNTIME.to_seconds()) + STARTING_SECONDS + int(SMALL_STATES.to_seconds())),
            comment=f"Compares what {endpoint} was asked with what {model.name} was trained on.",
        )
        self._permit(telling)
        self._schedule(quality, dead_letters, foundation)

    def _job_role(self, foundation: Foundation, images: Images, model: Model) -> JobRole:
        role = JobRole(
            self,
            "JobRole",
            job="processing-job",
            log_group="/aws/sagemaker/ProcessingJobs",
            images=[images.monitor.repository],
            volume_key=foundation.keys.models,
        )
        capture, baselines = f"{model.name}/capture/*", f"{model.name}/runs/*/baseline/*"
        reports = f"{model.name}/monitor/*"
        role.access.list(foundation.capture, capture)
        role.access.read(foundation.capture, capture)
        role.access.list(foundation.artefacts, baselines)
        role.access.read(foundation.artefacts, baselines)
        role.access.list(foundation.reports, reports)
        role.access.read(foundation.reports, f"{model.name}/monitor/*/input/manifest.json")
        role.access.write(foundation.reports, reports)
        role.settle()
        return role

    def _permit(self, telling: Telling) -> None:
        role = self.machine.state_machine.role
        grant_processing(role, [self.role])
        permit_metrics(role)
        telling.grant(role)
        accept_wildcards(role, REASON)

    def _schedule(self, quality: DataQuality, dead_letters: DeadLetters, foundation: Foundation) -> None:
        hour = "*" if quality.schedule == "hourly" else "0"
        role = iam.Role(
            self,
            "ScheduleRole",
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            ),
        )
        # The dead-letter queue is encrypted, and Scheduler writes to it as this role.
        grant_key(foundation.keys.operations, role, "kms:GenerateDataKey", "kms:Decrypt")
        scheduler.Schedule(
            self,
            "Schedule",
            description=f"Monitors the {'hour' if quality.schedule == 'hourly' else 'day'} before, in UTC.",
            schedule=scheduler.ScheduleExpression.cron(minute=MINUTE, hour=hour),
            target=targets.StepFunctionsStartExecution(
                self.machine.state_machine,
                input=scheduler.ScheduleTargetInput.from_object(
                    {SCHEDULED_TIME: scheduler.ContextAttribute.scheduled_time}
                ),
                role=role,
                dead_letter_queue=dead_letters.queue,
                retry_attempts=10,
                max_event_age=Duration.hours(1),
            ),
        )
