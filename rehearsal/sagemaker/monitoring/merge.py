"""Captured records joined with their labels by inference id, as the service's merge job writes them."""

import json
import uuid
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any


def labels(lines: Iterable[str]) -> dict[str, dict[str, Any]]:
    """`groundTruthData` by event id; a later record of an event replaces an earlier one. Broken lines are left out."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        record = _parsed(line)
        identity = record.get("eventMetadata", {}).get("eventId") if record else None
        if identity and isinstance(record.get("groundTruthData"), dict):
            found[str(identity)] = record["groundTruthData"]
    return found


def merged(captured: Iterable[str], by_id: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Captured records that have a label: by their inference id, or by their event id when they have none."""
    for line in captured:
        record = _parsed(line)
        meta = record.get("eventMetadata", {}) if record else {}
        label = by_id.get(str(meta.get("inferenceId") or meta.get("eventId")))
        if label is not None and "captureData" in record:
            yield json.dumps(
                {
                    "eventVersion": "0",
                    "groundTruthData": label,
                    "captureData": record["captureData"],
                    "eventMetadata": meta,
                }
            )


def part_key(prefix: str, endpoint: str, variant: str, hour: int) -> str:
    """Key of a merged file of one clock hour, below the output's prefix."""
    day = datetime.fromtimestamp(hour, UTC)
    base = f"{prefix.rstrip('/')}/" if prefix else ""
    return f"{base}merge/{endpoint}/{variant}/{day:%Y/%m/%d/%H}/part-00000-{uuid.uuid4()}.c000.jsonl"


def _parsed(line: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
