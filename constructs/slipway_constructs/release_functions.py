"""The Lambda stages of a release, each with a role that may do its own part only."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from constructs import Construct

from slipway.config.model import Model
from slipway_constructs.access import Access, accept_wildcards, grant_key
from slipway_constructs.foundation import Foundation
from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.stage_function import StageFunction

REASON = (
    "Artefacts, configs and models are named when they are made, below this model's or its endpoint's name; a quota is"
    " used by all endpoints of the account; SageMaker's and Service Quotas' list calls, CloudWatch's statistics and its"
    " alarms' states take no resource."
)


class ReleaseFunctions(Construct):
    """`plan`, `inspect`, `aim` (None unless alarms watch the new fleet alone), `preflight`, `verify`, `smoke`,
    `clean_up`: one for each decision of the machine; `settle`: for its bad ends.
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
    ) -> None:
        super().__init__(scope, id_)
        self._model, self._foundation, self._image, self._at = model, foundation, image, resources
        self.plan = StageFunction(self, "Plan", verb="plan_release", foundation=foundation)
        self.inspect = self._inspect()
        self.aim = self._aim(aimed_alarms) if aimed_alarms else None
        self.preflight = self._preflight()
        self.verify = self._verify()
        self.smoke = self._smoke()
        self.clean_up = self._clean_up()
        self.settle = self._settle()

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

    def _verify(self) -> StageFunction:
        function = StageFunction(
            self, "Verify", verb="verify_release", foundation=self._foundation, timeout=Duration.minutes(1)
        )
        _allow(function, ["sagemaker:DescribeEndpoint"], [self._at.endpoint_arn])
        _allow(function, ["cloudwatch:GetMetricStatistics", "cloudwatch:DescribeAlarms"], ["*"])
        _settle(function)
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
            },
        )
        _allow(
            function,
            ["dynamodb:UpdateItem", "dynamodb:PutItem", "dynamodb:DeleteItem"],
            [self._foundation.ledger.table_arn],
        )
        _allow(function, ["sns:Publish"], [self._foundation.topic.topic_arn])
        grant_key(self._foundation.keys.models, _role(function), "kms:Decrypt")
        grant_key(self._foundation.keys.operations, _role(function), "kms:Decrypt", "kms:GenerateDataKey")
        return function

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
