"""Captured requests (data capture JSON Lines) of a window of time, as columns of text."""

import base64
import binascii
import csv
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from monitor.faults import Fault, NoDataFault

Row = list[str]
GOLDEN_PREFIX = "slipway-golden-"
"""Begins the inference id of the platform's own requests, which say nothing about clients."""
UNPARSABLE = (KeyError, TypeError, ValueError, csv.Error, binascii.Error, RecursionError, AttributeError)


@dataclass
class Captured:
    """What the window held. `rows` have one field for each column; rows of another width are only counted."""

    columns: Sequence[str]
    rows: list[Row] = field(default_factory=list)
    records: int = 0
    unparsable: int = 0
    outside: int = 0
    """Records of the same files but of another window: late ones are counted by the run of their own hour."""
    golden: int = 0
    """Requests of the platform itself, sent while a release was judged."""
    widths: Counter[int] = field(default_factory=Counter)
    """Rows by number of fields, of those that do not fit."""
    absent: Counter[str] = field(default_factory=Counter)
    """Named rows that lack a column."""
    extra: Counter[str] = field(default_factory=Counter)
    """Named rows that have a column the baseline does not know."""
    named: int = 0
    """Rows that came with names."""


def moment(text: str) -> datetime:
    """ISO 8601 with an offset or Z."""
    try:
        found = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise Fault(f"{text!r} is not a time: give ISO 8601 in UTC, as 2026-11-20T14:00:00Z") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def read(source: Path, start: str, end: str, columns: Sequence[str]) -> Captured:
    """Records with start <= inferenceTime < end, or NoDataFault in Model Monitor's words."""
    files = sorted(p for p in source.rglob("*.jsonl") if p.is_file())
    if not files:
        raise NoDataFault(f"Error: Could not find any jsonl file under directory {source}.")
    first, last = moment(start), moment(end)
    found = Captured(columns)
    for path in files:
        with path.open("rb") as lines:
            for line in lines:
                if line.strip():
                    _add(line, first, last, found)
    if not found.records:
        raise NoDataFault(
            f"Error: Could not find any record from {start} to {end} in the jsonl files under directory {source}."
        )
    if not found.rows and not found.widths:
        raise Fault(f"Error: none of the {found.records} records from {start} to {end} can be read.")
    return found


def _add(line: bytes, first: datetime, last: datetime, found: Captured) -> None:
    try:
        record = json.loads(line)
        metadata = record["eventMetadata"]
        when = datetime.fromisoformat(metadata["inferenceTime"])
    except UNPARSABLE:
        # Without its time a record belongs to no window: it counts here, or no run would ever tell of it.
        found.records += 1
        found.unparsable += 1
        return
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    if not first <= when < last:
        found.outside += 1
        return
    if str(metadata.get("inferenceId", "")).startswith(GOLDEN_PREFIX):
        found.golden += 1
        return
    found.records += 1
    try:
        rows = list(_rows(record["captureData"]["endpointInput"], found))
    except UNPARSABLE:
        found.unparsable += 1
        return
    for row in rows:
        if len(row) == len(found.columns):
            found.rows.append(row)
        else:
            found.widths[len(row)] += 1


def _rows(payload: dict[str, Any], found: Captured) -> Iterator[Row]:
    text, encoding = payload["data"], payload["encoding"]
    kind = str(payload.get("observedContentType", "")).split(";")[0].strip().lower()
    if encoding == "BASE64":
        text = base64.b64decode(text, validate=True).decode()
        encoding = "JSON" if "json" in kind else "CSV"
    if encoding == "CSV":
        if '"' not in text:
            yield from (line.split(",") for line in text.replace("\r\n", "\n").split("\n") if line)
        else:
            yield from (row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row)
    elif encoding == "JSON":
        for row in _instances(text, lines=kind == "application/jsonlines"):
            yield _row(row, found)
    else:
        raise ValueError(encoding)


def _instances(text: str, lines: bool) -> list[Any]:
    if lines:
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    value = json.loads(text)
    if isinstance(value, dict) and isinstance(value.get("instances"), list):
        instances: list[Any] = value["instances"]
        return instances
    return [value]


def _row(row: Any, found: Captured) -> Row:
    if isinstance(row, dict) and isinstance(row.get("features"), list) and "features" not in found.columns:
        row = row["features"]
    if isinstance(row, list):
        return [_text(value) for value in row]
    known = set(found.columns)
    found.named += 1
    found.extra.update(key for key in row if key not in known)
    found.absent.update(name for name in found.columns if name not in row)
    return [_text(row.get(name)) for name in found.columns]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    return value if isinstance(value, str) else json.dumps(value)
