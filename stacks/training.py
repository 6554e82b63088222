"""Training of one model."""

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from slipway.config.model import Model
from slipway_constructs.dead_letters import DeadLetters
from slipway_constructs.foundation import Foundation
from slipway_constructs.registry import Images
from slipway_constructs.training import Training
from slipway_lambda.contracts.registry import UNKNOWN_COMMIT


class TrainingStack(Stack):
    """The training machine of one model, in an environment that builds."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        foundation: Foundation,
        images: Images,
        model: Model,
        commit: str = UNKNOWN_COMMIT,
    ) -> None:
        super().__init__(scope, id_)
        dead_letters = DeadLetters(self, "DeadLetters", foundation=foundation)
        self.training = Training(
            self,
            "Training",
            foundation=foundation,
            images=images,
            model=model,
            dead_letters=dead_letters,
            commit=commit,
        )
        self.machine = self.training.machine.state_machine
        CfnOutput(self, "TrainMachine", value=self.machine.state_machine_arn)
