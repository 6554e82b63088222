"""Whether a model archive is what it says and safe to unpack. Pure: a stream in, findings out; nothing is written
anywhere."""

from dataclasses import dataclass
from typing import BinaryIO

from slipway_lambda.contracts.training import ArtefactFaultError
from slipway_lambda.inspect_artefact import limits
from slipway_lambda.inspect_artefact.tar import Member, members
from slipway_lambda.inspect_artefact.unzip import FIX, Unzipped


@dataclass(frozen=True)
class Findings:
    """The archive's identity, and the files in it."""

    sha256: str
    size_bytes: int
    files: tuple[str, ...]


def inspect(packed: BinaryIO, expected_sha256: str | None = None) -> Findings:
    """Read the whole archive. Raises ArtefactFaultError at the first thing that may not be there."""
    archive = Unzipped(packed)
    files: dict[str, Member] = {}
    seen: set[str] = set()
    for member in members(archive):
        path = _safe_path(member)
        if path in seen:
            raise ArtefactFaultError(f"{path!r} is in the archive twice.", FIX)
        seen.add(path)
        if len(seen) > limits.MEMBERS:
            raise ArtefactFaultError(f"The archive has more than {limits.MEMBERS} members.", FIX)
        if not member.folder:
            _check_content(path, member)
            files[path] = member
    archive.finish()
    if not any(path.endswith(limits.MODEL_SUFFIX) for path in files):
        raise ArtefactFaultError(
            f"There is no {limits.MODEL_SUFFIX} file in the archive; it has {', '.join(files) or 'nothing'}.",
            "The training must write its model to /opt/ml/model as UBJ.",
        )
    if expected_sha256 is not None and archive.sha256 != expected_sha256:
        raise ArtefactFaultError(
            f"The archive's sha256 is {archive.sha256}, and {expected_sha256} was expected: it was changed.", FIX
        )
    return Findings(archive.sha256, archive.packed_bytes, tuple(files))


def _safe_path(member: Member) -> str:
    """The path without `./`, as one would be made by unpacking."""
    parts = [part for part in member.path.split("/") if part not in ("", ".")]
    if member.path.startswith("/") or ".." in parts or "\\" in member.path or "\0" in member.path:
        raise ArtefactFaultError(f"{member.path!r} in the archive leads out of it.", FIX)
    if len(member.path) > limits.PATH_CHARACTERS:
        raise ArtefactFaultError(f"A path in the archive has {len(member.path)} characters.", FIX)
    if member.mode & 0o7000:
        raise ArtefactFaultError(f"{member.path!r} in the archive has a set-user, set-group or sticky bit.", FIX)
    if not parts and not member.folder:
        raise ArtefactFaultError("A file in the archive has no name.", FIX)
    return "/".join(parts) or "."


def _check_content(path: str, member: Member) -> None:
    if not path.endswith(limits.SUFFIXES):
        raise ArtefactFaultError(
            f"{path!r} in the archive is not one of {', '.join(limits.SUFFIXES)}.",
            "Save the model as UBJ or JSON: formats such as pickle run code when they are read.",
        )
    if not member.size_bytes:
        raise ArtefactFaultError(f"{path!r} in the archive is empty.", FIX)
    if not member.start.lstrip().startswith(limits.FIRST_BYTES):
        raise ArtefactFaultError(f"{path!r} in the archive does not begin as its name says.", FIX)
