"""One environment: the stage that a workstation and the pipeline deploy alike."""

from collections.abc import Sequence

from aws_cdk import Environment as CdkEnvironment
from aws_cdk import Stage, Tags
from constructs import Construct

from slipway.config import names
from slipway.config.model import Model
from slipway.config.platform import Environment, Platform, Retention, Role
from slipway_constructs.foundation import Foundation
from slipway_constructs.registry import Images
from slipway_lambda.contracts.registry import UNKNOWN_COMMIT
from stacks.foundation import FoundationStack
from stacks.monitoring import MonitoringStack
from stacks.registry import RegistryStack
from stacks.release import ReleaseStack
from stacks.training import TrainingStack


class EnvironmentStage(Stage):
    """The foundation, and what the environment's roles ask for: registry and training to build, release and
    monitoring to serve."""

    def __init__(
        self,
        scope: Construct,
        *,
        platform: Platform,
        environment: Environment,
        models: Sequence[Model],
        commit: str = UNKNOWN_COMMIT,
    ) -> None:
        super().__init__(
            scope,
            names.stage(environment),
            stage_name=f"{names.stack_prefix(platform)}-{names.stage(environment)}",
            env=CdkEnvironment(account=environment.account, region=environment.region),
        )
        self.environment_declared = environment
        self._commit = commit
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
            self._add_model(foundation, registry.images, model)
        for key, value in {**platform.tags, "platform": platform.name, "environment": environment.name}.items():
            Tags.of(self).add(key, value)

    def _add_model(self, foundation: Foundation, images: Images, model: Model) -> None:
        id_ = names.model_id(model)
        train, release = None, None
        if Role.BUILD in self.environment_declared.roles:
            train = TrainingStack(
                self, f"Training-{id_}", foundation=foundation, images=images, model=model, commit=self._commit
            ).machine
        if Role.SERVE in self.environment_declared.roles:
            release = ReleaseStack(
                self, f"Release-{id_}", foundation=foundation, images=images, model=model
            ).workflow.machine
            MonitoringStack(
                self,
                f"Monitoring-{id_}",
                foundation=foundation,
                images=images,
                model=model,
                train_machine=train,
                release_machine=release,
            )


def _others_that_serve(platform: Platform, environment: Environment) -> list[str]:
    return sorted(
        {e.account for e in platform.environments if Role.SERVE in e.roles and e.account != environment.account}
    )
