"""In-memory ports, for handlers."""

import io
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from slipway_lambda.ports.objects import Listed, ObjectMissingError


class MemoryObjects:
    """Objects by (bucket, key). `reads` counts what was fetched."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], bytes] = {}
        self.reads: list[str] = []

    def put(self, bucket: str, key: str, body: bytes | str) -> None:
        self.held[bucket, key] = body.encode() if isinstance(body, str) else body

    def list(self, bucket: str, prefix: str) -> Iterator[Listed]:
        for (b, key), body in sorted(self.held.items()):
            if b == bucket and key.startswith(prefix):
                yield Listed(key, f"etag-{hash(body)}", len(body))

    def head(self, bucket: str, key: str, limit_bytes: int) -> bytes:
        return self._get(bucket, key)[:limit_bytes]

    def tail(self, bucket: str, key: str, limit_bytes: int) -> bytes:
        return self._get(bucket, key)[-limit_bytes:]

    def stream(self, bucket: str, key: str) -> BinaryIO:
        return io.BytesIO(self._get(bucket, key))

    def write(self, bucket: str, key: str, body: bytes) -> None:
        self.held[bucket, key] = body

    def _get(self, bucket: str, key: str) -> bytes:
        self.reads.append(key)
        if (bucket, key) not in self.held:
            raise ObjectMissingError(f"There is no object s3://{bucket}/{key}.")
        return self.held[bucket, key]


@pytest.fixture
def objects() -> MemoryObjects:
    """An empty S3."""
    return MemoryObjects()
