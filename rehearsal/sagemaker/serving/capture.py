"""Data capture: a share of requests and answers as JSON lines in S3, by the UTC hour of the invocation."""

import base64
import json
import logging
import math
import random
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from rehearsal.host import Host, Scope
from rehearsal.sagemaker.faults import Faults, declare
from rehearsal.sagemaker.objects import parse_uri

MAX_BUFFER_BYTES = 32 << 20  # one target; beyond it the oldest batch is dropped, as the service stops on a full disk

declare("E02", "endpoint")  # capture stops: the disk is more than 75 % full
declare("E14", "endpoint")  # a record comes in BASE64 though its content type is listed

log = logging.getLogger("slipway.capture")


@dataclass(frozen=True)
class CaptureTarget:
    """Where one variant's records go, and with whose rights."""

    scope: Scope
    endpoint: str
    variant: str
    role: str
    destination: str
    percent: int
    modes: frozenset[str]
    csv_types: frozenset[str]
    json_types: frozenset[str]
    key: str | None = None  # KMS

    @classmethod
    def of(cls, config: dict[str, Any], scope: Scope, endpoint: str, variant: str, role: str) -> "CaptureTarget | None":
        """From a DataCaptureConfig; None when capture is off."""
        if not config or not config.get("EnableCapture", True):
            return None
        modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
        if "InputAndOutput" in modes:
            modes |= {"Input", "Output"}
        types = config.get("CaptureContentTypeHeader", {})
        return cls(
            scope, endpoint, variant, role, config["DestinationS3Uri"], config["InitialSamplingPercentage"],
            frozenset(modes), frozenset(types.get("CsvContentTypes", ())), frozenset(types.get("JsonContentTypes", ())),
            config.get("KmsKeyId"),
        )  # fmt: skip

    def side(self, mode: str, content_type: str, body: bytes, *, as_base64: bool = False) -> dict[str, str]:
        """`endpointInput` or `endpointOutput`. Types that the config does not list are BASE64, as documented."""
        kind = content_type.partition(";")[0].strip()
        if as_base64:
            encoding = "BASE64"
        elif kind in self.csv_types or content_type in self.csv_types:
            encoding = "CSV"
        elif kind in self.json_types or content_type in self.json_types:
            encoding = "JSON"
        else:
            encoding = "BASE64"
        try:
            data = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode()
        except UnicodeDecodeError:  # text only by its content type
            data, encoding = base64.b64encode(body).decode(), "BASE64"
        return {"observedContentType": content_type, "mode": mode, "data": data, "encoding": encoding}


def _sampler(target: CaptureTarget) -> Iterator[bool]:
    """Whether to take the next request: exactly the percentage of each block of requests, at positions drawn by a seed.

    Drawn, so that a pattern in the traffic (every second caller) cannot hide from it; seeded by the endpoint's and
    variant's name, so that a rehearsal captures the same requests each time. A block is as short as the percentage
    allows: 4 requests at 25 %.
    """
    common = math.gcd(target.percent, 100)
    size, taken = 100 // common, target.percent // common
    drawn = random.Random(f"{target.endpoint}/{target.variant}")
    while True:
        chosen = set(drawn.sample(range(size), taken))
        for position in range(size):
            yield position in chosen


@dataclass
class _Buffer:
    lines: list[str] = field(default_factory=list)
    size: int = 0
    first: float = 0.0


class Capture:
    """Buffers records and writes them every few seconds of the wall, one object a target and hour."""

    def __init__(self, host: Host, seconds: float, faults: Faults) -> None:
        self._host = host
        self._seconds = seconds
        self._faults = faults
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._buffers: dict[tuple[CaptureTarget, int], _Buffer] = {}
        self._samplers: dict[CaptureTarget, Iterator[bool]] = {}
        self._stop = threading.Event()
        self.failures = 0
        self._thread = threading.Thread(target=self._serve, name="sagemaker-capture", daemon=True)
        self._thread.start()

    def record(
        self,
        target: CaptureTarget,
        request: tuple[str, bytes],
        answer: tuple[str, bytes],
        inference_id: str | None,
        *,
        custom_attributes: str | None = None,
        source: str | None = None,
    ) -> None:
        """Take one invocation (content type and body of both sides), if the sampling says so.

        `source` is eventMetadata's invocationSource, for a copy that a shadow variant got.
        """
        with self._lock:
            sampler = self._samplers.get(target)
            if sampler is None:
                sampler = self._samplers[target] = _sampler(target)
            if not next(sampler):
                return
        if self._faults.take("E02", endpoint=target.endpoint):
            return  # the instance's disk is too full: the service stops to capture, and says so nowhere
        mixed = self._faults.take("E14", endpoint=target.endpoint) is not None
        now = self._host.clock.now()
        data = {}
        if "Input" in target.modes:
            data["endpointInput"] = target.side("INPUT", *request, as_base64=mixed)
        if "Output" in target.modes:
            data["endpointOutput"] = target.side("OUTPUT", *answer, as_base64=mixed)
        metadata: dict[str, Any] = {"eventId": str(uuid.uuid4())}
        if custom_attributes:
            metadata["customAttributes"] = [custom_attributes]
        if inference_id:
            metadata["inferenceId"] = inference_id
        if source:
            metadata["invocationSource"] = source
        metadata["inferenceTime"] = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        line = json.dumps({"captureData": data, "eventMetadata": metadata, "eventVersion": "0"}, ensure_ascii=False)
        with self._lock:
            buffer = self._buffers.setdefault((target, int(now // 3600)), _Buffer(first=now))
            buffer.lines.append(line)
            buffer.size += len(line)

    def flush(self) -> None:
        """Write what is buffered. What cannot be written stays, up to a bound, and is tried again."""
        with self._writing:
            with self._lock:
                taken, self._buffers = self._buffers, {}
            for (target, hour), buffer in taken.items():
                try:
                    self._write(target, buffer)
                except Exception as error:
                    log.warning("captured requests of %s could not be written: %s", target.endpoint, error)
                    self.failures += 1
                    self._put_back(target, hour, buffer)

    def _write(self, target: CaptureTarget, buffer: _Buffer) -> None:
        moment = datetime.fromtimestamp(buffer.first, UTC)
        bucket, prefix = parse_uri(target.destination)
        name = f"{moment:%M-%S}-{moment.microsecond // 1000:03d}-{uuid.uuid4()}.jsonl"
        path = f"{target.endpoint}/{target.variant}/{moment:%Y/%m/%d/%H}/{name}"
        key = f"{prefix.rstrip('/')}/{path}" if prefix.strip("/") else path
        client = self._host.client("s3", target.role, target.scope)
        body = ("\n".join(buffer.lines) + "\n").encode()
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": target.key} if target.key else {}
        client.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json", **encryption)

    def _put_back(self, target: CaptureTarget, hour: int, buffer: _Buffer) -> None:
        if buffer.size > MAX_BUFFER_BYTES:
            return
        with self._lock:
            newer = self._buffers.get((target, hour))
            if newer is not None:
                buffer.lines += newer.lines
                buffer.size += newer.size
            self._buffers[(target, hour)] = buffer

    def close(self) -> None:
        """Write the rest and end."""
        self._stop.set()
        self._thread.join(5)
        self.flush()

    def _serve(self) -> None:
        last = time.monotonic()
        while not self._stop.wait(min(0.25, self._seconds)):
            hour = int(self._host.clock.now() // 3600)
            with self._lock:
                turned = any(key[1] != hour for key in self._buffers)
            if turned or time.monotonic() - last >= self._seconds:
                self.flush()
                last = time.monotonic()
