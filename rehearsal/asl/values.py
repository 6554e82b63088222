"""JSON text as Step Functions writes and measures it, and moments of time."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from rehearsal.asl.errors import DATA_LIMIT, StatesError

PAYLOAD_BYTES = 256 * 1024
DEFINITION_BYTES = 1024 * 1024
HISTORY_EVENTS = 25_000
# The largest TimeoutSeconds, and the default of a task that has none.
LONGEST_SECONDS = 99_999_999
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def dump(value: Any) -> str:
    """Compact JSON."""
    return _ENCODE(value)


def too_large(text: str) -> bool:
    """More than 256 KiB in UTF-8."""
    return len(text) * 4 > PAYLOAD_BYTES and (
        len(text) > PAYLOAD_BYTES or len(text.encode("utf-8", "surrogatepass")) > PAYLOAD_BYTES
    )


def limited(value: Any, state: str, what: str) -> str:
    """The value as text. Raises States.DataLimitExceeded when a state may not hand on so much."""
    text = dump(value)
    if too_large(text):
        raise StatesError(
            DATA_LIMIT,
            f"The state/task '{state}' returned a result with a size exceeding the maximum number of bytes service "
            f"limit. ({what})",
        )
    return text


def iso(moment: float) -> str:
    """Epoch seconds as AWS writes them, in milliseconds."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def timestamp(text: Any) -> datetime | None:
    """The moment of an RFC 3339 timestamp with a capital T and a zone; None if it is not one."""
    if not isinstance(text, str) or not _TIMESTAMP.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def is_number(value: Any) -> bool:
    """A JSON number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(one: Any, other: Any) -> bool:
    """Deep equality of JSON values: true is not 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def kind(value: Any) -> str:
    """The JSON type of a value, as Step Functions names it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if is_number(value):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"
