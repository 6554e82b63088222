"""Pipe mode: a channel as named pipes, `<channel>_0` for the first epoch, `<channel>_1` for the second, and so on."""

import contextlib
import errno
import json
import os
import select
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.sagemaker import objects
from rehearsal.sagemaker.objects import Item

_RECORD_MAGIC = 0xCED7230A
_RECORD_BYTES = (1 << 29) - 1  # the length field's other three bits mark records in several parts
_OPEN_SECONDS = 0.02  # a pipe gives no sign that a reader came: it is asked


@dataclass(frozen=True)
class Feed:
    """What goes into the pipe: objects one after the other, unzipped, or each wrapped as one RecordIO record.

    With `attributes` the objects are augmented manifests: of every JSON line these attributes follow one another, the
    object a `…-ref` attribute names in place of its name. `arrange` shuffles and shares out what there is for an
    epoch: objects, or lines of augmented manifests.
    """

    client: Any
    items: Sequence[Item]
    arrange: Callable[[Sequence[Any], int], list[Any]]
    unzip: bool = False
    record_io: bool = False
    attributes: tuple[str, ...] = ()

    def chunks(self, epoch: int) -> Iterator[bytes]:
        """The bytes of one epoch, in pieces."""
        if self.attributes:
            lines = [line for item in self.items for line in b"".join(self._bytes(item)).splitlines() if line.strip()]
            for line in self.arrange(lines, epoch):
                for record in self._attributes(json.loads(line)):
                    yield self._wrapped(record)
            return
        for item in self.arrange(self.items, epoch):
            if self.record_io:
                yield self._wrapped(b"".join(self._bytes(item)))
            else:
                yield from self._bytes(item)

    def _bytes(self, item: Item) -> Iterator[bytes]:
        pieces = objects.read(self.client, item.bucket, item.key)
        return _unzipped(pieces) if self.unzip else pieces

    def _attributes(self, entry: dict[str, Any]) -> Iterator[bytes]:
        for name in self.attributes:
            value = entry[name]
            if name.endswith("-ref"):
                yield b"".join(objects.read(self.client, *objects.parse_uri(value)))
            else:
                yield (value if isinstance(value, str) else json.dumps(value)).encode()

    def _wrapped(self, record: bytes) -> bytes:
        if not self.record_io:
            return record
        if len(record) > _RECORD_BYTES:
            raise ValueError(f"a RecordIO record of {len(record)} bytes: at most {_RECORD_BYTES} fit")
        return struct.pack("<II", _RECORD_MAGIC, len(record)) + record + b"\0" * (-len(record) % 4)


class Pipe:
    """Makes the pipe of the next epoch as soon as the current one is opened, and fills it while it is read."""

    def __init__(self, path: Path, feed: Feed) -> None:
        self.path = path
        self.error = ""
        self._feed = feed
        self._stop = threading.Event()
        self._make(0)

    def _make(self, epoch: int) -> Path:
        pipe = self.path.with_name(f"{self.path.name}_{epoch}")
        with contextlib.suppress(FileExistsError):
            os.mkfifo(pipe)
        return pipe

    def serve(self) -> None:
        """Epoch after epoch, until `close`. A failure is kept in `error`; the reader sees the end of the data."""
        epoch = 0
        with contextlib.suppress(OSError):  # the directory is gone: the job has ended
            while (descriptor := self._open(self._make(epoch))) is not None:
                epoch += 1
                self._make(epoch)
                try:
                    self._fill(descriptor, epoch - 1)
                finally:
                    os.close(descriptor)

    def close(self) -> None:
        """End within moments."""
        self._stop.set()

    def _open(self, pipe: Path) -> int | None:
        while not self._stop.is_set():
            try:
                return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                self._stop.wait(_OPEN_SECONDS)
        return None

    def _fill(self, descriptor: int, epoch: int) -> None:
        try:
            for chunk in self._feed.chunks(epoch):
                if not self._write(descriptor, chunk):
                    return
        except BrokenPipeError:
            return  # the reader had enough of this epoch
        except Exception as error:
            self.error = f"Data download failed:{self.path.name}: {error}"
            self._stop.set()

    def _write(self, descriptor: int, chunk: bytes) -> bool:
        view = memoryview(chunk)
        while view:
            if self._stop.is_set():
                return False
            if select.select([], [descriptor], [], 0.1)[1]:
                with contextlib.suppress(BlockingIOError):
                    view = view[os.write(descriptor, view[:65536]) :]
        return True


def _unzipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """gzip, of several members too."""
    stream = zlib.decompressobj(wbits=31)
    for piece in pieces:
        data = piece
        while data:
            yield stream.decompress(data, 1 << 20)
            data = stream.unconsumed_tail
            if stream.eof:
                data = stream.unused_data
                stream = zlib.decompressobj(wbits=31)
