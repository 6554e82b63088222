"""model.tar.gz: packed from a job's model directory, and unpacked only when every member is harmless."""

import tarfile
from pathlib import Path, PurePosixPath
from typing import IO

MAX_MEMBERS = 10_000
MAX_BYTES = 8 << 30
MAX_RATIO = 200  # unpacked to packed; a trained model does not compress like this, a bomb does
MAX_NAME = 1024


class ArchiveError(Exception):
    """The archive is hostile or not a tar.gz; nothing of it was written."""


def pack(directory: Path, target: Path) -> int:
    """Regular files of a directory into a tar.gz with paths relative to it. Returns their number; 0 writes nothing."""
    files = [path for path in sorted(directory.rglob("*")) if path.is_file() and not path.is_symlink()]
    if not files:
        return 0
    with tarfile.open(target, "w:gz") as tar:
        for path in files:
            tar.add(path, arcname=path.relative_to(directory).as_posix(), recursive=False)
    return len(files)


def unpack(source: Path, directory: Path) -> None:
    """Check all members first, then extract them as plain read-only files."""
    try:
        with tarfile.open(source, "r:gz") as tar:
            members = _checked(tar, source.stat().st_size)
            for member in members:
                _extract(tar, member, directory)
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # of the disk, not of the archive
        raise ArchiveError(f"not a valid tar.gz archive ({error})") from error
    for path in directory.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)


def _checked(tar: tarfile.TarFile, packed: int) -> list[tarfile.TarInfo]:
    seen: set[PurePosixPath] = set()
    members: list[tarfile.TarInfo] = []
    total = 0
    for member in tar:
        path = PurePosixPath(member.name)
        name = member.name[:100]
        if len(member.name) > MAX_NAME or len(members) >= MAX_MEMBERS:
            raise ArchiveError(f"more than {MAX_MEMBERS} members or a name longer than {MAX_NAME} characters")
        if path.is_absolute() or ".." in path.parts or "\\" in member.name or "\0" in member.name:
            raise ArchiveError(f'member "{name}" leaves the model directory')
        if not (member.isreg() or member.isdir()):
            raise ArchiveError(f'member "{name}" is a link or a device, not a file')
        if member.mode & 0o6000:
            raise ArchiveError(f'member "{name}" has its setuid or setgid bit set')
        if member.isreg() and path in seen:
            raise ArchiveError(f'member "{name}" occurs twice')
        seen.add(path)
        total += member.size
        if total > MAX_BYTES or (total > 1 << 24 and total > packed * MAX_RATIO):
            raise ArchiveError(f"unpacks to more than {total} bytes from {packed}: too much for a model")
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
    with source, target.open("xb") as file:
        while chunk := source.read(1 << 20):
            file.write(chunk)
