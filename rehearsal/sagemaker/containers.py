"""How the embedded cloud runs a container image: its entrypoint as a process, with /opt/ml in its own directory."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from rehearsal.host import Host, Image, Scope

OPT_ML = "opt/ml"


def local_path(directory: Path, path: str) -> Path:
    """Where `/opt/ml/…` of a container lies in its directory. Raises ValueError when the path leaves it."""
    mapped = directory / path.lstrip("/")
    if not path.startswith("/opt/ml") or not Path(os.path.normpath(mapped)).is_relative_to(directory / OPT_ML):
        raise ValueError(f'"{path}" is not under /opt/ml')
    return mapped


def environment(
    host: Host,
    image: Image,
    directory: Path,
    *,
    scope: Scope,
    role: str,
    extra: Mapping[str, str],
    isolated: bool = False,
) -> dict[str, str]:
    """A clean environment: the image's, the request's and the platform's; nothing of this process leaks in.

    A host that offers credentials for the role (`container_environment`) has them merged in, unless the network is
    isolated.
    """
    offered = getattr(host, "container_environment", None)
    return {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.defpath, "/usr/local/bin"]),
        "HOME": str(directory),
        "TMPDIR": str(directory / "tmp"),
        "LANG": "C.UTF-8",
        "AWS_REGION": scope.region,
        "AWS_DEFAULT_REGION": scope.region,
        **(offered(role, scope) if offered and not isolated else {}),
        **image.environment,
        **extra,
        "SAGEMAKER_BASE_DIR": str(directory / OPT_ML),
    }
