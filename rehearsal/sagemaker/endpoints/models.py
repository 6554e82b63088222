"""Models."""

from typing import Any

from rehearsal.sagemaker import events
from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import invalid, not_emulated
from rehearsal.sagemaker.event_details import publish
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.registry.packages import find_package
from rehearsal.sagemaker.store import Record

_MAX_CONTAINERS = 15


@action("CreateModel")
def create_model(call: Call) -> Record:
    """A model of one container, or of 2 to 15 that run in turn or are chosen among; or versions of the registry."""
    name = call.params["ModelName"]
    arn = call.arn("model", name)
    if name in call.state.models:
        raise invalid(f'Cannot create already existing model "{arn}".')
    containers = _containers(call)
    record = call.new("ModelArn", arn)
    record["_containers"] = containers
    call.state.models[name] = record
    publish(call.core, events.MODEL, record)
    return call.show(record)


def _containers(call: Call) -> list[dict[str, Any]]:
    given = call.params.get("Containers", [])
    if "PrimaryContainer" in call.params:
        if given:
            raise invalid("You must provide either PrimaryContainer or Containers, not both.")
        given = [call.params["PrimaryContainer"]]
    if not given:
        raise invalid("You must provide a PrimaryContainer or Containers.")
    if len(given) > _MAX_CONTAINERS:
        raise invalid(f"A model can have at most {_MAX_CONTAINERS} containers.")
    mode = call.params.get("InferenceExecutionConfig", {}).get("Mode", "Serial")
    _check_hostnames(given, mode)
    multi_model = [one for one in given if one.get("Mode") == "MultiModel"]
    if multi_model and len(given) > 1 and (len(multi_model) > 1 or mode == "Direct"):
        raise invalid("Only one container of an inference pipeline can have Mode MultiModel.")
    return [container for one in given for container in _expanded(call, one)]


def _check_hostnames(given: list[dict[str, Any]], mode: str) -> None:
    names = [one["ContainerHostname"] for one in given if "ContainerHostname" in one]
    if len(set(names)) < len(names):
        raise invalid("ContainerHostname must be unique among the containers of a model.")
    if len(given) > 1 and names and len(names) < len(given):
        raise invalid("ContainerHostname must be given for all containers of a model or for none.")
    if mode == "Direct" and (len(given) < 2 or not names):
        raise invalid(
            "InferenceExecutionConfig Mode Direct needs two or more containers, each with a ContainerHostname."
        )


def _expanded(call: Call, given: dict[str, Any]) -> list[dict[str, Any]]:
    """The container itself, or those of the model package that it names; the request's Environment wins."""
    if package := given.get("ModelPackageName"):
        mine = given.get("Environment", {})
        return [{**given, **one, "Environment": one["Environment"] | mine} for one in _of_package(call, package)]
    return [_container(given)]


def _container(given: dict[str, Any]) -> dict[str, Any]:
    container = dict(given)
    if container.get("ImageConfig", {}).get("RepositoryAccessMode") == "Vpc":
        raise not_emulated("images of a private registry (RepositoryAccessMode Vpc)")
    if "Image" not in container:
        raise invalid("A container must have an Image or a ModelPackageName.")
    if "ModelDataUrl" in container and "ModelDataSource" in container:
        raise invalid("You must provide either ModelDataUrl or ModelDataSource, not both.")
    if container.get("Mode") == "MultiModel":
        _check_multi_model(container)
    elif "MultiModelConfig" in container:
        raise invalid("MultiModelConfig is allowed only with Mode MultiModel.")
    _check_source(container.get("ModelDataSource", {}).get("S3DataSource"))
    for extra in container.get("AdditionalModelDataSources", ()):
        _check_source(extra["S3DataSource"])
    return container


def _check_multi_model(container: dict[str, Any]) -> None:
    if "ModelDataSource" in container:
        raise invalid("ModelDataSource is not supported with Mode MultiModel: give ModelDataUrl, an S3 prefix.")
    if not container.get("ModelDataUrl", "").endswith("/"):
        raise invalid("ModelDataUrl must be an S3 prefix that ends with a forward slash (/) when Mode is MultiModel.")


def _check_source(source: dict[str, Any] | None) -> None:
    if source is None:
        return
    for member in ("HubAccessConfig", "ManifestS3Uri", "ManifestEtag"):
        if member in source:
            raise not_emulated(f"model data of a hub or of a manifest ({member})")
    if source["S3DataType"] == "S3Prefix":
        if source["CompressionType"] != "None":
            raise invalid("CompressionType must be None when S3DataType is S3Prefix.")
        if not source["S3Uri"].endswith("/"):
            raise invalid("S3Uri must end with a forward slash (/) when S3DataType is S3Prefix.")


def _of_package(call: Call, name: str) -> list[dict[str, Any]]:
    package = find_package(call, name)
    if package.get("ModelApprovalStatus", "Approved") != "Approved":  # approval is for versions only
        raise invalid(
            f'Cannot create Model with Model Package "{package["ModelPackageArn"]}": its ModelApprovalStatus is '
            f"{package['ModelApprovalStatus']}, it must be Approved."
        )
    if package["ModelPackageStatus"] != "Completed":
        raise invalid(
            f'Cannot create Model with Model Package "{package["ModelPackageArn"]}": its ModelPackageStatus is '
            f"{package['ModelPackageStatus']}, it must be Completed."
        )
    containers = package.get("InferenceSpecification", {}).get("Containers", [])
    if not containers:
        raise invalid(f'Model Package "{package["ModelPackageArn"]}" has no containers to run.')
    return [_packaged(container) for container in containers]


def _packaged(container: dict[str, Any]) -> dict[str, Any]:
    if "Image" not in container:
        raise invalid("A container of the model package has no Image.")
    image = container["Image"]
    if "ImageDigest" in container and "@" not in image:
        image = f"{image.rpartition(':')[0] if ':' in image.rpartition('/')[2] else image}@{container['ImageDigest']}"
    _check_source(container.get("ModelDataSource", {}).get("S3DataSource"))
    kept = ("ContainerHostname", "ModelDataUrl", "ModelDataSource", "AdditionalModelDataSources")
    present = {key: container[key] for key in kept if key in container}
    return {"Environment": container.get("Environment", {}), "Image": image, **present}


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
    publish(call.core, events.MODEL, record)
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
