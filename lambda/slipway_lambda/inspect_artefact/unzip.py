"""A gzip stream that is hashed and counted while it is unpacked, and stops at a bomb's first megabytes."""

import hashlib
import zlib
from typing import BinaryIO

from slipway_lambda.contracts.training import ArtefactFaultError
from slipway_lambda.inspect_artefact import limits

CHUNK_BYTES = 256 * 1024
FIX = "Do not use this archive; train again and find out who wrote it."


class Unzipped:
    """Reads a gzip stream. `sha256` and `packed_bytes` are of the packed bytes and complete after `finish`."""

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._gzip = zlib.decompressobj(16 + zlib.MAX_WBITS)
        self._digest = hashlib.sha256()
        self._ready = bytearray()
        self._waiting = b""
        self.packed_bytes = 0
        self.unpacked_bytes = 0

    @property
    def sha256(self) -> str:
        """Lower-case hexadecimal digits."""
        return self._digest.hexdigest()

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes, or fewer at the end of the stream. Memory stays within a few chunks for any archive."""
        while len(self._ready) < size and not self._gzip.eof:
            self._unpack()
        taken = bytes(self._ready[:size])
        del self._ready[:size]
        return taken

    def finish(self) -> None:
        """Read what is left, which must be the end of the archive and nothing behind it."""
        while rest := self.read(CHUNK_BYTES):
            if rest.strip(b"\0"):
                raise ArtefactFaultError("There are bytes after the end of the tar archive.", FIX)
        behind = self._gzip.unused_data
        while True:
            if behind.strip(b"\0"):
                raise ArtefactFaultError("There are bytes after the end of the gzip stream.", FIX)
            if not (behind := self._next()):
                return

    def _unpack(self) -> None:
        packed = self._waiting or self._next()
        if not packed:
            raise ArtefactFaultError(
                "The gzip stream is cut off." if self.packed_bytes else "The archive is empty.", FIX
            )
        try:
            unpacked = self._gzip.decompress(packed, CHUNK_BYTES)
        except zlib.error as error:
            raise ArtefactFaultError(f"The archive is not a gzip stream ({error}).", FIX) from None
        self._waiting = self._gzip.unconsumed_tail
        self.unpacked_bytes += len(unpacked)
        self._ready += unpacked
        if self.unpacked_bytes > limits.UNPACKED_BYTES:
            raise ArtefactFaultError(f"The archive unpacks to more than {limits.UNPACKED_BYTES} bytes.", FIX)
        if self.unpacked_bytes > max(limits.RATIO_FREE_BYTES, limits.RATIO * self.packed_bytes):
            raise ArtefactFaultError(f"The archive unpacks to more than {limits.RATIO} times its size.", FIX)

    def _next(self) -> bytes:
        chunk = self._packed.read(CHUNK_BYTES)
        self._digest.update(chunk)
        self.packed_bytes += len(chunk)
        if self.packed_bytes > limits.COMPRESSED_BYTES:
            raise ArtefactFaultError(f"The archive is larger than {limits.COMPRESSED_BYTES} bytes.", FIX)
        return chunk
