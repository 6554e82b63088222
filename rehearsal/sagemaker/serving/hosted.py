"""The containers of a model as every instance of a fleet runs them: image, read-only model files, environment."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rehearsal.host import Image, ImageDeniedError, ImageNotFoundError, Scope
from rehearsal.sagemaker.archive import ArchiveError, unpack
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.objects import TransferError, download, fetch, parse_uri

ADDITIONAL = "opt/ml/additional-model-data-sources"


class FleetError(Exception):
    """A fleet cannot serve; the text is the service's FailureReason."""


@dataclass(frozen=True)
class HostedContainer:
    """One container of a model, ready to be started on any instance.

    `directory` holds `opt/ml` and `tmp`; instances of a fleet share it, since model files are read-only. A multi-model
    container has no model of its own: `models_uri` is the S3 prefix that TargetModel is relative to.
    """

    hostname: str
    specified_image: str
    image: Image
    directory: Path
    resolved_at: float  # cloud time, epoch seconds
    label: str = "primary"  # how the service's messages name it
    environment: Mapping[str, str] = field(default_factory=dict)
    models_uri: str = ""
    caches_models: bool = True
    direct: bool = False  # one of several that requests choose among, not one of a series

    def deployed_image(self) -> dict[str, Any]:
        """One of DescribeEndpoint's DeployedImages."""
        return {
            "SpecifiedImage": self.specified_image,
            "ResolvedImage": self.image.resolved,
            "ResolutionTime": self.resolved_at,
        }


def remove_tree(directory: Path) -> None:
    """Remove a directory of model files. They are read-only, also to their owner, so that comes off first."""
    for path in directory.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(directory, ignore_errors=True)


def containers_of(model: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The containers of a model's record, with what a model package stands for filled in. None: an empty list."""
    return list(model.get("_containers", ()))


def host_containers(core: Core, scope: Scope, model: Mapping[str, Any], directory: Path) -> list[HostedContainer]:
    """Resolve the images and bring the model data under `directory`, one subdirectory a container.

    Raises FleetError. After a refused archive no file is left.
    """
    containers = containers_of(model)
    hosted = []
    for number, container in enumerate(containers, 1):
        name = container.get("ContainerHostname") or f"container_{number}"
        place = directory if len(containers) == 1 else directory / name
        image = _image(core, container["Image"], model.get("ExecutionRoleArn", ""), scope)
        (place / "opt/ml/model").mkdir(parents=True)
        (place / "tmp").mkdir()
        multi_model = container.get("Mode") == "MultiModel"
        try:
            _load(Download(core, scope, model.get("ExecutionRoleArn", ""), name), container, place)
        except FleetError:
            remove_tree(directory)
            raise
        hosted.append(
            HostedContainer(
                name,
                container["Image"],
                image,
                place,
                core.host.clock.now(),
                "primary" if len(containers) == 1 else name,
                container.get("Environment", {}),
                _source_uri(container) if multi_model else "",
                container.get("MultiModelConfig", {}).get("ModelCacheSetting", "Enabled") == "Enabled",
                model.get("InferenceExecutionConfig", {}).get("Mode") == "Direct",
            )
        )
    return hosted


def _image(core: Core, uri: str, role_arn: str, scope: Scope) -> Image:
    try:
        return core.host.pull(uri, role_arn, scope)
    except ImageDeniedError as error:
        raise FleetError(f"The role {role_arn} cannot pull the image '{uri}'. {error}") from error
    except ImageNotFoundError as error:
        raise FleetError(
            f"The image '{uri}' does not exist. Specify an image that the registry of this account holds. {error}"
        ) from error


def _source(container: Mapping[str, Any]) -> dict[str, Any] | None:
    """The container's model data in the shape of an S3DataSource."""
    if source := container.get("ModelDataSource", {}).get("S3DataSource"):
        return dict(source)
    if url := container.get("ModelDataUrl"):
        return {"S3Uri": url, "S3DataType": "S3Object", "CompressionType": "Gzip"}
    return None


def _source_uri(container: Mapping[str, Any]) -> str:
    source = _source(container)
    return str(source["S3Uri"]) if source else ""


@dataclass(frozen=True)
class Download:
    """Whose model data, fetched with which role, for which container."""

    core: Core
    scope: Scope
    role: str
    container: str


def _load(wanted: Download, container: Mapping[str, Any], place: Path) -> None:
    source = _source(container)
    if source is not None and container.get("Mode") != "MultiModel":
        fetch_model(wanted, source, place / "opt/ml/model")
    for extra in container.get("AdditionalModelDataSources", ()):
        target = place / ADDITIONAL / extra["ChannelName"]
        target.mkdir(parents=True)
        fetch_model(wanted, extra["S3DataSource"], target)


def fetch_model(wanted: Download, source: Mapping[str, Any], target: Path) -> None:
    """Model data of an S3DataSource into an existing directory, read-only. Raises FleetError in the service's words."""
    core, scope, role, name = wanted.core, wanted.scope, wanted.role, wanted.container
    uri = source["S3Uri"]
    archive = target.with_name(f"{target.name}.tar.gz")
    packed = source["CompressionType"] == "Gzip"
    try:
        client = core.host.client("s3", role, scope)
        if source["S3DataType"] == "S3Prefix":
            download(client, uri, "S3Prefix", target, region=scope.region, role=role)
        else:
            bucket, key = parse_uri(uri)
            fetch(client, bucket, key, archive if packed else target / key.rpartition("/")[2])
    except Exception as error:
        if not isinstance(error, TransferError) and not hasattr(error, "response"):
            raise FleetError(f'Failed to store model data of "{uri}" on the instance: {error}') from error
        raise FleetError(
            f'Failed to download model data for container "{name}" from URL: "{uri}". Please ensure that '
            f"there is an object located at the URL and that the role passed to CreateModel has permissions to "
            f"download the object. {error}"
        ) from error
    if packed:
        try:
            unpack(archive, target)
        except (ArchiveError, OSError) as error:
            raise FleetError(
                f'Failed to extract model data archive for container "{name}" from URL "{uri}". Please ensure that '
                f"the object located at the URL is a valid tar.gz archive: {error}."
            ) from error
        finally:
            archive.unlink(missing_ok=True)
    else:
        for path in target.rglob("*"):
            path.chmod(0o555 if path.is_dir() else 0o444)
