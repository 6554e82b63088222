"""One place that says how each kind of record is written into its event: which members, in which form.

Forms are those of the samples in "Events that Amazon SageMaker AI sends to Amazon EventBridge" (developer guide):
times are epoch milliseconds, the same as text, or ISO 8601; tags are a map; some enums are upper case.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.host import Scope
from rehearsal.sagemaker import events
from rehearsal.sagemaker.events import epoch_ms, iso, iso_ms
from rehearsal.sagemaker.shapes import output_members
from rehearsal.sagemaker.store import Record, split_arn

if TYPE_CHECKING:
    from rehearsal.sagemaker.core import Core


def epoch_ms_text(seconds: float) -> str:
    """Training and tuning events write epoch milliseconds as text."""
    return str(epoch_ms(seconds))


@dataclass(frozen=True)
class Form:
    """How records of one kind are written: the ARN's key, the members, how times look, whether tags are shown."""

    arn: str
    members: tuple[str, ...]
    times: Callable[[float], Any]
    tags: bool = True
    defaults: tuple[tuple[str, Any], ...] = ()


_MODEL_PACKAGE = (
    "ModelPackageName", "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn", "ModelPackageDescription",
    "CreationTime", "InferenceSpecification", "ModelPackageStatus", "ModelPackageStatusDetails",
    "CertifyForMarketplace", "ModelApprovalStatus", "MetadataProperties", "ModelMetrics", "ModelLifeCycle",
    "ApprovalDescription", "CustomerMetadataProperties", "SourceUri", "LastModifiedTime", "UpdatedModelPackageFields",
)  # fmt: skip
_MODEL_CARD = (
    "ModelCardVersion", "LastModifiedTime", "LastModifiedBy", "CreationTime", "CreatedBy", "ModelCardName", "ModelId",
    "ModelCardStatus", "AccountId", "SecurityConfig",
)  # fmt: skip
_FEATURE_GROUP = (
    "FeatureGroupArn", "FeatureGroupName", "RecordIdentifierFeatureName", "EventTimeFeatureName", "FeatureDefinitions",
    "CreationTime", "OnlineStoreConfig", "OfflineStoreConfig", "RoleArn", "FeatureGroupStatus", "OfflineStoreStatus",
    "FailureReason", "Description",
)  # fmt: skip

FORMS: dict[str, Form] = {
    events.MODEL_PACKAGE: Form("ModelPackageArn", _MODEL_PACKAGE, iso, tags=False),
    events.MODEL_CARD: Form("ModelCardArn", _MODEL_CARD, iso_ms, tags=False, defaults=(("SecurityConfig", {}),)),
    events.MODEL_CARD_EXPORT_JOB: Form(
        "ModelCardExportJobArn", output_members("DescribeModelCardExportJob"), iso_ms, tags=False
    ),
    events.FEATURE_GROUP: Form("FeatureGroupArn", _FEATURE_GROUP, epoch_ms),
    events.MODEL: Form("ModelArn", output_members("DescribeModel"), epoch_ms),
    events.ENDPOINT_CONFIG: Form("EndpointConfigArn", output_members("DescribeEndpointConfig"), epoch_ms),
    events.TRAINING_JOB: Form(
        "TrainingJobArn", output_members("DescribeTrainingJob"), epoch_ms_text, defaults=(("HyperParameters", {}),)
    ),
    events.TUNING_JOB: Form(
        "HyperParameterTuningJobArn", output_members("DescribeHyperParameterTuningJob"), epoch_ms_text
    ),
    events.TRANSFORM_JOB: Form("TransformJobArn", output_members("DescribeTransformJob"), iso),
    # The documented sample has no ExitMessage and no schedule: whoever wants them calls DescribeProcessingJob.
    events.PROCESSING_JOB: Form(
        "ProcessingJobArn",
        tuple(
            member
            for member in output_members("DescribeProcessingJob")
            if member not in ("ExitMessage", "MonitoringScheduleArn", "AutoMLJobArn", "TrainingJobArn")
        ),
        epoch_ms,
        tags=False,
    ),
    events.MONITORING_SCHEDULE: Form(
        "MonitoringScheduleArn", output_members("DescribeMonitoringSchedule"), epoch_ms
    ),
}  # fmt: skip


def detail(detail_type: str, record: Record, tags: dict[str, str]) -> dict[str, Any]:
    """The record as its event's `detail` shows it."""
    form = FORMS[detail_type]
    shown: dict[str, Any] = dict(form.defaults)
    for member in form.members:
        value = record.get(member)
        if value is not None:
            shown[member] = form.times(value) if _is_time(member, value) else value
    if detail_type == events.PROCESSING_JOB:
        _upper_processing(shown)
    if form.tags:
        shown["Tags"] = dict(tags)
    return shown


def publish(core: "Core", detail_type: str, record: Record, **more: Any) -> None:
    """Send the event of a record that has just changed, on the bus of the account that owns it.

    `more` are members of this change that are not kept in the record. A change made in a thread of its own is published
    under the store's lock: whoever sees the new state finds its event on the way.
    """
    arn = record[FORMS[detail_type].arn]
    found = split_arn(arn)
    if found is None:
        raise ValueError(f"{arn} is not an ARN of SageMaker")
    with core.store.lock:
        shown = detail(detail_type, {**record, **more}, core.store.state(found[0]).tags.get(arn, {}))
    core.events.put(detail_type, arn, shown, found[0])


def status_change(
    core: "Core",
    detail_type: str,
    arns: tuple[str, str],
    detail: dict[str, Any],
    scope: Scope,
) -> None:
    """A pipeline execution's or step's event: members in camel case, ISO times, pipeline and execution in `resources`.

    `detail` holds the members with epoch seconds for times; what is None is left out.
    """
    pipeline, execution = arns
    shown = {key: iso(value) if key.endswith("Time") else value for key, value in detail.items() if value is not None}
    shown |= {"pipelineArn": pipeline, "pipelineExecutionArn": execution}
    core.events.put(detail_type, arns, shown, scope)


def _is_time(member: str, value: Any) -> bool:
    return member.endswith(("Time", "At")) and isinstance(value, int | float)


_UPLOAD = {"EndOfJob": "END_OF_JOB", "Continuous": "CONTINUOUS"}
_DATA_TYPE = {"S3Prefix": "S3_PREFIX", "ManifestFile": "MANIFEST_FILE"}


def _upper_processing(shown: dict[str, Any]) -> None:
    """Enum values inside processing events are upper case."""
    if "ProcessingInputs" in shown:
        shown["ProcessingInputs"] = [_upper(one, "S3Input") for one in shown["ProcessingInputs"]]
    if "ProcessingOutputConfig" in shown:
        outputs = [_upper(one, "S3Output") for one in shown["ProcessingOutputConfig"].get("Outputs", [])]
        shown["ProcessingOutputConfig"] = {**shown["ProcessingOutputConfig"], "Outputs": outputs}


def _upper(one: dict[str, Any], member: str) -> dict[str, Any]:
    if member not in one:
        return one
    inner = dict(one[member])
    for key, value in inner.items():
        if key in ("S3DataType", "S3UploadMode"):
            inner[key] = {**_DATA_TYPE, **_UPLOAD}.get(value, value.upper())
        elif key in ("S3InputMode", "S3DataDistributionType", "S3CompressionType"):
            inner[key] = value.upper()
    return {**one, member: inner}
