"""Records of a batch transform: split from objects, grouped into payloads, filtered, joined with their predictions."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from rehearsal.sagemaker.jobs.json_path import JsonPath, parse

MAX_RECORD_BYTES = 100 << 20  # the most a payload may be
_ALL = "$"
_FORMATS = {"text/csv": "csv", "application/json": "json", "application/jsonlines": "json"}


class DataError(Exception):
    """A record cannot be processed; the text goes to the job's log."""


def batches(file: IO[bytes], limit_bytes: int, *, single: bool) -> Iterator[list[bytes]]:
    """A file's lines grouped so that a payload is at most `limit_bytes` (0: the most there is), or one by one."""
    group: list[bytes] = []
    size, most = 0, limit_bytes or MAX_RECORD_BYTES
    while line := file.readline(most + 1):
        if not line.strip():
            continue
        if len(line) > most:
            raise DataError(f"a record of more than {most} bytes: too much data for max payload size")
        if group and (single or size + len(line) > most):
            yield group
            group, size = [], 0
        group.append(line)
        size += len(line)
    if group:
        yield group


@dataclass(frozen=True)
class DataProcessing:
    """InputFilter, JoinSource and OutputFilter of a request. `by_line` tells whether a payload has a record a line."""

    input_filter: JsonPath
    output_filter: JsonPath
    join: bool
    content: str  # csv, json, or "" for what cannot be filtered
    by_line: bool

    @classmethod
    def of(cls, given: dict[str, Any], content_type: str, split_type: str) -> "DataProcessing":
        """From the request. Raises ValueError for paths and combinations that the service refuses."""
        media = content_type.partition(";")[0].strip().lower()
        content = _FORMATS.get(media, "")
        paths = [parse(given.get(member, _ALL)) for member in ("InputFilter", "OutputFilter")]
        join = given.get("JoinSource", "None") == "Input"
        if not content and (join or any(path.steps for path in paths)):
            raise ValueError(f"DataProcessing needs ContentType text/csv, application/json or jsonlines, not {media!r}")
        by_line = split_type == "Line" or content == "csv" or media.endswith("jsonlines")
        return cls(paths[0], paths[1], join, content, by_line)

    @property
    def idle(self) -> bool:
        """Whether payloads and answers pass through as they are."""
        return not (self.join or self.input_filter.steps or self.output_filter.steps)

    def request(self, payload: bytes) -> bytes:
        """What is sent for a payload."""
        if not self.input_filter.steps:
            return payload
        return self._write([self._select(self.input_filter, record) for record in self._read(payload)])

    def answer(self, payload: bytes, prediction: bytes, added: Sequence[dict[str, Any]] = ()) -> bytes:
        """What is written for the payload's prediction; `added` are members to add to each record."""
        if not (self.join or self.output_filter.steps or added):
            return prediction
        outputs = self._read(prediction)
        if self.join:
            inputs = self._read(payload)
            if len(inputs) != len(outputs):
                raise DataError(
                    f"{len(inputs)} input records and {len(outputs)} predictions cannot be joined one by one"
                )
            outputs = [self._joined(one, other) for one, other in zip(inputs, outputs, strict=True)]
        if added:
            outputs = [self._extended(one, extra) for one, extra in zip(outputs, added, strict=False)]
        return self._write([self._select(self.output_filter, record) for record in outputs])

    def count(self, payload: bytes) -> int:
        """Records in a payload."""
        return len(self._read(payload))

    def _select(self, path: JsonPath, record: Any) -> Any:
        try:
            return path.select(record)
        except LookupError as error:
            raise DataError(str(error)) from error

    def _joined(self, record: Any, prediction: Any) -> Any:
        if self.content == "csv":
            return [*record, *prediction]
        if isinstance(record, dict):
            return {**record, "SageMakerOutput": prediction}
        return {"SageMakerInput": record, "SageMakerOutput": prediction}

    def _extended(self, record: Any, extra: dict[str, Any]) -> Any:
        if self.content == "csv":
            return [*record, *extra.values()]
        return {**record, **extra} if isinstance(record, dict) else {"SageMakerOutput": record, **extra}

    def _read(self, payload: bytes) -> list[Any]:
        try:
            text = payload.decode("utf-8")
            if self.content == "csv":
                return [row for row in csv.reader(io.StringIO(text)) if row]
            if not self.by_line:
                return [json.loads(text)]
            return [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, csv.Error) as error:
            raise DataError(f"cannot be read as {self.content}: {error}") from error

    def _write(self, records: list[Any]) -> bytes:
        if self.content == "csv":
            buffer = io.StringIO()
            writer = csv.writer(buffer, lineterminator="\n")
            writer.writerows(record if isinstance(record, list) else [record] for record in records)
            return buffer.getvalue().encode()
        return "\n".join(json.dumps(record) for record in records).encode() + (b"\n" if self.by_line else b"")
