"""A container's stdout and stderr as lines, bounded: what prints without end neither blocks nor fills memory."""

import os
import time
from collections.abc import Callable

MAX_LINE_BYTES = 256 << 10  # one CloudWatch Logs event
BURST_BYTES = 8 << 20
REFILL_BYTES_PER_SECOND = 64 << 10

Sink = Callable[[list[str]], None]


class LineReader:
    """Reads a pipe to its end. Keeps `burst` bytes at once and `refill` bytes a second in the long run.

    What goes beyond is read, so that the container does not block on it, and thrown away; lines tell so and how much. A
    longer line than one log event holds is cut into several.
    """

    def __init__(self, sink: Sink, burst: int = BURST_BYTES, refill: int = REFILL_BYTES_PER_SECOND) -> None:
        self._sink = sink
        self._burst = burst
        self._refill = refill
        self._left = float(burst)
        self._at = time.monotonic()
        self._dropped = 0
        self._rest = b""

    def read(self, descriptor: int) -> None:
        """Until the last writer is gone."""
        while chunk := os.read(descriptor, 65536):
            self._take(chunk)
        if self._rest:
            self._keep([self._rest])
            self._rest = b""
        self._tell()

    def _take(self, chunk: bytes) -> None:
        now = time.monotonic()
        self._left = min(float(self._burst), self._left + (now - self._at) * self._refill)
        self._at = now
        if self._left < len(chunk):
            if not self._dropped:
                self._sink(
                    [
                        f"[log truncated: the log takes {self._burst} bytes at once and {self._refill} bytes a second; "
                        "what follows is not kept]"
                    ]
                )
            self._dropped += len(chunk) + len(self._rest)
            self._rest = b""
            return
        self._left -= len(chunk)
        self._tell()
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            lines.append(self._rest)
            self._rest = b""
        if lines:
            self._keep(lines)

    def _keep(self, lines: list[bytes]) -> None:
        pieces = [
            line[start : start + MAX_LINE_BYTES]
            for line in lines
            for start in range(0, max(1, len(line)), MAX_LINE_BYTES)
        ]
        self._sink([piece.decode("utf-8", "replace").rstrip("\r") for piece in pieces])

    def _tell(self) -> None:
        if self._dropped:
            self._sink([f"[log truncated: {self._dropped} bytes of output are not kept]"])
            self._dropped = 0
