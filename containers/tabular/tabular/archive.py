"""Our own reader of model.tar.gz: everything is checked before anything is written.

Python's tarfile strips leading slashes, drops setuid bits and lets the last of two equal members win without a word;
a model archive has no business with any of these, so each is refused by name.
"""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from tabular.faults import ArtefactFault, ContractFault

BLOCK = 512
MEMBERS_AT_MOST = 100
BYTES_AT_MOST = 512 << 20
RATIO_AT_MOST = 200
RATIO_FROM_BYTES = 8 << 20
HEADER_BYTES_AT_MOST = 64 << 10
PATH_AT_MOST = 200
PADDING_AT_MOST = 1 << 20
KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"S": "a sparse file",
}
FILE_KINDS = (b"0", b"\0", b"7")


@dataclass(frozen=True)
class Member:
    """A regular file of the archive."""

    name: str
    size: int


def sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise ContractFault(f"{path} is missing: the job needs the model artefact there") from None


def extract(path: Path, directory: Path, allowed: frozenset[str]) -> list[Member]:
    """Write the archive's files into `directory` (which must be empty), or raise and write nothing."""
    with path.open("rb") as file:
        members = _walk(file, path, allowed, None)  # the first pass writes nothing
        file.seek(0)
        _walk(file, path, allowed, directory)
    return members


def _walk(file: BinaryIO, path: Path, allowed: frozenset[str], directory: Path | None) -> list[Member]:
    limit = max(RATIO_FROM_BYTES, path.stat().st_size * RATIO_AT_MOST)
    members: list[Member] = []
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            reader = _Reader(stream.read, path.name, limit)
            for member in reader.members():
                if member.name not in allowed:
                    raise ArtefactFault(f"{path.name}: {member.name!r} is not one of {', '.join(sorted(allowed))}")
                members.append(member)
                target = None if directory is None else directory / member.name
                reader.copy(member.size, target)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise ArtefactFault(f"{path.name} is not a whole gzip file ({error}): upload it again") from None
    if not members:
        raise ArtefactFault(f"{path.name} is empty")
    return members


class _Reader:
    """Headers and payload of a tar stream, with every limit."""

    def __init__(self, read: Callable[[int], bytes], where: str, limit: int) -> None:
        self._read, self._where, self._limit, self._bytes = read, where, min(limit, BYTES_AT_MOST), 0

    def _take(self, size: int) -> bytes:
        self._bytes += size
        if self._bytes > self._limit:
            raise self._fault(f"expands to over {self._limit} bytes, {RATIO_AT_MOST} times its size or our limit")
        data = self._read(size)
        while len(data) < size and (more := self._read(size - len(data))):
            data += more
        if len(data) < size:
            raise self._fault("ends in the middle of a member")
        return data

    def _fault(self, text: str) -> ArtefactFault:
        return ArtefactFault(f"{self._where}: {text}")

    def members(self) -> Iterator[Member]:
        """Files in order; the caller copies each before asking for the next."""
        seen: set[str] = set()
        extended: dict[str, str] = {}
        count = 0
        while (header := self._take(BLOCK)).strip(b"\0"):
            count += 1
            if count > MEMBERS_AT_MOST:
                raise self._fault(f"has over {MEMBERS_AT_MOST} members")
            self._check_sum(header)
            kind, size = header[156:157], self._octal(header[124:136])
            if kind in (b"x", b"L"):
                extended |= self._extended(kind, size)
                continue
            name = extended.pop("path", None) or self._name(header)
            if "size" in extended:
                size = self._decimal(extended.pop("size"))
            extended = {}
            clean = self._check(name, kind, self._octal(header[100:108]), size)
            if kind == b"5":
                continue
            if clean in seen:
                raise self._fault(f"holds {clean!r} twice")
            seen.add(clean)
            yield Member(clean, size)
        self._end()

    def copy(self, size: int, target: Path | None) -> None:
        left = size
        if target is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
        out = None if target is None else target.open("xb")
        try:
            while left:
                part = self._take(min(left, 1 << 20))
                left -= len(part)
                if out:
                    out.write(part)
        finally:
            if out:
                out.close()
        self._take(-size % BLOCK)

    def _check(self, name: str, kind: bytes, mode: int, size: int) -> str:
        if kind in KINDS:
            raise self._fault(f"{name!r} is {KINDS[kind]}")
        if kind not in (*FILE_KINDS, b"5"):
            raise self._fault(f"{name!r} is of the unknown kind {kind!r}")
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or "\\" in name or not name.isprintable():
            raise self._fault(f"{name!r} would leave the model's directory or hide its name")
        if len(name) > PATH_AT_MOST:
            raise self._fault(f"a path is over {PATH_AT_MOST} characters long")
        if mode & 0o7000:
            raise self._fault(f"{name!r} is setuid, setgid or sticky")
        if size > BYTES_AT_MOST or (kind == b"5" and size):
            raise self._fault(f"{name!r} says it is {size} bytes, over {BYTES_AT_MOST}")
        return str(path)

    def _name(self, header: bytes) -> str:
        name = header[:100].split(b"\0")[0]
        prefix = header[345:500].split(b"\0")[0] if header[257:263] == b"ustar\0" else b""
        return self._text(prefix + b"/" + name if prefix else name)

    def _extended(self, kind: bytes, size: int) -> dict[str, str]:
        if size > HEADER_BYTES_AT_MOST:
            raise self._fault(f"an extended header is {size} bytes, over {HEADER_BYTES_AT_MOST}")
        data = self._take(size + (-size % BLOCK))[:size]
        if kind == b"L":
            return {"path": self._text(data.rstrip(b"\0"))}
        found: dict[str, str] = {}
        while data:
            length, _, _ = data.partition(b" ")
            end = self._decimal(self._text(length))
            if not len(length) < end <= len(data):
                raise self._fault("has a broken extended header")
            key, _, value = data[len(length) + 1 : end - 1].partition(b"=")
            found[self._text(key)] = self._text(value)
            data = data[end:]
        if strange := sorted(k for k in found if k.startswith("GNU.sparse") or k == "linkpath"):
            raise self._fault(f"has an extended header with {strange[0]}")
        return found

    def _text(self, data: bytes) -> str:
        try:
            return data.decode()
        except UnicodeDecodeError:
            raise self._fault(f"has a name that is not UTF-8: {data[:40]!r}") from None

    def _octal(self, data: bytes) -> int:
        text = data.strip(b"\0 ") or b"0"
        if any(c not in b"01234567" for c in text):
            raise self._fault("is not a tar archive, or a header is damaged")
        return int(text, 8)

    def _decimal(self, text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise self._fault("has a broken extended header")
        return int(text)

    def _check_sum(self, header: bytes) -> None:
        if sum(header[:148]) + 8 * 32 + sum(header[156:]) != self._octal(header[148:156]):
            raise self._fault("is not a tar archive, or a header is damaged")

    def _end(self) -> None:
        left = PADDING_AT_MOST
        while data := self._read(min(left, 1 << 16)):
            left -= len(data)
            if data.strip(b"\0") or not left:
                raise self._fault("has data after its end")
