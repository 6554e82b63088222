"""The lineage that the service itself writes down, from the state changes of jobs, model packages and endpoints.

What is made is listed in "Amazon SageMaker AI–Created Tracking Entities" of the developer guide. Data in S3 is known by
its URI, not by its content. It is written from the events' thread: a moment after the change, as in the service.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from rehearsal.sagemaker import events
from rehearsal.sagemaker.endpoints.live_config import live_config
from rehearsal.sagemaker.events import Event, observes
from rehearsal.sagemaker.lineage.store import ACTION, CONTEXT, TRIAL, TRIAL_COMPONENT, of_kind
from rehearsal.sagemaker.lineage.tracker import Tracker
from rehearsal.sagemaker.store import Record, arn_of, split_arn

if TYPE_CHECKING:
    from rehearsal.sagemaker.core import Core

DIFFERENCES = (
    "Lineage that the service makes itself: names and types of the entities follow what SDKs know of them "
    "(`<job>-aws-training-job`, `Model`, `DataSet`, `Image`, `ModelDeployment`, `ModelGroup`); algorithms and the "
    "whole course of metrics are not tracked.",
)

_STATUS = {"Completed": "Completed", "Failed": "Failed", "Stopping": "Stopping", "Stopped": "Stopped"}


@observes
def track(core: "Core", event: Event) -> None:
    """Write down what this state change adds to the lineage."""
    writer = _WRITERS.get(event.detail_type)
    if writer is not None:
        with core.store.lock:
            writer(Tracker(core, event.scope), event.detail)


def _training(tracker: Tracker, job: Record) -> None:
    algorithm, resources = job["AlgorithmSpecification"], job.get("ResourceConfig", {})
    parameters = {name: _parameter(value) for name, value in job.get("HyperParameters", {}).items()}
    if "TrainingImage" in algorithm:
        parameters["SageMaker.ImageUri"] = {"StringValue": algorithm["TrainingImage"]}
    parameters |= _resources(resources)
    inputs = {
        channel["ChannelName"]: {"Value": uri} | _media_type(channel)
        for channel in job.get("InputDataConfig", [])
        if (uri := channel["DataSource"].get("S3DataSource", {}).get("S3Uri"))
    }
    model = job.get("ModelArtifacts", {}).get("S3ModelArtifacts")
    outputs = {"SageMaker.ModelArtifact": {"Value": model}} if model else {}
    component = _component(
        tracker, "Training", job, Parameters=parameters, InputArtifacts=inputs, OutputArtifacts=outputs
    )
    metrics = [_metric(one, job["TrainingJobArn"]) for one in job.get("FinalMetricDataList", [])]
    if metrics:
        component["Metrics"] = metrics
    _associate(tracker, component, "Image", algorithm.get("TrainingImage"))
    for one in inputs.values():
        _associate(tracker, component, "DataSet", one["Value"])
    _associate(tracker, component, "Checkpoint", job.get("CheckpointConfig", {}).get("S3Uri"), produced=True)
    _associate(tracker, component, "Model", model, produced=True)


def _processing(tracker: Tracker, job: Record) -> None:
    image = job["AppSpecification"]["ImageUri"]
    parameters = {"SageMaker.ImageUri": {"StringValue": image}}
    parameters |= _resources(job.get("ProcessingResources", {}).get("ClusterConfig", {}))
    inputs = {
        one["InputName"]: {"Value": one["S3Input"]["S3Uri"]}
        for one in job.get("ProcessingInputs", [])
        if "S3Input" in one
    }
    outputs = {
        one["OutputName"]: {"Value": one["S3Output"]["S3Uri"]}
        for one in job.get("ProcessingOutputConfig", {}).get("Outputs", [])
        if "S3Output" in one
    }
    component = _component(
        tracker, "Processing", job, Parameters=parameters, InputArtifacts=inputs, OutputArtifacts=outputs
    )
    _associate(tracker, component, "Image", image)
    for one in inputs.values():
        _associate(tracker, component, "DataSet", one["Value"])
    if job["ProcessingJobStatus"] == "Completed":
        for one in outputs.values():
            _associate(tracker, component, "DataSet", one["Value"], produced=True)


def _transform(tracker: Tracker, job: Record) -> None:
    source = job["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    target = job["TransformOutput"]["S3OutputPath"]
    parameters = {"SageMaker.ModelName": {"StringValue": job["ModelName"]}, **_resources(job["TransformResources"])}
    inputs = {"SageMaker.TransformInput": {"Value": source}}
    outputs = {"SageMaker.TransformOutput": {"Value": target}}
    component = _component(
        tracker, "Transform", job, Parameters=parameters, InputArtifacts=inputs, OutputArtifacts=outputs
    )
    _associate(tracker, component, "DataSet", source)
    if job["TransformJobStatus"] == "Completed":
        _associate(tracker, component, "DataSet", target, produced=True)


def _component(tracker: Tracker, kind: str, job: Record, **described: Record) -> Record:
    """The trial component `<job>-aws-<kind>-job`, in the trial that the job's ExperimentConfig names.

    `described` are its Parameters, InputArtifacts and OutputArtifacts; what is empty is left out.
    """
    name, arn, status = (job[f"{kind}Job{member}"] for member in ("Name", "Arn", "Status"))
    component = tracker.named(
        TRIAL_COMPONENT, f"{name}-aws-{kind.lower()}-job", f"{kind}Job",
        Source={"SourceArn": arn, "SourceType": f"SageMaker{kind}Job"},
        Status={
            "PrimaryStatus": _STATUS.get(status, "InProgress"),
            "Message": job.get("FailureReason", f"Status: {status}"),
        },
        **{member: value or None for member, value in described.items()},
    )  # fmt: skip
    now = component["LastModifiedTime"]
    component.setdefault("StartTime", now)
    if status in ("Completed", "Failed", "Stopped"):
        component.setdefault("EndTime", now)
    config = job.get("ExperimentConfig", {})
    component.setdefault("DisplayName", config.get("TrialComponentDisplayName", component["TrialComponentName"]))
    trial = config.get("TrialName")
    known = trial and any(one["TrialName"] == trial for one in of_kind(tracker.state, TRIAL))
    if known and trial not in component.setdefault("_trials", []):
        component["_trials"].append(trial)
    return component


def _associate(tracker: Tracker, component: Record, kind: str, uri: str | None, *, produced: bool = False) -> None:
    if uri is None:
        return
    artifact = tracker.artifact(uri, kind)
    if produced:
        tracker.associate(component, artifact, "Produced")
    else:
        tracker.associate(artifact, component, "ContributedTo")


def _model_package(tracker: Tracker, package: Record) -> None:
    arn = package["ModelPackageArn"]
    artifact = tracker.artifact(arn, "ModelPackage")
    approval = package.get("ModelApprovalStatus")
    artifact["Properties"] = {"ModelApprovalStatus": approval} if approval else None
    for container in package.get("InferenceSpecification", {}).get("Containers", []):
        for kind, uri in (("Image", container.get("Image")), ("Model", _model_data(container))):
            if uri:
                tracker.associate(tracker.artifact(uri, kind), artifact, "ContributedTo")
    if group := package.get("ModelPackageGroupName"):
        name = f"{group}-{package['ModelPackageVersion']}"
        source = {"SourceUri": arn, "SourceType": "ARN"}
        made = tracker.named(
            ACTION, f"{name}-aws-model-package", "ModelPackage", ActionType="ModelPackage", Source=source,
            Status="Completed",
        )  # fmt: skip
        tracker.associate(made, artifact, "Produced")
        group_uri = arn_of(tracker.scope, "model-package-group", group)
        context = tracker.named(
            CONTEXT, f"{group}-aws-model-group", "ModelGroup", ContextType="ModelGroup",
            Source={"SourceUri": group_uri, "SourceType": "ARN"},
        )  # fmt: skip
        tracker.associate(artifact, context, "AssociatedWith")


def _endpoint(tracker: Tracker, endpoint: Record) -> None:
    if endpoint["EndpointStatus"] != "IN_SERVICE":
        return
    name, arn, config = (endpoint[key] for key in ("EndpointName", "EndpointArn", "EndpointConfigName"))
    source = {"SourceUri": arn, "SourceType": "ARN"}
    context = tracker.named(CONTEXT, f"{name}-aws-endpoint", "Endpoint", ContextType="Endpoint", Source=source)
    action = tracker.named(
        ACTION, f"{name}-{config}-aws-endpoint", "ModelDeployment", ActionType="ModelDeployment", Source=source,
        Status="Completed",
    )  # fmt: skip
    for model in _models(tracker, live_config(tracker.state.endpoints.get(name, {}))):
        for uri, kind in _parts(model):
            tracker.associate(tracker.artifact(uri, kind), action, "ContributedTo")
    tracker.associate(action, context, "AssociatedWith")


def _models(tracker: Tracker, config: Record) -> list[Record]:
    variants = [*config.get("ProductionVariants", []), *config.get("ShadowProductionVariants", [])]
    return [model for one in variants if (model := tracker.state.models.get(one.get("ModelName", "")))]


def _parts(model: Record) -> list[tuple[str, str]]:
    """Images, model data and packages of a model."""
    given = model.get("Containers") or ([model["PrimaryContainer"]] if "PrimaryContainer" in model else [])
    found = []
    for container in given:
        package = container.get("ModelPackageName")
        if package and split_arn(package):
            found.append((package.lower(), "ModelPackage"))
        found += [
            (uri, kind) for kind, uri in (("Image", container.get("Image")), ("Model", _model_data(container))) if uri
        ]
    return found


def _model_data(container: Record) -> str | None:
    data = container.get("ModelDataSource", {}).get("S3DataSource", {})
    uri = container.get("ModelDataUrl") or data.get("S3Uri")
    return str(uri) if uri else None


def _parameter(value: str) -> Record:
    try:
        return {"NumberValue": float(value)}
    except ValueError:
        return {"StringValue": value}


def _resources(config: Record) -> Record:
    found: Record = {}
    if "InstanceType" in config:
        found["SageMaker.InstanceType"] = {"StringValue": config["InstanceType"]}
    for member in ("InstanceCount", "VolumeSizeInGB"):
        if member in config:
            found[f"SageMaker.{member}"] = {"NumberValue": float(config[member])}
    return found


def _metric(one: Record, source: str) -> Record:
    value = one["Value"]
    summary = dict.fromkeys(("Max", "Min", "Last", "Avg"), value)  # the last value is the only one that is kept
    return {"MetricName": one["MetricName"], "SourceArn": source, "TimeStamp": one["Timestamp"], **summary, "Count": 1}


def _media_type(channel: Record) -> Record:
    return {"MediaType": channel["ContentType"]} if "ContentType" in channel else {}


_WRITERS: dict[str, Callable[[Tracker, Record], None]] = {
    events.TRAINING_JOB: _training,
    events.PROCESSING_JOB: _processing,
    events.TRANSFORM_JOB: _transform,
    events.MODEL_PACKAGE: _model_package,
    events.ENDPOINT: _endpoint,
}
