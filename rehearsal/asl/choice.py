"""Rules of JSONPath Choice states: every comparison operator, And, Or, Not."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from rehearsal.asl import jsonpath
from rehearsal.asl.errors import RUNTIME, StatesError
from rehearsal.asl.values import is_number, timestamp

Rule = Mapping[str, Any]
Reader = Callable[[str], Any]
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda a, b: a == b,
    "LessThan": lambda a, b: a < b,
    "GreaterThan": lambda a, b: a > b,
    "LessThanEquals": lambda a, b: a <= b,
    "GreaterThanEquals": lambda a, b: a >= b,
}
_TYPED: dict[str, Callable[[Any], Any]] = {
    "String": lambda value: value if isinstance(value, str) else None,
    "Numeric": lambda value: value if is_number(value) else None,
    "Timestamp": timestamp,
    "Boolean": lambda value: value if isinstance(value, bool) else None,
}
_TESTS: dict[str, Callable[[Any], bool]] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": is_number,
    "IsString": lambda value: isinstance(value, str),
    "IsBoolean": lambda value: isinstance(value, bool),
    "IsTimestamp": lambda value: timestamp(value) is not None,
}
OPERATORS = {
    **{f"{kind}{order}": kind for kind in ("String", "Numeric", "Timestamp") for order in _ORDER},
    "BooleanEquals": "Boolean",
}
COMPARISONS = frozenset([*OPERATORS, *(f"{name}Path" for name in OPERATORS), "StringMatches", "IsPresent", *_TESTS])


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str]:
    r"""StringMatches: * is any run of characters, \* and \\ stand for themselves."""
    parts = re.findall(r"\\.|\*|[^\\*]+|\\", text, re.DOTALL)
    return re.compile(
        "".join(
            ".*" if part == "*" else re.escape(part[1:] if part[0] == "\\" and len(part) == 2 else part)
            for part in parts
        ),
        re.DOTALL,
    )


def matches(rule: Rule, read: Reader) -> bool:
    """Whether a rule holds. `read` gives what a path selects and raises NoMatchError."""
    if "And" in rule:
        return all(matches(inner, read) for inner in rule["And"])
    if "Or" in rule:
        return any(matches(inner, read) for inner in rule["Or"])
    if "Not" in rule:
        return not matches(rule["Not"], read)
    operator = next(key for key in rule if key in COMPARISONS)
    if operator != "IsPresent":
        return _holds(operator, _read(rule["Variable"], read), rule[operator], read)
    try:
        read(rule["Variable"])
    except jsonpath.NoMatchError:
        return rule[operator] is False
    return rule[operator] is True


def _read(path: str, read: Reader) -> Any:
    try:
        return read(path)
    except jsonpath.NoMatchError:
        raise StatesError(
            RUNTIME, f"Invalid path '{path}': The choice state's condition path references an invalid value."
        ) from None


def _holds(operator: str, value: Any, expected: Any, read: Reader) -> bool:
    if operator in _TESTS:
        return _TESTS[operator](value) is expected
    if operator == "StringMatches":
        return isinstance(value, str) and _pattern(expected).fullmatch(value) is not None
    if operator.endswith("Path"):
        return _compare(operator.removesuffix("Path"), value, _read(expected, read))
    return _compare(operator, value, expected)


def _compare(operator: str, value: Any, expected: Any) -> bool:
    family = OPERATORS[operator]
    one, other = _TYPED[family](value), _TYPED[family](expected)
    if one is None or other is None:
        return False
    if isinstance(one, datetime):
        one, other = one.timestamp(), other.timestamp()
    return bool(_ORDER[operator.removeprefix(family)](one, other))
