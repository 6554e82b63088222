"""The SageMaker types. Create-only properties, Ref and attributes are those of the types' registry schemas."""

import json
from typing import Any

from rehearsal.cfn import beside
from rehearsal.cfn.kinds import Kind, Properties, Settle

_MONITORS = ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")


def _kind(noun: str, **fields: Any) -> Kind:
    """Most types: CreateX, DescribeX, DeleteX by XName; Ref is the ARN."""
    given: dict[str, Any] = {
        "name": f"{noun}Name",
        "ref": f"{noun}Arn",
        "attributes": (f"{noun}Arn",),
        "describe": f"Describe{noun}",
        "lowercase": True,
    }
    return Kind(
        type=f"AWS::SageMaker::{noun}",
        service="sagemaker",
        create=f"Create{noun}",
        delete=f"Delete{noun}",
        **{**given, **fields},
    )


def _monitor(sort: str) -> Kind:
    noun = f"{sort}JobDefinition"
    parts = [f"{sort}{part}" for part in ("AppSpecification", "BaselineConfig", "JobInput", "JobOutputConfig")]
    return _kind(
        noun,
        name="JobDefinitionName",
        ref="JobDefinitionArn",
        attributes=("JobDefinitionArn", "CreationTime"),
        create_only=(
            "JobDefinitionName", *parts, "JobResources", "NetworkConfig", "RoleArn", "StoppingCondition", "Tags",
            "EndpointName",
        ),
        own=("EndpointName",),
    )  # fmt: skip


def _pipeline(properties: Properties) -> dict[str, Any]:
    params = dict(properties)
    definition = dict(params.pop("PipelineDefinition", None) or {})
    if "PipelineDefinitionBody" in definition:
        params["PipelineDefinition"] = definition["PipelineDefinitionBody"]
    if "PipelineDefinitionS3Location" in definition:
        place = definition["PipelineDefinitionS3Location"]
        params["PipelineDefinitionS3Location"] = {
            "Bucket": place.get("Bucket"),
            "ObjectKey": place.get("Key"),
            **({"VersionId": place["Version"]} if place.get("Version") else {}),
        }
    return params


def _card(properties: Properties) -> dict[str, Any]:
    """The API takes the content as text."""
    content = properties.get("Content")
    if content is None or isinstance(content, str):
        return dict(properties)
    return {**properties, "Content": json.dumps(content)}


def _more_features(old: Properties, new: Properties) -> dict[str, Any]:
    """An update can only add features; the template lists all of them."""
    known = {one["FeatureName"] for one in old.get("FeatureDefinitions") or []}
    wanted = new.get("FeatureDefinitions") or []
    if gone := known - {one["FeatureName"] for one in wanted}:
        raise ValueError(f"Cannot remove features from a feature group: {', '.join(sorted(gone))}")
    added = [one for one in wanted if one["FeatureName"] not in known]
    online = (new.get("OnlineStoreConfig") or {}).get("TtlDuration")
    return {
        **({"FeatureAdditions": added} if added else {}),
        **({"OnlineStoreConfig": {"TtlDuration": online}} if online else {}),
        **({"ThroughputConfig": new["ThroughputConfig"]} if new.get("ThroughputConfig") else {}),
    }


def _changed(old: Properties, new: Properties) -> dict[str, Any]:
    """An update of a package or a card takes what is to change, and would not take the rest."""
    return {key: value for key, value in new.items() if old.get(key) != value}


KINDS = (
    _kind(
        "Model",
        create_only=(
            "ExecutionRoleArn", "EnableNetworkIsolation", "InferenceExecutionConfig", "PrimaryContainer", "ModelName",
            "VpcConfig", "Containers",
        ),
    ),
    _kind(
        "EndpointConfig",
        create_only=(
            "KmsKeyId", "AsyncInferenceConfig", "ExecutionRoleArn", "ShadowProductionVariants",
            "EnableNetworkIsolation", "ProductionVariants", "DataCaptureConfig", "ExplainerConfig", "MetricsConfig",
            "EndpointConfigName", "VpcConfig",
        ),
    ),
    _kind(
        "Endpoint",
        update="UpdateEndpoint",
        create_only=("EndpointName",),
        leaves=True,
        adapt=beside.endpoint,
        reached=lambda found, wanted: found.get("EndpointConfigName") == wanted.get("EndpointConfigName"),
        settle=Settle("EndpointStatus", ("Creating", "Updating", "SystemUpdating", "RollingBack"), ("InService",)),
    ),
    _kind(
        "ModelPackageGroup",
        generated=0,
        create_only=("ModelPackageGroupName", "ModelPackageGroupDescription"),
        attributes=("ModelPackageGroupArn", "ModelPackageGroupStatus", "CreationTime"),
        own=("ModelPackageGroupPolicy",),
        afterwards=beside.group_policy,
        settle=Settle("ModelPackageGroupStatus", ("Pending", "InProgress"), ("Completed",)),
    ),
    _kind(
        "ModelPackage",
        name="",
        identity="ModelPackageName",
        update="UpdateModelPackage",
        create_only=(
            "ModelPackageGroupName", "ModelPackageDescription", "InferenceSpecification", "ValidationSpecification",
            "SourceAlgorithmSpecification", "MetadataProperties", "ModelMetrics", "ClientToken",
            "DriftCheckBaselines", "Domain", "Task", "SamplePayloadUrl", "SecurityConfig",
        ),
        attributes=("ModelPackageArn", "ModelPackageStatus", "CreationTime"),
        change=_changed,
        tags_of="ModelPackageGroupName",
        settle=Settle("ModelPackageStatus", ("Pending", "InProgress"), ("Completed",)),
    ),
    _kind(
        "ModelCard",
        ref="",
        generated=0,
        update="UpdateModelCard",
        create_only=("ModelCardName", "SecurityConfig"),
        attributes=(
            "ModelCardArn", "ModelCardVersion", "CreationTime", "LastModifiedTime", "ModelCardProcessingStatus",
        ),
        adapt=_card,
        change=lambda old, new: _card(_changed(old, new)),
    ),
    _kind(
        "Pipeline",
        ref="",
        generated=0,
        update="UpdatePipeline",
        create_only=("PipelineName",),
        attributes=(),
        adapt=_pipeline,
    ),
    _kind(
        "MonitoringSchedule",
        generated=0,
        update="UpdateMonitoringSchedule",
        create_only=("MonitoringScheduleName",),
        attributes=("MonitoringScheduleArn", "CreationTime"),
        own=("EndpointName", "MonitoringScheduleStatus"),
        leaves=True,
        settle=Settle("MonitoringScheduleStatus", ("Pending",), ("Scheduled", "Stopped")),
    ),
    *(_monitor(sort) for sort in _MONITORS),
    _kind(
        "InferenceComponent",
        update="UpdateInferenceComponent",
        create_only=("InferenceComponentName", "EndpointName", "VariantName"),  # the API has no way to change them
        attributes=("InferenceComponentArn", "InferenceComponentStatus", "CreationTime", "LastModifiedTime"),
        leaves=True,
        change=beside.component_change,
        reached=beside.component_reached,
        settle=Settle("InferenceComponentStatus", ("Creating", "Updating"), ("InService",)),
    ),
    _kind(
        "FeatureGroup",
        ref="",
        generated=0,
        update="UpdateFeatureGroup",
        create_only=(
            "FeatureGroupName", "RecordIdentifierFeatureName", "EventTimeFeatureName",
            "OnlineStoreConfig/SecurityConfig", "OnlineStoreConfig/EnableOnlineStore", "OnlineStoreConfig/StorageType",
            "OfflineStoreConfig", "RoleArn", "Description", "Tags",
        ),
        attributes=("CreationTime", "FeatureGroupStatus"),
        change=_more_features,
        leaves=True,
        settle=Settle("FeatureGroupStatus", ("Creating",), ("Created",)),
    ),
    _kind(
        "InferenceExperiment",
        name="Name",
        ref="",
        generated=0,
        update="UpdateInferenceExperiment",
        create_only=("Name", "Type", "RoleArn", "EndpointName", "KmsKey"),
        attributes=("Arn", "CreationTime", "LastModifiedTime", "Status"),
        leaves=True,
        own=("DesiredState", "StatusReason"),
        change=_changed,
        afterwards=beside.experiment_state,
        beforehand=beside.end_experiment,
        settle=Settle("Status", ("Creating", "Starting", "Updating"), ("Created", "Running", "Completed")),
    ),
)  # fmt: skip
