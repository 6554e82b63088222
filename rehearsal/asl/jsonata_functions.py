"""Functions that Step Functions adds to JSONata, and those of the engine that read the clock or must be stricter.

https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html#jsonata-functions-provided-by-step-functions
"""

import hashlib
import json
import math
import random
import re
import uuid
from collections.abc import Callable
from typing import Any

from jsonata.functions import Functions

from rehearsal.asl.values import iso

_ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}
_ISO = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?)?)?")


def _partition(array: Any = None, size: Any = None) -> Any:
    if array is None:
        return None
    items, step = array if isinstance(array, list) else [array], math.floor(size)
    if step <= 0:
        raise ValueError("the chunk size of $partition must be a positive integer")
    return [list(items[start : start + step]) for start in range(0, len(items), step)]


def _range(start: Any = None, end: Any = None, step: Any = None) -> list[int]:
    first, last, by = math.floor(start), math.floor(end), math.floor(step)
    if by == 0:
        raise ValueError("the delta of $range must not be zero")
    found = range(first, last + (1 if by > 0 else -1), by)
    if len(found) > 1000:
        raise ValueError("$range would yield more than 1000 elements")
    return list(found)


def _hash(source: Any = None, algorithm: Any = None) -> str:
    if algorithm not in _ALGORITHMS or not isinstance(source, str):
        raise ValueError(f"$hash takes a string and one of {', '.join(_ALGORITHMS)}")
    return hashlib.new(_ALGORITHMS[algorithm], source.encode(), usedforsecurity=False).hexdigest()


def _random(seed: Any = None) -> float:
    return random.random() if seed is None else random.Random(math.floor(seed)).random()


def _parse(text: Any = None) -> Any:
    if not isinstance(text, str):
        raise ValueError("$parse takes a string")
    return json.loads(text)


def _to_millis(timestamp: Any = None, picture: Any = None) -> Any:
    if timestamp is None:
        return None
    refused = ValueError(
        f'D3110: The argument of the toMillis function must be an ISO 8601 formatted timestamp. Given "{timestamp}"'
    )
    if not isinstance(timestamp, str) or (picture is None and not _ISO.fullmatch(timestamp)):
        raise refused
    try:
        return Functions.datetime_to_millis(timestamp, picture)
    except ValueError:
        raise refused from None


def _replace(text: Any = None, pattern: Any = None, replacement: Any = None, limit: Any = None) -> Any:
    if hasattr(pattern, "search") and (found := pattern.search("")) is not None and not found.group():
        raise ValueError("D1004: Regular expression matches zero length string")
    return Functions.replace(text, pattern, replacement, limit)


def _eval(*_: Any) -> Any:
    raise ValueError("T1006: $eval is not supported; use $parse to read JSON")


_FIXED: dict[str, Callable[..., Any]] = {
    "partition": _partition,
    "range": _range,
    "hash": _hash,
    "random": _random,
    "uuid": lambda: str(uuid.uuid4()),
    "parse": _parse,
    "toMillis": _to_millis,
    "replace": _replace,
    "eval": _eval,
}


def functions(now: float) -> dict[str, Callable[..., Any]]:
    """All of them; `now` (epoch seconds) is the one moment at which a state's expressions are evaluated."""
    milliseconds = int(now * 1000)

    def formatted(picture: Any = None, timezone: Any = None) -> Any:
        return iso(now) if picture is None else Functions.datetime_from_millis(milliseconds, picture, timezone)

    return {**_FIXED, "millis": lambda: milliseconds, "now": formatted}
