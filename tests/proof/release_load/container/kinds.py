"""What a model does wrong, by its kind, on top of the right answer `0.6 a + 0.3 b + version / 100` to a row `a,b`."""

import json
import os
import resource
import time
from dataclasses import dataclass, field

CSV = "text/csv; charset=utf-8"
AFTER = 5
"""Requests of one process until it crashes, hangs or fails."""
LEAK_BYTES, MEMORY_BYTES = 72 << 20, 512 << 20
DESCRIPTORS = 48


@dataclass
class Answer:
    """`length`: declared Content-Length, if it is not the body's. `seconds`: before it is sent."""

    body: str = ""
    status: int = 200
    content_type: str = CSV
    seconds: float = 0.0
    length: int | None = None
    silent: bool = False
    """No answer: the connection is left open."""
    refused: bool = False
    """The connection is closed without a byte."""


@dataclass
class Model:
    """One process's model."""

    version: int
    kind: str
    slow_seconds: float
    asked: int = 0
    last_row: str = ""
    kept: list[object] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        """What /ping says."""
        return self.kind != "never_healthy"

    @property
    def hangs(self) -> bool:
        """It answers nothing any more, /ping included."""
        return self.kind == "hangs_after_n" and self.asked > AFTER

    def load(self) -> None:
        """Before it listens."""
        if self.kind == "crash_at_start":
            os._exit(3)
        if self.kind == "slow_start":
            time.sleep(3)
        if self.kind == "memory_leak":
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        if self.kind == "descriptor_leak":
            resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))

    def answer(self, row: str) -> Answer:
        """To one request."""
        self.asked += 1
        trick = getattr(self, f"_{self.kind}", None)
        found: Answer = trick(row) if trick else Answer(self._right(row))
        self.last_row = row
        return found

    def _right(self, row: str) -> str:
        a, b = (float(cell) for cell in row.split(","))
        return f"{0.6 * a + 0.3 * b + self.version / 100:.6f}"

    def _every(self, n: int) -> bool:
        return self.asked % n == 0

    def _error_always(self, row: str) -> Answer:
        return Answer("broken", 500)

    def _error_share(self, row: str) -> Answer:
        return Answer("broken", 500) if self._every(3) else Answer(self._right(row))

    def _error_after_n(self, row: str) -> Answer:
        return Answer("broken", 500) if self.asked > AFTER else Answer(self._right(row))

    def _client_error(self, row: str) -> Answer:
        return Answer("column c is missing", 400)

    def _unsupported(self, row: str) -> Answer:
        return Answer("only application/json", 415)

    def _slow_always(self, row: str) -> Answer:
        return Answer(self._right(row), seconds=self.slow_seconds)

    def _slow_tail(self, row: str) -> Answer:
        return Answer(self._right(row), seconds=self.slow_seconds if self._every(8) else 0.0)

    def _constant(self, row: str) -> Answer:
        return Answer("0.500000")

    def _nan(self, row: str) -> Answer:
        return Answer("nan")

    def _nan_share(self, row: str) -> Answer:
        return Answer("nan" if self._every(3) else self._right(row))

    def _swapped_columns(self, row: str) -> Answer:
        return Answer(self._right(",".join(reversed(row.split(",")))))

    def _other_rows(self, row: str) -> Answer:
        return Answer(self._right(self.last_row or row))

    def _wrong_schema(self, row: str) -> Answer:
        return Answer(json.dumps({"probability": float(self._right(row)), "label": 1}), content_type="application/json")

    def _more_columns(self, row: str) -> Answer:
        return Answer(f"{self._right(row)},1")

    def _wrong_type(self, row: str) -> Answer:
        return Answer(f"<html><body>{self._right(row)}</body></html>", content_type="text/html")

    def _empty(self, row: str) -> Answer:
        return Answer("")

    def _truncated(self, row: str) -> Answer:
        return Answer('{"probability": 0.', content_type="application/json", length=400)

    def _memory_leak(self, row: str) -> Answer:
        try:
            self.kept.append(bytearray(LEAK_BYTES))
        except MemoryError:
            os._exit(137)
        return Answer(self._right(row))

    def _descriptor_leak(self, row: str) -> Answer:
        try:
            self.kept.append(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            return Answer(str(error), 500)
        return Answer(self._right(row))

    def _crash_after_n(self, row: str) -> Answer:
        if self.asked > AFTER:
            os._exit(139)
        return Answer(self._right(row))

    def _hangs_after_n(self, row: str) -> Answer:
        return Answer(self._right(row), silent=self.asked > AFTER)

    def _refuses_connections(self, row: str) -> Answer:
        return Answer(refused=True)
