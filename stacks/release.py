"""Releases of one model."""

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from slipway.config.model import Model
from slipway_constructs.blue_green_endpoint import BlueGreenEndpoint
from slipway_constructs.dead_letters import DeadLetters
from slipway_constructs.foundation import Foundation
from slipway_constructs.registry import Images
from slipway_constructs.release_workflow import ReleaseWorkflow


class ReleaseStack(Stack):
    """The endpoint as the stack shows it, and the machine that alone changes it."""

    def __init__(self, scope: Construct, id_: str, *, model: Model, foundation: Foundation, images: Images) -> None:
        super().__init__(scope, id_)
        dead_letters = DeadLetters(self, "DeadLetters", foundation=foundation)
        self.workflow = ReleaseWorkflow(
            self,
            "Workflow",
            model=model,
            foundation=foundation,
            image=images.tabular.repository,
            dead_letters=dead_letters,
        )
        self.endpoint = BlueGreenEndpoint(
            self,
            "Endpoint",
            spec=model.endpoint,
            machine=self.workflow.machine,
            resources=self.workflow.at,
            foundation=foundation,
        )
        # Made after it and deleted before it: nothing starts a release of an endpoint that is being deleted.
        self.workflow.triggers.node.add_dependency(self.endpoint.resource)
        CfnOutput(self, "ReleaseMachine", value=self.workflow.machine.state_machine_arn)
        CfnOutput(self, "ReleaseDeadLetters", value=dead_letters.queue.queue_url)
        CfnOutput(self, "ReleaseSettling", value=self.workflow.settle.function_name)
        CfnOutput(self, "EndpointName", value=self.workflow.at.endpoint)
