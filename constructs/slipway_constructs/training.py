"""From data to a version that waits for approval."""

from aws_cdk import Duration
from constructs import Construct

from slipway.config.model import Model
from slipway_constructs.access import accept_wildcards
from slipway_constructs.dead_letters import DeadLetters
from slipway_constructs.foundation import Foundation
from slipway_constructs.registry import Images
from slipway_constructs.settling import settling_function
from slipway_constructs.training_roles import data_job_role, trainer_role
from slipway_constructs.workflow.jobs import STARTING_SECONDS, grant_processing, grant_training
from slipway_constructs.workflow.machine import Machine
from slipway_constructs.workflow.telling import Telling
from slipway_constructs.workflow.training_flow import TrainingFlow
from slipway_constructs.workflow.training_jobs import DATA_JOB_RUNTIME, TrainingJobs
from slipway_constructs.workflow.training_places import Places
from slipway_constructs.workflow.training_registration import Registration
from slipway_constructs.workflow.training_stages import TrainingStages
from slipway_lambda.contracts.registry import UNKNOWN_COMMIT

REASON = (
    "Jobs and model versions are named when they are made, so the machine names them by kind and group; a function's"
    " versions are invoked under the function's own ARN and a suffix."
)
QUEUEING = Duration.hours(4)
"""Over all jobs: waiting for instances under the account's limit, and the small states between."""


class Training(Construct):
    """The training machine of one model, its stages and its jobs' roles.

    `machine.state_machine` takes {trigger, reason, hyperparameters?, window?}. What it registers always waits for
    approval: its role is denied approving.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        foundation: Foundation,
        images: Images,
        model: Model,
        dead_letters: DeadLetters,
        commit: str = UNKNOWN_COMMIT,
    ) -> None:
        super().__init__(scope, id_)
        places = Places(foundation, model.name)
        self.data_role = data_job_role(
            self, "DataJobRole", foundation=foundation, images=images, model=model, runs=places.prefix
        )
        self.trainer_role = trainer_role(self, "TrainerRole", foundation=foundation, images=images, runs=places.prefix)
        telling = Telling(self, foundation=foundation, what="training", model=model.name)
        registration = Registration(self, model=model, commit=commit)
        jobs = TrainingJobs(
            self, model=model, key=foundation.keys.models, data_role=self.data_role, trainer_role=self.trainer_role
        )
        flow = TrainingFlow(
            self,
            stages=TrainingStages(self, foundation=foundation, model=model, places=places),
            jobs=jobs,
            registration=registration,
            telling=telling,
            images=images,
        )
        self.machine = Machine(
            self,
            "Workflow",
            foundation=foundation,
            dead_letters=dead_letters,
            settle=settling_function(self, "Settle", foundation=foundation, settles="training", model=model.name),
            definition=flow.definition(),
            timeout=_limit(jobs),
            comment=f"Trains {model.name}, judges the result and registers it if it is good enough.",
        )
        self._permit(telling, registration)

    def _permit(self, telling: Telling, registration: Registration) -> None:
        role = self.machine.state_machine.role
        grant_processing(role, [self.data_role])
        grant_training(role, [self.trainer_role])
        telling.grant(role)
        registration.forbid_approval(role)
        accept_wildcards(role, REASON)


def _limit(jobs: TrainingJobs) -> Duration:
    """Every job at its longest, one after the other; the baseline runs beside the training."""
    data_job = int(DATA_JOB_RUNTIME.to_seconds()) + STARTING_SECONDS
    middle = max(data_job, int(jobs.longest_training.to_seconds()) + STARTING_SECONDS)
    return Duration.seconds(2 * data_job + middle + int(QUEUEING.to_seconds()))
