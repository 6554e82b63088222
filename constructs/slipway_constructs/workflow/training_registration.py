"""Registering a version: everything that a release, a monitor or an auditor will ask of it, by digest and by place."""

from typing import Any

from aws_cdk import ArnFormat, Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from slipway.config import names
from slipway.config.model import Model
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.patience import retry_call
from slipway_constructs.workflow.training_places import Places
from slipway_lambda.contracts.registry import UNKNOWN_COMMIT

CONTENT_TYPES = ["text/csv", "application/json", "application/jsonlines"]
RESPONSE_TYPES = ["text/csv", "application/json"]
TOKEN = "$substring($hash($states.context.Execution.Id, 'SHA-256'), 0, 36)"  # noqa: S105 - names a request, opens nothing

_PROPERTIES = """$merge($append([{
  "artefact_sha256": $artefact.sha256,
  "image_digest": $images.tabular_digest,
  "data_version": $data.data_version,
  "golden_uri": $root & "evaluation/golden.jsonl",
  "evaluation_uri": $root & "evaluation/evaluation.json",
  "gate_uri": $root & "gate.json",
  "baseline_statistics_uri": $root & "baseline/statistics.json",
  "baseline_constraints_uri": $root & "baseline/constraints.json",
  "schema_uri": $root & "config/schema.json"
}], $each($gate.metrics, function($value, $name) { { $name: $string($value) } })))"""


class Registration:
    """The states around the registry. The group must be there already: it is a resource of the Registry stack.

    `commit`: of this app, written into every version it registers.
    """

    def __init__(self, scope: Construct, *, model: Model, commit: str = UNKNOWN_COMMIT) -> None:
        self._scope = scope
        self._model = model
        self._commit = commit
        self._group = names.package_group(model)

    def find_champion(self) -> tasks.CallAwsService:
        """Leaves `$champion` {exists, arn, searched_all}: the newest approved version whose release did not fail.

        `searched_all` is false when there are more versions than were looked at and none of these would do.
        """
        listed = "$states.result.ModelPackageSummaryList"
        fit = f'$filter({listed}, function($p) {{ $not($p.ModelLifeCycle.StageStatus = "Rejected") }})'
        return self._call(
            "Find the champion",
            action="listModelPackages",
            parameters={
                "ModelPackageGroupName": self._group,
                "ModelApprovalStatus": "Approved",
                "SortBy": "CreationTime",
                "SortOrder": "Descending",
                "MaxResults": 100,
            },
            assign={
                "champion": expression(
                    f"($fit := {fit}; $found := $count($fit) > 0;"
                    ' {"exists": $found, "arn": $found ? $fit[0].ModelPackageArn : "",'
                    ' "searched_all": $found or $not($exists($states.result.NextToken))})'
                )
            },
        )

    def read_champion(self) -> tasks.CallAwsService:
        """Adds `model_uri` and `sha256` to `$champion`."""
        return self._call(
            "Read the champion",
            action="describeModelPackage",
            parameters={"ModelPackageName": expression("$champion.arn")},
            assign={
                "champion": expression(
                    '$merge([$champion, {"model_uri": $states.result.InferenceSpecification.Containers[0].ModelDataUrl,'
                    ' "sha256": $states.result.CustomerMetadataProperties.artefact_sha256}])'
                )
            },
        )

    def register(self) -> tasks.CallAwsService:
        """Leaves `$version` {arn, number}. The token makes a repeated call answer with the version already made."""
        return self._call(
            "Register model",
            action="createModelPackage",
            parameters=self._package(),
            assign={
                "version": expression(
                    '($arn := $states.result.ModelPackageArn; {"arn": $arn, "number": $number($split($arn, "/")[-1])})'
                )
            },
        )

    def forbid_approval(self, role: iam.IRole) -> None:
        """Who trains does not approve, whatever else the role may come to be allowed (C13)."""
        role.add_to_principal_policy(
            iam.PolicyStatement(
                sid="WhoTrainsDoesNotApprove",
                effect=iam.Effect.DENY,
                actions=["sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"],
                resources=["*"],
                conditions={"StringEquals": {"sagemaker:ModelApprovalStatus": "Approved"}},
            )
        )

    def _package(self) -> dict[str, Any]:
        return {
            "ModelPackageGroupName": self._group,
            "ModelPackageDescription": expression("'Run ' & $run & ': ' & $asked.trigger & ', ' & $asked.reason"),
            "ModelApprovalStatus": "PendingManualApproval",
            "SkipModelValidation": "All",
            "ClientToken": expression(TOKEN),
            "InferenceSpecification": {
                "Containers": [
                    {
                        "Image": expression("$images.tabular"),
                        "ImageDigest": expression("$images.tabular_digest"),
                        "ModelDataUrl": expression("$model"),
                    }
                ],
                "SupportedContentTypes": CONTENT_TYPES,
                "SupportedResponseMIMETypes": RESPONSE_TYPES,
            },
            "ModelMetrics": {
                "ModelQuality": {"Statistics": _json("evaluation/statistics.json")},
                "ModelDataQuality": _baseline(),
            },
            "DriftCheckBaselines": {"ModelDataQuality": _baseline()},
            "MetadataProperties": {"GeneratedBy": expression("$states.context.Execution.Id"), "CommitId": self._commit},
            "CustomerMetadataProperties": expression(_PROPERTIES),
        }

    def _call(self, id_: str, *, action: str, **more: Any) -> tasks.CallAwsService:
        stack = Stack.of(self._scope)
        arn = [
            stack.format_arn(
                service="sagemaker", resource=kind, resource_name=name, arn_format=ArnFormat.SLASH_RESOURCE_NAME
            )
            for kind, name in (("model-package-group", self._group), ("model-package", f"{self._group}/*"))
        ]
        task = tasks.CallAwsService.jsonata(
            self._scope,
            id_,
            service="sagemaker",
            action=action,
            iam_action=f"sagemaker:{action[0].upper()}{action[1:]}",
            iam_resources=arn,
            task_timeout=sfn.Timeout.duration(Duration.seconds(60)),
            **more,
        )
        retry_call(task)
        return task


def _json(path: str) -> dict[str, str]:
    return {"ContentType": "application/json", "S3Uri": Places.at(path)}


def _baseline() -> dict[str, Any]:
    return {"Statistics": _json("baseline/statistics.json"), "Constraints": _json("baseline/constraints.json")}
