"""model.tar.gz: packed from a job's model directory, and unpacked only when every member is harmless."""

import contextlib
import gzip
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any

from rehearsal.sagemaker.objects import regular_files

MAX_MEMBERS = 10_000
MAX_BYTES = 8 << 30
MAX_RATIO = 200  # unpacked to packed; a trained model does not compress like this, a bomb does
MAX_NAME = 1024
MAX_COMPONENT = 255  # bytes; no file system of ours takes more
_RATIO_FROM_BYTES = 1 << 24  # a small archive may well be all zeros
_MAX_READ_BYTES = 1 << 22  # no header is longer than this, and data is asked for in smaller pieces


class ArchiveError(Exception):
    """The archive is hostile or not a tar.gz; nothing of it was written."""


def pack(directories: Path | Sequence[Path], target: Path) -> int:
    """Regular files of directories into one tar.gz, paths relative to theirs; of a name twice the first is kept.

    Returns their number; 0 writes nothing.
    """
    roots = [directories] if isinstance(directories, Path) else directories
    files: dict[str, Path] = {}
    for root in roots:
        for path in regular_files(root):
            files.setdefault(path.relative_to(root).as_posix(), path)
    if not files:
        return 0
    with tarfile.open(target, "w:gz") as tar:
        for name, path in sorted(files.items()):
            tar.add(path, arcname=name, recursive=False)
    return len(files)


def unpack(source: Path, directory: Path) -> None:
    """Check all members first, then extract them as plain read-only files."""
    try:
        with gzip.open(source) as unzipped, tarfile.open(fileobj=_bounded(unzipped, source), mode="r:") as tar:
            members = _checked(tar, source.stat().st_size)
            for member in members:
                _extract(tar, member, directory)
    except BaseException as error:
        _empty(directory)
        if isinstance(error, ArchiveError) or (isinstance(error, OSError) and error.errno is not None):
            raise  # an errno is of the disk, not of the archive
        if isinstance(error, (tarfile.TarError, zlib.error, EOFError, OSError, ValueError)):
            raise ArchiveError(f"not a valid tar.gz archive ({error})") from error
        raise
    for path in directory.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)


class _Bounded:
    """A decompressed stream that ends a bomb where it is met, whatever its headers say about sizes."""

    def __init__(self, stream: Any, packed: int) -> None:
        self._stream = stream
        self._packed = packed

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_READ_BYTES:
            raise ArchiveError(f"a header of {size} bytes: too much for a model")
        data: bytes = self._stream.read(size)
        _check_size(self._stream.tell(), self._packed)
        return data

    def seek(self, position: int) -> int:
        _check_size(position, self._packed)
        return int(self._stream.seek(position))

    def tell(self) -> int:
        return int(self._stream.tell())


def _bounded(stream: Any, source: Path) -> Any:
    return _Bounded(stream, source.stat().st_size)


def _check_size(total: int, packed: int) -> None:
    if total > MAX_BYTES or (total > _RATIO_FROM_BYTES and total > packed * MAX_RATIO):
        raise ArchiveError(f"unpacks to {total} bytes or more from {packed}: too much for a model")


def _checked(tar: Iterable[tarfile.TarInfo], packed: int) -> list[tarfile.TarInfo]:
    files: set[PurePosixPath] = set()
    folders = {PurePosixPath()}
    members: list[tarfile.TarInfo] = []
    total = 0
    for member in tar:
        path = PurePosixPath(member.name)
        name = member.name[:100]
        if len(members) >= MAX_MEMBERS:
            raise ArchiveError(f"more than {MAX_MEMBERS} members")
        if len(member.name) > MAX_NAME or any(len(part.encode()) > MAX_COMPONENT for part in path.parts):
            raise ArchiveError(f'the name of member "{name}…" is too long')
        if path.is_absolute() or ".." in path.parts or "\\" in member.name or "\0" in member.name:
            raise ArchiveError(f'member "{name}" leaves the model directory')
        if not (member.isreg() or member.isdir()):
            raise ArchiveError(f'member "{name}" is a link or a device, not a file')
        if member.issparse():
            raise ArchiveError(f'member "{name}" is a sparse file')
        if member.mode & 0o6000:
            raise ArchiveError(f'member "{name}" has its setuid or setgid bit set')
        if member.size < 0:
            raise ArchiveError(f'member "{name}" has a size below zero')
        if path in files or (member.isreg() and path in folders) or not files.isdisjoint(path.parents):
            raise ArchiveError(f'member "{name}" occurs twice, or lies in a file')
        folders.update(path.parents)
        (files if member.isreg() else folders).add(path)
        total += member.size
        _check_size(total, packed)
        members.append(member)
    return members


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, directory: Path) -> None:
    target = directory / member.name
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source: IO[bytes] | None = tar.extractfile(member)
    assert source is not None
    left = member.size
    with source, target.open("xb") as file:
        while chunk := source.read(1 << 20):
            left -= len(chunk)
            file.write(chunk)
    if left:
        raise ArchiveError(f'not a valid tar.gz archive (member "{member.name[:100]}" ends early)')


def _empty(directory: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        for path in directory.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
