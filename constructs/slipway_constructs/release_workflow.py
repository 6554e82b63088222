"""All that releases one model to one endpoint."""

from aws_cdk import Duration
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway.config import names
from slipway.config.model import Model
from slipway_constructs.dead_letters import DeadLetters
from slipway_constructs.foundation import Foundation
from slipway_constructs.release_alarms import ReleaseAlarms
from slipway_constructs.release_functions import ReleaseFunctions
from slipway_constructs.release_hosting_role import HostingRole
from slipway_constructs.release_news import ReleaseNews
from slipway_constructs.release_notes import ReleaseNotes
from slipway_constructs.release_permissions import grant_release
from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.release_spec import release_spec
from slipway_constructs.release_timing import ReleaseTiming
from slipway_constructs.release_triggers import ReleaseTriggers
from slipway_constructs.workflow.machine import Machine
from slipway_constructs.workflow.release_flow import ReleaseFlow


class ReleaseWorkflow(Construct):
    """Alarms, the hosting role, the stages, the machine and its triggers. `machine`, `settle`, `alarms`, `triggers` and
    `at` are
    what others wire.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        model: Model,
        foundation: Foundation,
        image: ecr.IRepository,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id_)
        endpoint = names.endpoint(model, foundation.environment)
        self.at = ReleaseResources.of(model, endpoint)
        self.alarms = ReleaseAlarms(self, "Alarms", model=model, endpoint=endpoint)
        self.hosting_role = HostingRole(
            self, "HostingRole", model=model, endpoint=endpoint, foundation=foundation, image=image
        )
        self._spec = release_spec(
            model, endpoint=endpoint, foundation=foundation, role=self.hosting_role, alarms=self.alarms
        )
        functions = ReleaseFunctions(
            self,
            "Stages",
            model=model,
            foundation=foundation,
            image=image,
            resources=self.at,
            aimed_alarms=self.alarms.of_new_fleet,
            spec=self._spec,
        )
        self.settle = functions.settle
        self.machine = self._machine(model, foundation, functions, dead_letters)
        ReleaseNews(
            self,
            "News",
            machine=self.machine,
            resources=self.at,
            foundation=foundation,
            dead_letters=dead_letters,
            trial_alarms=[*self.alarms.of_challenger, *self.alarms.names] if model.rollout.tried is not None else [],
        )
        ReleaseNotes(self, "Notes", machine=self.machine, at=self.at, foundation=foundation, dead_letters=dead_letters)
        self.triggers = ReleaseTriggers(
            self,
            "Triggers",
            machine=self.machine,
            group=self.at.group,
            endpoint=endpoint,
            dead_letters=dead_letters,
        )

    def _machine(
        self, model: Model, foundation: Foundation, functions: ReleaseFunctions, dead_letters: DeadLetters
    ) -> sfn.StateMachine:
        timing = ReleaseTiming.of(model)
        flow = ReleaseFlow(
            self,
            "Flow",
            model=model,
            spec=self._spec,
            foundation=foundation,
            functions=functions,
            at=self.at,
            timing=timing,
        )
        machine = Machine(
            self,
            "Release",
            foundation=foundation,
            dead_letters=dead_letters,
            settle=functions.settle,
            definition=flow.start,
            timeout=Duration.seconds(timing.whole),
            comment=f"Makes {model.name}'s newest approved version live on {self.at.endpoint}, or keeps the last good.",
        ).state_machine
        assert isinstance(machine.role, iam.Role)
        grant_release(
            machine.role,
            at=self.at,
            functions=functions,
            foundation=foundation,
            hosting=self.hosting_role,
            telling=flow.ending.telling,
            encrypts_volumes=bool(self._spec.volume_key_arn),
        )
        return machine
