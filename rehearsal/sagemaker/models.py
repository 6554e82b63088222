"""Models."""

from typing import Any

from rehearsal.sagemaker import events
from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import invalid, not_emulated
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.packages import find_package
from rehearsal.sagemaker.store import Record


@action("CreateModel")
def create_model(call: Call) -> Record:
    """A model of one container: an image with its data, or an approved version of the registry."""
    name = call.params["ModelName"]
    arn = call.arn("model", name)
    if name in call.state.models:
        raise invalid(f'Cannot create already existing model "{arn}".')
    record = call.new("ModelArn", arn)
    record["_container"] = _container(call)
    call.state.models[name] = record
    _publish(call, record)
    return call.show(record)


def _container(call: Call) -> dict[str, Any]:
    given = call.params.get("Containers", [])
    if "PrimaryContainer" in call.params:
        if given:
            raise invalid("You must provide either PrimaryContainer or Containers, not both.")
        given = [call.params["PrimaryContainer"]]
    if not given:
        raise invalid("You must provide a PrimaryContainer or Containers.")
    if len(given) > 1:
        raise not_emulated("inference pipelines (more than one container)")
    container = dict(given[0])
    if container.get("Mode") == "MultiModel":
        raise not_emulated("multi-model endpoints")
    if package := container.get("ModelPackageName"):
        return container | _of_package(call, package)
    if "Image" not in container:
        raise invalid("A container must have an Image or a ModelPackageName.")
    return container | _data(container)


def _of_package(call: Call, name: str) -> dict[str, Any]:
    package = find_package(call, name)
    if package["ModelApprovalStatus"] != "Approved":
        raise invalid(
            f'Cannot create Model with Model Package "{package["ModelPackageArn"]}": its ModelApprovalStatus is '
            f"{package['ModelApprovalStatus']}, it must be Approved."
        )
    containers = package.get("InferenceSpecification", {}).get("Containers", [])
    if len(containers) != 1:
        raise invalid(
            f'Model Package "{package["ModelPackageArn"]}" has {len(containers)} containers; exactly one can be run.'
        )
    image = containers[0]["Image"]
    if "ImageDigest" in containers[0] and "@" not in image:
        image = (
            f"{image.rpartition(':')[0] if ':' in image.rpartition('/')[2] else image}@{containers[0]['ImageDigest']}"
        )
    return {"Image": image, "Environment": containers[0].get("Environment", {}), **_data(containers[0])}


def _data(container: dict[str, Any]) -> dict[str, Any]:
    source = container.get("ModelDataSource", {}).get("S3DataSource")
    if source is None:
        return {"ModelDataUrl": container["ModelDataUrl"]} if "ModelDataUrl" in container else {}
    if source["S3DataType"] != "S3Object" or source["CompressionType"] != "Gzip":
        raise not_emulated("uncompressed model data (ModelDataSource other than S3Object with Gzip)")
    return {"ModelDataUrl": source["S3Uri"]}


@action("DescribeModel")
def describe_model(call: Call) -> Record:
    """The model as it was created."""
    return call.show(_find(call))


@action("DeleteModel")
def delete_model(call: Call) -> Record:
    """Allowed while an endpoint uses the model, as in the service: guarding is the caller's duty."""
    record = _find(call)
    del call.state.models[call.params["ModelName"]]
    call.state.tags.pop(record["ModelArn"], None)
    _publish(call, record)
    return {}


@action("ListModels")
def list_models(call: Call) -> Record:
    """One page of models."""
    return listed(call, call.state.models.values(), name="ModelName", order="Descending")


def _find(call: Call) -> Record:
    name = call.params["ModelName"]
    if name not in call.state.models:
        raise invalid(f'Could not find model "{call.arn("model", name)}".')
    return call.state.models[name]


def _publish(call: Call, record: Record) -> None:
    detail = {key: value for key, value in record.items() if not key.startswith("_")}
    detail["CreationTime"] = events.epoch_ms(record["CreationTime"])
    detail["Tags"] = dict(call.state.tags.get(record["ModelArn"], {}))
    call.core.events.put(events.MODEL, record["ModelArn"], detail, call.scope)
