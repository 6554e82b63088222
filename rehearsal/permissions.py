"""Which IAM actions on which resources a SageMaker request needs, by the Service Authorization Reference."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rehearsal.host import Scope
from rehearsal.iam.sagemakerkeys import of_params, tag_keys
from rehearsal.sagemaker.lineage.store import artifact_arn

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
    "ModelBiasJobDefinition": ("JobDefinitionName", "model-bias-job-definition"),
    "ModelExplainabilityJobDefinition": ("JobDefinitionName", "model-explainability-job-definition"),
    "PipelineExecution": ("PipelineExecutionArn", "pipeline"),
    "PipelineDefinitionForExecution": ("PipelineExecutionArn", "pipeline"),
    "Pipeline": ("PipelineName", "pipeline"),
    "CompilationJob": ("CompilationJobName", "compilation-job"),
    "AutoMLJob": ("AutoMLJobName", "automl-job"),
    "AutoMLJobV2": ("AutoMLJobName", "automl-job"),
    "InferenceRecommendationsJob": ("JobName", "inference-recommendations-job"),
    "InferenceComponentRuntimeConfig": ("InferenceComponentName", "inference-component"),
    "InferenceComponent": ("InferenceComponentName", "inference-component"),
    "InferenceExperiment": ("Name", "inference-experiment"),
    "FeatureGroup": ("FeatureGroupName", "feature-group"),
    "FeatureMetadata": ("FeatureGroupName", "feature-group"),
    "ModelCardExportJob": ("ModelCardName", "model-card"),
    "Experiment": ("ExperimentName", "experiment"),
    "TrialComponent": ("TrialComponentName", "experiment-trial-component"),
    "Trial": ("TrialName", "experiment-trial"),
    "Artifact": ("ArtifactArn", "artifact"),
    "Action": ("ActionName", "action"),
    "Context": ("ContextName", "context"),
    "LineageGroup": ("LineageGroupName", "lineage-group"),
    "LineageGroupPolicy": ("LineageGroupName", "lineage-group"),
    "Association": ("SourceArn", "artifact"),
}
_VERBS = re.compile(
    r"(?:Create|Describe|Delete|Update|Stop|Start|Get|Put|Retry|Add|Associate|Disassociate)(?P<noun>.+)"
)
# Lists that are authorised on what they are of; all others are of "*".
_LISTS_OF = {
    "ListModelPackages": ("ModelPackageGroupName", "model-package-group"),
    "ListPipelineExecutions": ("PipelineName", "pipeline"),
    "ListPipelineExecutionSteps": ("PipelineExecutionArn", "pipeline"),
    "ListPipelineParametersForExecution": ("PipelineExecutionArn", "pipeline"),
    "ListPipelineVersions": ("PipelineName", "pipeline"),
    "ListModelCardVersions": ("ModelCardName", "model-card"),
    "ListModelCardExportJobs": ("ModelCardName", "model-card"),
    "ListTrainingJobsForHyperParameterTuningJob": ("HyperParameterTuningJobName", "hyper-parameter-tuning-job"),
    "SendPipelineExecutionStepSuccess": ("PipelineExecutionArn", "pipeline"),
    "SendPipelineExecutionStepFailure": ("PipelineExecutionArn", "pipeline"),
}
# What an action is about besides its first resource.
_SECOND = {
    "AddAssociation": "DestinationArn",
    "DeleteAssociation": "DestinationArn",
    "AssociateTrialComponent": "TrialName",
    "DisassociateTrialComponent": "TrialName",
}


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
    return Need(f"sagemaker:{action}", _resource(action, params, scope), of_params(action, params, scope))


def dependents(action: str, params: Mapping[str, Any], scope: Scope) -> list[Need]:
    """What AWS checks besides: the config of an endpoint, roles handed over, tags set while creating."""
    needs = []
    if action in ("CreateEndpoint", "UpdateEndpoint") and params.get("EndpointConfigName"):
        config = arn("endpoint-config", str(params["EndpointConfigName"]), scope)
        needs.append(Need(f"sagemaker:{action}", config))
    if action in _SECOND and params.get(_SECOND[action]):
        needs.append(Need(f"sagemaker:{action}", _arn_or(str(params[_SECOND[action]]), "experiment-trial", scope)))
    resource = _resource(action, params, scope)
    if action.startswith(("Create", "Update", "Start")):
        context = PASSED_TO if resource == "*" else {**PASSED_TO, "iam:AssociatedResourceArn": resource}
        needs += [Need("iam:PassRole", role, context) for role in sorted(roles_in(params))]
    if action.startswith("Create") and params.get("Tags"):
        needs.append(Need("sagemaker:AddTags", resource, {**tag_keys(params), "sagemaker:TaggingAction": action}))
    return needs


def _resource(action: str, params: Mapping[str, Any], scope: Scope) -> str:
    if action.startswith("InvokeEndpoint"):
        return arn("endpoint", str(params.get("EndpointName", "")), scope)
    if action in ("AddTags", "ListTags", "DeleteTags"):
        return str(params.get("ResourceArn") or "*")
    if action.endswith("ModelPackage"):
        return _model_package(params, scope)
    if action == "CreateArtifact":  # its ARN is a hash of where it comes from
        return artifact_arn(scope, str(params.get("Source", {}).get("SourceUri", "")))
    match = _VERBS.fullmatch(action)
    named_by = _NAMED_BY.get(match["noun"]) if match else _LISTS_OF.get(action)
    if named_by is None or not params.get(named_by[0]):
        return "*"
    return _arn_or(str(params[named_by[0]]), named_by[1], scope)


def _arn_or(name: str, kind: str, scope: Scope) -> str:
    """Many requests take an ARN where they take a name."""
    return name.lower() if name.startswith("arn:") else arn(kind, name, scope)


def _model_package(params: Mapping[str, Any], scope: Scope) -> str:
    known = params.get("ModelPackageArn") or params.get("ModelPackageName")
    if known:
        return _arn_or(str(known), "model-package", scope)
    # The version is not known before the service gives it.
    name = str(params.get("ModelPackageGroupName", ""))
    owner = name.split(":")[4] if name.startswith("arn:") else scope.account  # a group may be another account's
    return f"arn:aws:sagemaker:{scope.region}:{owner}:model-package/{name.rsplit('/', maxsplit=1)[-1].lower()}/*"


def roles_in(params: Any) -> set[str]:
    """ARNs of the roles that a request hands over."""
    if isinstance(params, Mapping):
        named = {str(v) for k, v in params.items() if k in ("RoleArn", "ExecutionRoleArn", "ValidationRole") and v}
        return named.union(*(roles_in(value) for value in params.values()))
    if isinstance(params, list):
        return set().union(*(roles_in(value) for value in params))
    return set()
