"""What each of the 18 intrinsic functions computes."""

import base64
import binascii
import hashlib
import json
import math
import random
import re
import uuid
from collections.abc import Callable
from typing import Any

from rehearsal.asl.values import dump, is_number, same

LONGEST_TEXT = 10_000
LONGEST_RANGE = 1_000
_INT32 = 2**31
_ALGORITHMS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-384": "sha384", "SHA-512": "sha512"}


class BadArgumentError(ValueError):
    """An argument is of the wrong type or out of range."""


class Template(str):
    """Quoted text with its escapes as written: \\' \\{ \\} and \\\\."""

    __slots__ = ()


def unescape(text: str) -> str:
    """The text that a quoted argument stands for."""
    return re.sub(r"\\(['{}\\])", r"\1", text)


def _need(condition: bool, what: str) -> None:
    if not condition:
        raise BadArgumentError(what)


def _list(value: Any) -> list[Any]:
    _need(isinstance(value, list), f"expected an array, found {dump(value)[:80]}")
    found: list[Any] = value
    return found


def _text(value: Any, longest: int | None = None) -> str:
    _need(isinstance(value, str), f"expected a string, found {dump(value)[:80]}")
    _need(longest is None or len(value) <= longest, f"the string is longer than {longest} characters")
    return str(value)


def _integer(value: Any) -> int:
    """Numbers that are not integers are rounded to the nearest one, as the guide says."""
    _need(is_number(value) and math.isfinite(value), f"expected a number, found {dump(value)[:80]}")
    whole: int = math.floor(value + 0.5)
    return whole


def _format(template: Any, *arguments: Any) -> str:
    text = _text(template)
    values = list(arguments)
    out: list[str] = []
    position = 0
    while position < len(text):
        char = text[position]
        if char == "\\" and position + 1 < len(text):
            out.append(text[position + 1])
            position += 2
        elif text.startswith("{}", position):
            _need(bool(values), "there are more {} than arguments")
            value = values.pop(0)
            value = unescape(value) if isinstance(value, Template) else value
            out.append(value if isinstance(value, str) else dump(value))
            position += 2
        else:
            _need(char not in "{}", "a brace that is not {} must be escaped")
            out.append(char)
            position += 1
    _need(not values, "there are fewer {} than arguments")
    return "".join(out)


def _array_partition(array: Any, size: Any) -> list[Any]:
    items, step = _list(array), _integer(size)
    _need(step > 0, f"the chunk size {step} is not positive")
    return [items[start : start + step] for start in range(0, len(items), step)]


def _array_range(first: Any, last: Any, step: Any) -> list[int]:
    start, end, by = _integer(first), _integer(last), _integer(step)
    _need(by != 0, "the increment must not be zero")
    span = range(start, end + (1 if by > 0 else -1), by)
    _need(len(span) <= LONGEST_RANGE, f"the array would have more than {LONGEST_RANGE} elements")
    return list(span)


def _array_get_item(array: Any, index: Any) -> Any:
    items, at = _list(array), _integer(index)
    _need(0 <= at < len(items), f"index {at} is out of bounds of an array of {len(items)}")
    return items[at]


def _array_unique(array: Any) -> list[Any]:
    kept: list[Any] = []
    for item in _list(array):
        if not any(same(item, other) for other in kept):
            kept.append(item)
    return kept


def _base64_decode(value: Any) -> str:
    raw = _text(value, LONGEST_TEXT)
    try:
        return base64.b64decode(raw + "=" * (-len(raw) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise BadArgumentError(f"not Base64 of UTF-8 text ({error})") from None


def _hash(value: Any, algorithm: Any) -> str:
    text = value if isinstance(value, str) else dump(value)
    _need(len(text) <= LONGEST_TEXT, f"the data is longer than {LONGEST_TEXT} characters")
    _need(algorithm in _ALGORITHMS, f"the algorithm must be one of {', '.join(_ALGORITHMS)}")
    return hashlib.new(_ALGORITHMS[algorithm], text.encode(), usedforsecurity=False).hexdigest()


def _json_merge(one: Any, other: Any, deep: Any) -> dict[str, Any]:
    _need(isinstance(one, dict) and isinstance(other, dict), "expected two objects")
    _need(deep is False, "only the shallow merge (false) is supported")
    return {**one, **other}


def _math_random(first: Any, last: Any, *seed: Any) -> int:
    start, end = _integer(first), _integer(last)
    _need(start < end, f"the start {start} is not below the end {end}")
    _need(len(seed) <= 1, "expected two or three arguments")
    source = random.Random(_integer(seed[0])) if seed else random
    return source.randrange(start, end)


def _math_add(one: Any, other: Any) -> int:
    a, b = _integer(one), _integer(other)
    _need(all(-_INT32 <= n < _INT32 for n in (a, b, a + b)), "the numbers must be 32-bit integers")
    return a + b


def _string_split(value: Any, delimiters: Any) -> list[str]:
    text, separators = _text(value), _text(delimiters)
    return [part for part in re.split(f"[{re.escape(separators)}]", text) if part] if separators else [text]


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "States.Format": _format,
    "States.StringToJson": lambda text: json.loads(_text(text)),
    "States.JsonToString": dump,
    "States.Array": lambda *items: list(items),
    "States.ArrayPartition": _array_partition,
    "States.ArrayContains": lambda array, item: any(same(item, other) for other in _list(array)),
    "States.ArrayRange": _array_range,
    "States.ArrayGetItem": _array_get_item,
    "States.ArrayLength": lambda array: len(_list(array)),
    "States.ArrayUnique": _array_unique,
    "States.Base64Encode": lambda text: base64.b64encode(_text(text, LONGEST_TEXT).encode()).decode(),
    "States.Base64Decode": _base64_decode,
    "States.Hash": _hash,
    "States.JsonMerge": _json_merge,
    "States.MathRandom": _math_random,
    "States.MathAdd": _math_add,
    "States.StringSplit": _string_split,
    "States.UUID": lambda: str(uuid.uuid4()),
}
