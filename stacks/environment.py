"""One environment: the stage that a workstation and the pipeline deploy alike."""

from aws_cdk import Environment as CdkEnvironment
from aws_cdk import Stage, Tags
from constructs import Construct

from slipway.config import names
from slipway.config.model import Model
from slipway.config.platform import Environment, Platform, Retention, Role
from slipway_constructs.foundation import Foundation
from stacks.foundation import FoundationStack
from stacks.monitoring import MonitoringStack
from stacks.registry import RegistryStack
from stacks.release import ReleaseStack
from stacks.training import TrainingStack


class EnvironmentStage(Stage):
    """The foundation, and what the environment's roles ask for: registry and training to build, release and monitoring to serve."""

    def __init__(
        self, scope: Construct, *, platform: Platform, environment: Environment, models: tuple[Model, ...]
    ) -> None:
        super().__init__(
            scope,
            names.stage(environment),
            stage_name=f"{names.stack_prefix(platform)}-{names.stage(environment)}",
            env=CdkEnvironment(account=environment.account, region=environment.region),
        )
        self.environment_declared = environment
        foundation = FoundationStack(
            self, "Foundation", environment=environment, notifications=platform.notifications
        ).foundation
        # PLACEHOLDER wiring until the stacks land
        for key, value in {**platform.tags, "platform": platform.name, "environment": environment.name}.items():
            Tags.of(self).add(key, value)
