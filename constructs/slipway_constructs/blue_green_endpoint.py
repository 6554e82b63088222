"""The endpoint, as a stack sees it."""

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway.config.endpoint import Endpoint
from slipway_constructs.access import accept_wildcards
from slipway_constructs.foundation import Foundation
from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.stage_function import StageFunction

PATIENCE = Duration.minutes(15)
"""Lambda's own limit; an endpoint is deleted in less."""


class BlueGreenEndpoint(Construct):
    """A custom resource whose physical id is the endpoint's name.

    Deploying it creates nothing: a first release does. A changed spec starts a guarded release of the version that is
    live, and does not wait for it. Deleting it deletes the endpoint and the configs and models that releases made.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        spec: Endpoint,
        machine: sfn.IStateMachine,
        resources: ReleaseResources,
        foundation: Foundation,
    ) -> None:
        super().__init__(scope, id_)
        function = StageFunction(self, "Function", verb="release_endpoint", foundation=foundation, timeout=PATIENCE)
        self._allow(function, machine, resources)
        self.resource = CustomResource(
            self,
            "Resource",
            resource_type="Custom::BlueGreenEndpoint",
            service_token=function.function_arn,
            properties={
                "EndpointName": resources.endpoint,
                "StateMachineArn": machine.state_machine_arn,
                "Spec": spec.model_dump(mode="json"),
            },
            service_timeout=PATIENCE,
        )
        assert function.role is not None
        # When the stack goes, the function must still have its permissions while the endpoint is deleted.
        self.resource.node.add_dependency(function.role)

    def _allow(self, function: StageFunction, machine: sfn.IStateMachine, at: ReleaseResources) -> None:
        for actions, arn in (
            (["sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint"], at.endpoint_arn),
            (["sagemaker:ListEndpointConfigs", "sagemaker:ListModels"], "*"),
            (["sagemaker:DeleteEndpointConfig"], at.config_arns),
            (["sagemaker:DeleteModel"], at.model_arns),
            (["states:StartExecution"], machine.state_machine_arn),
        ):
            function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[arn]))
        assert isinstance(function.role, iam.Role)
        accept_wildcards(
            function.role,
            "Releases name configs and models below the endpoint's name; SageMaker's list calls take no resource.",
        )
