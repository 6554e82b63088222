"""Which IAM actions on which resources a SageMaker request needs, by the Service Authorization Reference."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rehearsal.host import Scope

PASSED_TO = {"iam:PassedToService": "sagemaker.amazonaws.com"}
# Resource kind in the ARN, by the request member that names it. Order matters: the first one present is the resource.
_NAMED_BY = {
    "TrainingJob": ("TrainingJobName", "training-job"),
    "ProcessingJob": ("ProcessingJobName", "processing-job"),
    "TransformJob": ("TransformJobName", "transform-job"),
    "HyperParameterTuningJob": ("HyperParameterTuningJobName", "hyper-parameter-tuning-job"),
    "EndpointConfig": ("EndpointConfigName", "endpoint-config"),
    "EndpointWeightsAndCapacities": ("EndpointName", "endpoint"),
    "Endpoint": ("EndpointName", "endpoint"),
    "ModelPackageGroupPolicy": ("ModelPackageGroupName", "model-package-group"),
    "ModelPackageGroup": ("ModelPackageGroupName", "model-package-group"),
    "ModelCard": ("ModelCardName", "model-card"),
    "Model": ("ModelName", "model"),
    "MonitoringSchedule": ("MonitoringScheduleName", "monitoring-schedule"),
    "DataQualityJobDefinition": ("JobDefinitionName", "data-quality-job-definition"),
    "ModelQualityJobDefinition": ("JobDefinitionName", "model-quality-job-definition"),
    "Pipeline": ("PipelineName", "pipeline"),
}
_VERBS = re.compile(r"(?:Create|Describe|Delete|Update|Stop|Start|Get|Put)(?P<noun>.+)")


@dataclass(frozen=True)
class Need:
    """One permission a request needs."""

    action: str
    resource: str
    context: Mapping[str, Any] = field(default_factory=dict)


def arn(kind: str, name: str, scope: Scope) -> str:
    """SageMaker writes names in ARNs in lower case."""
    return f"arn:aws:sagemaker:{scope.region}:{scope.account}:{kind}/{name.rsplit('/', maxsplit=1)[-1].lower()}"


def primary(action: str, params: Mapping[str, Any], scope: Scope) -> Need:
    """The permission the action itself is."""
    return Need(f"sagemaker:{action}", _resource(action, params, scope), _context(action, params))


def dependents(action: str, params: Mapping[str, Any], scope: Scope) -> list[Need]:
    """What AWS checks besides: the config of an endpoint, roles handed over, tags set while creating."""
    needs = []
    if action in ("CreateEndpoint", "UpdateEndpoint") and params.get("EndpointConfigName"):
        config = arn("endpoint-config", str(params["EndpointConfigName"]), scope)
        needs.append(Need(f"sagemaker:{action}", config))
    if action.startswith(("Create", "Update")):
        needs += [Need("iam:PassRole", role, PASSED_TO) for role in sorted(_roles(params))]
    if action.startswith("Create") and params.get("Tags"):
        needs.append(Need("sagemaker:AddTags", _resource(action, params, scope)))
    return needs


def _resource(action: str, params: Mapping[str, Any], scope: Scope) -> str:
    if action == "InvokeEndpoint":
        return arn("endpoint", str(params.get("EndpointName", "")), scope)
    if action in ("AddTags", "ListTags", "DeleteTags"):
        return str(params.get("ResourceArn") or "*")
    if action == "ListModelPackages" and params.get("ModelPackageGroupName"):
        return arn("model-package-group", str(params["ModelPackageGroupName"]), scope)
    if action.endswith("ModelPackage"):
        return _model_package(params, scope)
    match = _VERBS.fullmatch(action)
    named_by = _NAMED_BY.get(match["noun"]) if match else None
    if named_by is None or not params.get(named_by[0]):
        return "*"
    return arn(named_by[1], str(params[named_by[0]]), scope)


def _model_package(params: Mapping[str, Any], scope: Scope) -> str:
    known = params.get("ModelPackageArn") or params.get("ModelPackageName")
    if known:
        return str(known) if str(known).startswith("arn:") else arn("model-package", str(known), scope)
    # The version is not known before the service gives it.
    group = str(params.get("ModelPackageGroupName", "")).split("/")[-1].lower()
    return f"arn:aws:sagemaker:{scope.region}:{scope.account}:model-package/{group}/*"


def _context(action: str, params: Mapping[str, Any]) -> dict[str, Any]:
    approval = params.get("ModelApprovalStatus")
    if approval and action in ("CreateModelPackage", "UpdateModelPackage"):
        return {"sagemaker:ModelApprovalStatus": approval}
    return {}


def _roles(params: Any) -> set[str]:
    if isinstance(params, Mapping):
        named = {str(v) for k, v in params.items() if k in ("RoleArn", "ExecutionRoleArn", "ValidationRole") and v}
        return named.union(*(_roles(value) for value in params.values()))
    if isinstance(params, list):
        return set().union(*(_roles(value) for value in params))
    return set()
