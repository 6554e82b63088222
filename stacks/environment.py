"""One environment: the stage that a workstation and the pipeline deploy alike."""

from collections.abc import Sequence

from aws_cdk import Environment as CdkEnvironment
from aws_cdk import Stage, Tags
from constructs import Construct

from slipway.config import names
from slipway.config.model import Model
from slipway.config.platform import Environment, Platform, Retention, Role
from stacks.foundation import FoundationStack
from stacks.monitoring import MonitoringStack
from stacks.registry import RegistryStack
from stacks.release import ReleaseStack
from stacks.training import TrainingStack


class EnvironmentStage(Stage):
    """The foundation, and what the environment's roles ask for: registry and training to build, release and monitoring to serve."""

    def __init__(
        self, scope: Construct, *, platform: Platform, environment: Environment, models: Sequence[Model]
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
        registry = RegistryStack(
            self,
            "Registry",
            foundation=foundation,
            models=models,
            serving_accounts=_others_that_serve(platform, environment),
            termination_protection=environment.retention is Retention.RETAIN,
        )
        for model in models:
            trained = TrainingStack(
                self, f"Training-{names.model_id(model)}", foundation=foundation, images=registry.images, model=model
            )
            ReleaseStack(
                self, f"Release-{names.model_id(model)}", foundation=foundation, images=registry.images, model=model
            )
            MonitoringStack(
                self,
                f"Monitoring-{names.model_id(model)}",
                foundation=foundation,
                images=registry.images,
                model=model,
                train_machine=trained.machine,
            )
        for key, value in {**platform.tags, "platform": platform.name, "environment": environment.name}.items():
            Tags.of(self).add(key, value)


def _others_that_serve(platform: Platform, environment: Environment) -> list[str]:
    return sorted(
        {e.account for e in platform.environments if Role.SERVE in e.roles and e.account != environment.account}
    )
