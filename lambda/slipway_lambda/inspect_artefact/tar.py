"""Reading tar headers, strictly: the standard library's reader is lenient, and lenient is how links get in."""

from collections.abc import Iterator
from dataclasses import dataclass

from slipway_lambda.contracts.training import ArtefactFaultError
from slipway_lambda.inspect_artefact import limits
from slipway_lambda.inspect_artefact.unzip import CHUNK_BYTES, FIX, Unzipped

BLOCK = 512
FILE, FOLDER, PAX, GNU_LONG_NAME = b"0", b"5", b"x", b"L"
KINDS = {
    b"1": "a hard link",
    b"2": "a symbolic link",
    b"3": "a device",
    b"4": "a device",
    b"6": "a pipe",
    b"g": "global headers",
}


@dataclass(frozen=True)
class Member:
    """A file or folder of the archive. `start`: the first bytes of its content."""

    path: str
    folder: bool
    size_bytes: int
    mode: int
    start: bytes


def members(archive: Unzipped) -> Iterator[Member]:
    """Every file and folder, in order. Raises ArtefactFaultError at anything else."""
    path = ""
    while True:
        header = archive.read(BLOCK)
        if len(header) < BLOCK:
            raise ArtefactFaultError("The tar archive is cut off.", FIX)
        if header == bytes(BLOCK):
            return
        _check_sum(header)
        size, kind = _number(header[124:136]), header[156:157].replace(b"\0", FILE)
        if kind in (PAX, GNU_LONG_NAME):
            path = _long_path(archive, kind, size)
            continue
        path = path or _short_path(header)
        if kind not in (FILE, FOLDER):
            raise ArtefactFaultError(f"{path!r} in the archive is {KINDS.get(kind, f'of kind {kind!r}')}.", FIX)
        size = size if kind == FILE else 0
        start = archive.read(min(size, 16))
        _skip(archive, size - len(start), -size % BLOCK)
        yield Member(path, kind == FOLDER, size, _number(header[100:108]), start)
        path = ""


def _check_sum(header: bytes) -> None:
    if header[257:262] != b"ustar":
        raise ArtefactFaultError("The archive is not a tar of the ustar family.", FIX)
    if sum(header[:148]) + 8 * 32 + sum(header[156:]) != _number(header[148:156]):
        raise ArtefactFaultError("A header of the tar archive has a wrong checksum.", FIX)


def _number(field: bytes) -> int:
    """Octal digits. The binary form is for sizes over 8 GiB, more than is allowed."""
    text = field.strip(b"\0 ")
    try:
        return int(text, 8) if text else 0
    except ValueError:
        raise ArtefactFaultError("A header of the tar archive has a number that is not octal.", FIX) from None


def _short_path(header: bytes) -> str:
    name, prefix = header[:100].split(b"\0")[0], header[345:500].split(b"\0")[0]
    # GNU tar keeps times where POSIX keeps the prefix.
    return _decode(prefix + b"/" + name if prefix and header[257:263] == b"ustar\0" else name)


def _long_path(archive: Unzipped, kind: bytes, size: int) -> str:
    if size > limits.PAX_BYTES:
        raise ArtefactFaultError(f"A header of the tar archive has {size} bytes.", FIX)
    body = archive.read(size)
    _skip(archive, 0, -size % BLOCK)
    return _decode(body.rstrip(b"\0")) if kind == GNU_LONG_NAME else _pax_path(body)


def _pax_path(body: bytes) -> str:
    """The path in records such as `18 path=model.ubj\\n`. Times and owners mean nothing here; what moves content is
    refused."""
    path = ""
    while body:
        digits, space, _ = body.partition(b" ")
        length = int(digits) if space and digits.isdigit() else 0
        key, equals, value = body[len(digits) + 1 : length].partition(b"=")
        if not equals or length > len(body) or not value.endswith(b"\n"):
            raise ArtefactFaultError("An extended header of the tar archive cannot be read.", FIX)
        if key in (b"size", b"linkpath") or key.startswith(b"GNU.sparse"):
            raise ArtefactFaultError(f"An extended header of the tar archive sets {_decode(key)}.", FIX)
        path = _decode(value[:-1]) if key == b"path" else path
        body = body[length:]
    return path


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ArtefactFaultError("A name in the tar archive is not UTF-8 text.", FIX) from None


def _skip(archive: Unzipped, content: int, padding: int) -> None:
    left = content + padding
    while left:
        taken = len(archive.read(min(left, CHUNK_BYTES)))
        if not taken:
            raise ArtefactFaultError("The tar archive is cut off.", FIX)
        left -= taken
