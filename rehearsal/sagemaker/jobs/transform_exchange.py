"""An object's way through the model: payloads out of it, a bounded number of requests at once, answers in order."""

import gzip
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from rehearsal.sagemaker.jobs.transform_data import MAX_RECORD_BYTES, DataError, DataProcessing, batches
from rehearsal.sagemaker.jobs.transform_requests import Settings, invoke
from rehearsal.sagemaker.serving.server import Server


@dataclass(frozen=True)
class Exchange:
    """How the objects of one job are sent. `stamp` makes the members that are added to each record, if any."""

    settings: Settings
    data: DataProcessing
    by_line: bool
    zipped: bool
    before_retry: Callable[[int], None]
    stamp: Callable[[], dict[str, Any]] | None = None

    def answers(self, source: Path, chain: Sequence[Server]) -> Iterator[bytes]:
        """What is written for an object, in the order of its records."""
        with ThreadPoolExecutor(self.settings.concurrent) as pool:
            under_way: deque[Future[bytes]] = deque()
            try:
                for payload in self._payloads(source):
                    if len(under_way) >= self.settings.concurrent:
                        yield under_way.popleft().result()
                    under_way.append(pool.submit(self._answer, payload, chain))
                while under_way:
                    yield under_way.popleft().result()
            finally:
                pool.shutdown(wait=True, cancel_futures=True)

    def _payloads(self, source: Path) -> Iterator[bytes | Path]:
        """The file itself where it is sent as a stream: with neither a bound nor a split."""
        limit_bytes = self.settings.payload_bytes
        if not self.by_line and not limit_bytes and self.data.idle:
            yield source
            return
        with self._opened(source) as file:
            if self.by_line:
                for group in batches(file, limit_bytes, single=self.settings.single_record):
                    yield b"".join(group)
                return
            most = limit_bytes or MAX_RECORD_BYTES
            body = file.read(most + 1)
        if len(body) > most:
            raise DataError(f"too much data for max payload size ({most} bytes)")
        yield body

    def _opened(self, source: Path) -> IO[bytes]:
        return gzip.open(source) if self.zipped else source.open("rb")  # type: ignore[return-value]

    def _answer(self, payload: bytes | Path, chain: Sequence[Server]) -> bytes:
        if isinstance(payload, Path):
            with self._opened(payload) as file:
                return invoke(chain, file, self.settings, self.before_retry)
        prediction = invoke(chain, self.data.request(payload), self.settings, self.before_retry)
        added = [self.stamp() for _ in range(self.data.count(payload))] if self.stamp is not None else []
        return self.data.answer(payload, prediction, added)
