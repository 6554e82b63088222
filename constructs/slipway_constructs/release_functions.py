"""The Lambda stages of a release, each with a role that may do its own part only."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from constructs import Construct

from slipway.config.model import Model
from slipway.config.rollout import Strategy
from slipway_constructs.access import Access, accept_wildcards, grant_key
from slipway_constructs.foundation import Foundation
from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.scaling_permissions import grant_deregistering, grant_restoring
from slipway_constructs.stage_function import StageFunction
from slipway_lambda.contracts import golden
from slipway_lambda.contracts.release import ReleaseSpec

REASON = (
    "Artefacts, configs and models are named when they are made, below this model's or its endpoint's name; a quota is"
    " used by all endpoints of the account; SageMaker's and Service Quotas' list calls, CloudWatch's statistics and its"
    " alarms' states take no resource; PutMetricData takes none either and is narrowed by namespace; a scalable"
    " target's id is the service's own."
)


class ReleaseFunctions(Construct):
    """`plan`, `inspect`, `aim` (None unless alarms watch the new fleet alone), `preflight`, `judge` (None unless the
    strategy has a trial), `verify`, `probe`, `smoke`, `clean_up`: one for each decision of the machine; `settle`: for
    its bad ends; `deregister_scaling` and `restore_scaling`: None unless the endpoint scales.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        model: Model,
        foundation: Foundation,
        image: ecr.IRepository,
        resources: ReleaseResources,
        aimed_alarms: Sequence[cloudwatch.IAlarm] = (),
        spec: ReleaseSpec,
    ) -> None:
        super().__init__(scope, id_)
        self._model, self._foundation, self._image, self._at = model, foundation, image, resources
        self._spec = spec
        self.plan = StageFunction(self, "Plan", verb="plan_release", foundation=foundation)
        self.inspect = self._inspect()
        self.aim = self._aim(aimed_alarms) if aimed_alarms else None
        self.preflight = self._preflight()
        self.judge = self._judge() if model.rollout.tried is not None else None
        self.verify = self._verify()
        self.probe = self._probe()
        self.smoke = self._smoke()
        self.clean_up = self._clean_up()
        self.settle = self._settle()
        self.deregister_scaling = self._deregister_scaling() if spec.scaling else None
        self.restore_scaling = self._restore_scaling() if spec.scaling else None

    def _inspect(self) -> StageFunction:
        function = StageFunction(
            self,
            "Inspect",
            verb="inspect_artefact",
            foundation=self._foundation,
            timeout=Duration.minutes(10),
            memory_mib=1024,
        )
        self._read_artefacts(function)
        return function

    def _aim(self, alarms: Sequence[cloudwatch.IAlarm]) -> StageFunction:
        function = StageFunction(self, "Aim", verb="aim_alarms", foundation=self._foundation)
        _allow(function, ["cloudwatch:DescribeAlarms"], ["*"])
        _allow(function, ["cloudwatch:PutMetricAlarm", "cloudwatch:SetAlarmState"], [a.alarm_arn for a in alarms])
        _settle(function)
        return function

    def _preflight(self) -> StageFunction:
        function = StageFunction(
            self, "Preflight", verb="check_preflight", foundation=self._foundation, timeout=Duration.minutes(2)
        )
        _allow(function, ["sagemaker:InvokeEndpoint"], [self._at.endpoint_arn])
        # Authorised against all alarms of the account, whichever are asked for.
        _allow(function, ["cloudwatch:DescribeAlarms"], ["*"])
        _allow(function, ["ecr:DescribeImages"], [self._image.repository_arn])
        _allow(function, ["sagemaker:DescribeModel"], [self._at.model_arns])
        # A quota is the account's: what other endpoints use of it is counted too.
        _allow(function, ["servicequotas:ListServiceQuotas", "servicequotas:ListAWSDefaultServiceQuotas"], ["*"])
        _allow(function, ["sagemaker:ListEndpoints"], ["*"])
        _allow(function, ["sagemaker:DescribeEndpoint"], [self._at.any_endpoint_arns])
        _allow(function, ["sagemaker:DescribeEndpointConfig"], [self._at.any_config_arns])
        self._read_artefacts(function)
        return function

    def _judge(self) -> StageFunction:
        function = StageFunction(
            self,
            "Judge",
            verb="judge_trial",
            foundation=self._foundation,
            timeout=Duration.minutes(1),
            memory_mib=512,
            environment={"LEDGER_TABLE": self._foundation.ledger.table_name},
        )
        _allow(function, ["sagemaker:DescribeEndpoint"], [self._at.endpoint_arn])
        _allow(function, ["sagemaker:DescribeModelPackage"], [self._at.version_arns])
        _allow(function, ["cloudwatch:GetMetricStatistics", "cloudwatch:DescribeAlarms"], ["*"])
        _allow(function, ["dynamodb:UpdateItem"], [self._foundation.ledger.table_arn])
        grant_key(self._foundation.keys.models, _role(function), "kms:Decrypt")
        if self._model.rollout.strategy is Strategy.SHADOW:
            access, captured = Access(_role(function)), f"{self._model.name}/capture/{self._at.endpoint}/*"
            access.list(self._foundation.capture, captured)
            access.read(self._foundation.capture, captured)
        _settle(function)
        return function

    def _verify(self) -> StageFunction:
        function = StageFunction(
            self, "Verify", verb="verify_release", foundation=self._foundation, timeout=Duration.minutes(1)
        )
        _allow(function, ["sagemaker:DescribeEndpoint"], [self._at.endpoint_arn])
        _allow(function, ["cloudwatch:GetMetricStatistics", "cloudwatch:DescribeAlarms"], ["*"])
        _settle(function)
        return function

    def _probe(self) -> StageFunction:
        function = StageFunction(
            self, "Probe", verb="probe_release", foundation=self._foundation, timeout=Duration.minutes(5)
        )
        _allow(function, ["sagemaker:InvokeEndpoint"], [self._at.endpoint_arn])
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["cloudwatch:PutMetricData"],
                resources=["*"],
                conditions={"StringEquals": {"cloudwatch:namespace": golden.NAMESPACE}},
            )
        )
        self._read_artefacts(function)
        return function

    def _smoke(self) -> StageFunction:
        function = StageFunction(
            self, "Smoke", verb="smoke_test", foundation=self._foundation, timeout=Duration.minutes(5)
        )
        _allow(function, ["sagemaker:InvokeEndpoint"], [self._at.endpoint_arn])
        self._read_artefacts(function)
        return function

    def _clean_up(self) -> StageFunction:
        function = StageFunction(
            self,
            "CleanUp",
            verb="clean_up_release",
            foundation=self._foundation,
            timeout=Duration.minutes(2),
            environment={"LEDGER_TABLE": self._foundation.ledger.table_name},
        )
        _allow(function, ["sagemaker:ListEndpointConfigs", "sagemaker:ListModels"], ["*"])
        _allow(function, ["sagemaker:DescribeEndpoint"], [self._at.endpoint_arn])
        _allow(function, ["sagemaker:DescribeEndpointConfig", "sagemaker:DeleteEndpointConfig"], [self._at.config_arns])
        _allow(function, ["sagemaker:DeleteModel"], [self._at.model_arns])
        _allow(function, ["dynamodb:GetItem"], [self._foundation.ledger.table_arn])
        grant_key(self._foundation.keys.models, _role(function), "kms:Decrypt")
        grant_deregistering(_role(function), self._at.endpoint)
        _settle(function)
        return function

    def _deregister_scaling(self) -> StageFunction:
        function = StageFunction(self, "DeregisterScaling", verb="deregister_scaling", foundation=self._foundation)
        _allow(function, ["sagemaker:DescribeEndpoint"], [self._at.endpoint_arn])
        grant_deregistering(_role(function), self._at.endpoint)
        _settle(function)
        return function

    def _restore_scaling(self) -> StageFunction:
        function = StageFunction(self, "RestoreScaling", verb="restore_scaling", foundation=self._foundation)
        grant_restoring(_role(function), self._at.endpoint, self._at.endpoint_arn, self._at.config_arns)
        _settle(function)
        return function

    def _settle(self) -> StageFunction:
        function = StageFunction(
            self,
            "Settle",
            verb="settle_execution",
            foundation=self._foundation,
            environment={
                "LEDGER_TABLE": self._foundation.ledger.table_name,
                "TOPIC_ARN": self._foundation.topic.topic_arn,
                "SETTLES": "release",
                "MODEL": self._model.name,
                "ENVIRONMENT": self._foundation.environment.name,
                **self._declared_scaling(),
            },
        )
        _allow(
            function,
            ["dynamodb:UpdateItem", "dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:Query"],
            [self._foundation.ledger.table_arn],
        )
        _allow(function, ["sns:Publish"], [self._foundation.topic.topic_arn])
        grant_key(self._foundation.keys.models, _role(function), "kms:Decrypt")
        grant_key(self._foundation.keys.operations, _role(function), "kms:Decrypt", "kms:GenerateDataKey")
        if self._spec.scaling:  # of an execution that died between taking it off and restoring it
            _allow(function, ["dynamodb:GetItem"], [self._foundation.ledger.table_arn])
            grant_restoring(_role(function), self._at.endpoint, self._at.endpoint_arn, self._at.config_arns)
            _settle(function)
        return function

    def _declared_scaling(self) -> dict[str, str]:
        if self._spec.scaling is None:
            return {}
        given = {"endpoint": self._at.endpoint, "variant": self._spec.variant, "scaling": asdict(self._spec.scaling)}
        return {"SCALING": json.dumps(given)}

    def _read_artefacts(self, function: StageFunction) -> None:
        Access(_role(function)).read(self._foundation.artefacts, f"{self._model.name}/*")
        _settle(function)


def _role(function: StageFunction) -> iam.Role:
    role = function.role
    assert isinstance(role, iam.Role)
    return role


def _allow(function: StageFunction, actions: list[str], resources: list[str]) -> None:
    function.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=resources))


def _settle(function: StageFunction) -> None:
    accept_wildcards(_role(function), REASON)
