"""The endpoint, as a stack sees it."""

from aws_cdk import CustomResource, Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway.config import names
from slipway.config.endpoint import Endpoint
from slipway_constructs.access import accept_wildcards, grant_key
from slipway_constructs.foundation import Foundation
from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.scaling_permissions import grant_deregistering
from slipway_constructs.stage_function import StageFunction

PATIENCE = Duration.minutes(15)
"""Lambda's own limit; what takes longer goes on in a further invocation."""
WHOLE = Duration.hours(1)
"""CloudFormation's own limit: an update of the endpoint that is under way must end before it can be deleted."""


class BlueGreenEndpoint(Construct):
    """A custom resource whose physical id is the endpoint's name.

    Deploying it creates nothing: a first release does. A changed spec starts a guarded release of the version that is
    live, and does not wait for it. Deleting it stops the releases that run, and deletes the endpoint, its scalable
    target and the configs and models that releases made.

    What starts releases must depend on `resource`, or it could still start one when the endpoint is gone.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        spec: Endpoint,
        machine: sfn.StateMachine,
        resources: ReleaseResources,
        foundation: Foundation,
    ) -> None:
        super().__init__(scope, id_)
        function = StageFunction(self, "Function", verb="release_endpoint", foundation=foundation, timeout=PATIENCE)
        function.add_environment("LEDGER_TABLE", foundation.ledger.table_name)
        self._allow(function, machine, resources, foundation)
        self.resource = CustomResource(
            self,
            "Resource",
            resource_type="Custom::BlueGreenEndpoint",
            service_token=function.function_arn,
            properties={
                "EndpointName": resources.endpoint,
                "StateMachineArn": machine.state_machine_arn,
                "Variant": names.VARIANT,
                "Spec": spec.model_dump(mode="json", exclude_none=True),
            },
            service_timeout=WHOLE,
        )
        assert function.role is not None
        # When the stack goes, the function must still have its permissions while the endpoint is deleted.
        self.resource.node.add_dependency(function.role, self._to_go_on(function))

    def _to_go_on(self, function: StageFunction) -> iam.Policy:
        """A policy of its own: the function depends on its role's own one, which therefore cannot name it."""
        assert function.role is not None
        statement = iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function_arn])
        return iam.Policy(self, "GoOn", roles=[function.role], statements=[statement])

    def _allow(
        self, function: StageFunction, machine: sfn.StateMachine, at: ReleaseResources, foundation: Foundation
    ) -> None:
        for actions, arn in (
            (["sagemaker:DescribeEndpoint", "sagemaker:DeleteEndpoint"], at.endpoint_arn),
            (["sagemaker:ListEndpointConfigs", "sagemaker:ListModels"], "*"),
            (["sagemaker:DeleteEndpointConfig"], at.config_arns),
            (["sagemaker:DeleteModel"], at.model_arns),
            (["states:StartExecution", "states:ListExecutions"], machine.state_machine_arn),
            (["dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"], foundation.ledger.table_arn),
        ):
            function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=[arn]))
        machine.grant_execution(function, "states:StopExecution")
        assert isinstance(function.role, iam.Role)
        grant_key(foundation.keys.models, function.role, "kms:Decrypt")
        grant_deregistering(function.role, at.endpoint)
        accept_wildcards(
            function.role,
            "Releases name configs and models below the endpoint's name, and executions are named when they start;"
            " SageMaker's list calls take no resource, and a scalable target's id is the service's own.",
        )
