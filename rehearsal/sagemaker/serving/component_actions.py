"""The API of inference components. component_work.py does what they say."""

from typing import Any

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.endpoints.live_config import live_config
from rehearsal.sagemaker.errors import invalid, not_emulated
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.serving import component_views, component_work
from rehearsal.sagemaker.store import Record


@action("CreateInferenceComponent")
def create_inference_component(call: Call) -> Record:
    """Place copies of a model, or of a container, on the instances of a variant that has no model."""
    name = call.params["InferenceComponentName"]
    arn = call.arn("inference-component", name)
    if name in _table(call):
        raise invalid(f'Cannot create already existing inference component "{arn}".')
    endpoint = call.state.endpoints.get(call.params["EndpointName"])
    if endpoint is None:
        raise invalid(f'Could not find endpoint "{call.arn("endpoint", call.params["EndpointName"])}".')
    variant = call.params.get("VariantName")
    if not variant:
        raise invalid("VariantName is required to create an inference component.")
    hosting = {one["VariantName"]: "ModelName" in one for one in live_config(endpoint)["ProductionVariants"]}
    if variant not in hosting:
        raise invalid(f'Variant "{variant}" does not exist in endpoint "{endpoint["EndpointArn"]}".')
    if hosting[variant]:
        raise invalid(f'Variant "{variant}" of endpoint "{endpoint["EndpointArn"]}" has a model of its own.')
    if "RuntimeConfig" not in call.params:
        raise invalid("RuntimeConfig is required to create an inference component.")
    _check(call, _specification(call))
    record = call.new("InferenceComponentArn", arn)
    runtime = record.pop("RuntimeConfig")
    record |= {
        "EndpointArn": endpoint["EndpointArn"],
        "InferenceComponentStatus": "Creating",
        "LastModifiedTime": record["CreationTime"],
        "_desired": runtime["CopyCount"],
        "_generation": 1,
        "_model": _model(call, record["Specification"], live_config(endpoint)),
    }
    _table(call)[name] = record
    component_work.attend(call.core, call.scope, record["EndpointName"])
    return call.show(record)


@action("UpdateInferenceComponent")
def update_inference_component(call: Call) -> Record:
    """Another specification, in batches of copies under the DeploymentConfig, or another number of copies, or both."""
    record = _find(call)
    _refuse_in_progress(record)
    if "Specification" not in call.params and "RuntimeConfig" not in call.params:
        raise invalid("You must provide a Specification or a RuntimeConfig to update an inference component.")
    endpoint = call.state.endpoints[record["EndpointName"]]
    if "Specification" in call.params or "Specifications" in call.params:
        specification = _specification(call)
        _check(call, specification)
        record["_next"] = {
            "Specification": specification,
            "_model": _model(call, specification, live_config(endpoint)),
            "_generation": record["_generation"] + 1,
            "DeploymentConfig": call.params.get("DeploymentConfig"),
        }
    elif "DeploymentConfig" in call.params:
        raise invalid("DeploymentConfig is allowed only together with a Specification.")
    if "RuntimeConfig" in call.params:
        record["_desired"] = call.params["RuntimeConfig"]["CopyCount"]
    return _updating(call, record)


@action("UpdateInferenceComponentRuntimeConfig")
def update_inference_component_runtime_config(call: Call) -> Record:
    """Another number of copies."""
    record = _find(call)
    _refuse_in_progress(record)
    record["_desired"] = call.params["DesiredRuntimeConfig"]["CopyCount"]
    return _updating(call, record)


def _updating(call: Call, record: Record) -> Record:
    record |= {"InferenceComponentStatus": "Updating", "LastModifiedTime": call.now}
    record.pop("FailureReason", None)
    component_work.attend(call.core, call.scope, record["EndpointName"])
    return call.show(record)


@action("DescribeInferenceComponent")
def describe_inference_component(call: Call) -> Record:
    """Specification, copies wanted and there, status."""
    record = _find(call)
    shown = dict(record)
    shown["Specification"] = component_views.shown_specification(call.core, call.scope, record)
    shown["RuntimeConfig"] = {
        "DesiredCopyCount": record["_desired"],
        "CurrentCopyCount": component_views.ready_count(call.core, call.scope, record),
    }
    return call.show(shown)


@action("DeleteInferenceComponent")
def delete_inference_component(call: Call) -> Record:
    """Copies end after the requests that they have; then the component is gone."""
    record = _find(call)
    if record["InferenceComponentStatus"] == "Deleting":
        raise invalid(f'Cannot delete inference component "{record["InferenceComponentArn"]}": it is being deleted.')
    record |= {"InferenceComponentStatus": "Deleting", "LastModifiedTime": call.now, "_desired": 0}
    record.pop("_next", None)
    component_work.attend(call.core, call.scope, record["EndpointName"])
    return {}


@action("ListInferenceComponents")
def list_inference_components(call: Call) -> Record:
    """One page of components."""
    wanted = {
        "EndpointName": call.params.get("EndpointNameEquals"),
        "VariantName": call.params.get("VariantNameEquals"),
    }
    records = [
        one for one in _table(call).values() if all(value in (None, one.get(key)) for key, value in wanted.items())
    ]
    return listed(call, records, name="InferenceComponentName", status="InferenceComponentStatus", order="Descending")


def _table(call: Call) -> dict[str, Record]:
    return call.state.table("inference_components")


def _find(call: Call) -> Record:
    name = call.params["InferenceComponentName"]
    if name not in _table(call):
        raise invalid(f'Could not find inference component "{call.arn("inference-component", name)}".')
    return _table(call)[name]


def _refuse_in_progress(record: Record) -> None:
    if record["InferenceComponentStatus"] in ("Creating", "Updating", "Deleting"):
        raise invalid(
            f'Cannot update inference component "{record["InferenceComponentArn"]}" in status '
            f"{record['InferenceComponentStatus']}."
        )


def _specification(call: Call) -> dict[str, Any]:
    if "Specifications" in call.params:
        raise not_emulated("inference components with one specification for each instance type (Specifications)")
    if "Specification" not in call.params:
        raise invalid("Specification is required for an inference component.")
    specification: dict[str, Any] = call.params["Specification"]
    return specification


def _check(call: Call, specification: dict[str, Any]) -> None:
    for member in ("BaseInferenceComponentName", "InstanceType"):
        if member in specification:
            raise not_emulated(f"{member} of an inference component")
    if ("ModelName" in specification) == ("Container" in specification):
        raise invalid("You must provide either ModelName or Container in the Specification, not both.")
    if "AvailabilityZoneBalance" in specification.get("SchedulingConfig", {}):
        raise not_emulated("AvailabilityZoneBalance of an inference component")
    required = specification.get("ComputeResourceRequirements")
    if required is None:
        raise invalid("ComputeResourceRequirements is required in the Specification.")
    if "NumberOfAcceleratorDevicesRequired" in required:
        raise not_emulated("accelerators (NumberOfAcceleratorDevicesRequired)")
    if required.get("MaxMemoryRequiredInMb", required["MinMemoryRequiredInMb"]) < required["MinMemoryRequiredInMb"]:
        raise invalid("MaxMemoryRequiredInMb must not be less than MinMemoryRequiredInMb.")
    container = specification.get("Container", {})
    if "ContainerMetricsConfig" in container:
        raise not_emulated("ContainerMetricsConfig of an inference component")
    if "Container" in specification and "Image" not in container:
        raise invalid("Image is required in the Container of an inference component.")
    if "ModelName" in specification:
        model = call.state.models.get(specification["ModelName"])
        if model is None:
            raise invalid(f'Could not find model "{call.arn("model", specification["ModelName"])}".')
        if len(model["_containers"]) > 1 or model["_containers"][0].get("Mode") == "MultiModel":
            raise invalid("An inference component runs a model of one container in Mode SingleModel.")


def _model(call: Call, specification: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """What runs, as it is now: a model deleted or made anew later changes nothing."""
    role = config.get("ExecutionRoleArn", "")
    given = specification.get("Container")
    if given is None:
        model = call.state.models[specification["ModelName"]]
        return {"_containers": model["_containers"], "ExecutionRoleArn": model.get("ExecutionRoleArn", role)}
    container = {"Image": given["Image"], "Environment": given.get("Environment", {})}
    if "ArtifactUrl" in given:
        container["ModelDataUrl"] = given["ArtifactUrl"]
    return {"_containers": [container], "ExecutionRoleArn": role}
