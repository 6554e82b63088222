"""The Condition element: operators, set operators, …IfExists and Null ("Condition operators" of the IAM User Guide)."""

import base64
import binascii
import ipaddress
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

from rehearsal.iam import patterns
from rehearsal.iam.patterns import Context, Matcher

Condition = Callable[[Context], bool]


class UnknownOperatorError(ValueError):
    """A condition operator that IAM does not have; a policy that names it is not accepted."""


def _never(_: str, __: Context) -> bool:
    return False


def _text(same: Callable[[str, str], bool]) -> Callable[[str, bool], Matcher]:
    def compiled(expected: str, variables: bool) -> Matcher:
        if not (variables and patterns.has_variable(expected)):
            return lambda value, _: same(value, expected)

        def match(value: str, context: Context) -> bool:
            filled = patterns.substituted(expected, context, str)
            return filled is not None and same(value, filled)

        return match

    return compiled


def _typed(parse: Callable[[str], Any], compare: Callable[[Any, Any], bool]) -> Callable[[str, bool], Matcher]:
    """Values of a type; what cannot be read as one matches nothing."""

    def compiled(expected: str, _: bool) -> Matcher:
        wanted = parse(expected)
        if wanted is None:
            return _never

        def match(value: str, _: Context) -> bool:
            given = parse(value)
            return given is not None and compare(given, wanted)

        return match

    return compiled


def _number(text: str) -> Decimal | None:
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


@lru_cache(maxsize=1024)
def _date(text: str) -> datetime | None:
    """ISO 8601 as the W3C note allows it, or epoch seconds. Without a zone it is UTC."""
    stripped = text.strip()
    try:
        if stripped.lstrip("-").replace(".", "", 1).isdigit() and len(stripped) > 4:
            return datetime.fromtimestamp(float(stripped), UTC)
        if len(stripped) in (4, 7):  # a year; a year and a month
            stripped += "-01" * (2 if len(stripped) == 4 else 1)
        moment = datetime.fromisoformat(stripped)
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _bool(text: str) -> bool | None:
    return {"true": True, "false": False}.get(text.strip().lower())


def _binary(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _in_network(expected: str, _: bool) -> Matcher:
    try:
        network = ipaddress.ip_network(expected.strip(), strict=False)
    except ValueError:
        return _never

    def match(value: str, _: Context) -> bool:
        try:
            return ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return match


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "equals": lambda given, wanted: bool(given == wanted),
    "lessthan": lambda given, wanted: bool(given < wanted),
    "lessthanequals": lambda given, wanted: bool(given <= wanted),
    "greaterthan": lambda given, wanted: bool(given > wanted),
    "greaterthanequals": lambda given, wanted: bool(given >= wanted),
}
_OPERATORS: dict[str, Callable[[str, bool], Matcher]] = {
    "stringequals": _text(lambda given, wanted: given == wanted),
    "stringequalsignorecase": _text(lambda given, wanted: given.casefold() == wanted.casefold()),
    "stringlike": lambda pattern, variables: patterns.like(pattern, variables=variables),
    "arnequals": lambda pattern, variables: patterns.arn_like(pattern, variables=variables),
    "arnlike": lambda pattern, variables: patterns.arn_like(pattern, variables=variables),
    "bool": _typed(_bool, _ORDER["equals"]),
    "binaryequals": _typed(_binary, _ORDER["equals"]),
    "ipaddress": _in_network,
    **{f"numeric{name}": _typed(_number, compare) for name, compare in _ORDER.items()},
    **{f"date{name}": _typed(_date, compare) for name, compare in _ORDER.items()},
}
_NEGATED = {
    "stringnotequals": "stringequals",
    "stringnotequalsignorecase": "stringequalsignorecase",
    "stringnotlike": "stringlike",
    "arnnotequals": "arnequals",
    "arnnotlike": "arnlike",
    "notipaddress": "ipaddress",
    "numericnotequals": "numericequals",
    "datenotequals": "dateequals",
}


def compiled(block: Mapping[str, Any], *, variables: bool) -> tuple[Condition, ...]:
    """One test for each operator and key; all must hold. Raises UnknownOperatorError."""
    return tuple(
        _condition(operator, key, _listed(values), variables=variables)
        for operator, keys in block.items()
        for key, values in keys.items()
    )


def _listed(values: Any) -> list[str]:
    return [_written(value) for value in values] if isinstance(values, list) else [_written(values)]


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _condition(operator: str, key: str, wanted: list[str], *, variables: bool) -> Condition:
    name, key = operator.lower(), key.lower()
    if name == "null":
        absent = [_bool(value) for value in wanted]
        return lambda context: _values(context.get(key)) is None if True in absent else _is_set(context, key)
    quantifier, _, rest = name.rpartition(":")
    rest, if_exists = (rest.removesuffix("ifexists"), True) if rest.endswith("ifexists") else (rest, False)
    negated = rest in _NEGATED
    build = _OPERATORS.get(_NEGATED.get(rest, rest))
    if build is None or quantifier not in ("", "forallvalues", "foranyvalue"):
        raise UnknownOperatorError(operator)
    matchers = [build(value, variables) for value in wanted]

    def holds(value: str, context: Context) -> bool:
        """Any of the policy's values for an affirmative operator, none of them for a negated one."""
        return any(matches(value, context) for matches in matchers) != negated

    def test(context: Context) -> bool:
        given = _values(context.get(key))
        if given is None and if_exists:
            return True
        if quantifier:
            # A set that is empty, or only an empty string, is no value at all.
            real = [value for value in given or () if value]
            every = quantifier == "forallvalues"
            return all(holds(value, context) for value in real) if every else any(holds(v, context) for v in real)
        if given is None:
            return negated
        # Several values without a set operator: one match is a match, and a negation wants none.
        return (all if negated else any)(holds(value, context) for value in given)

    return test


def _is_set(context: Context, key: str) -> bool:
    return _values(context.get(key)) is not None


def _values(value: Any) -> list[str] | None:
    """The key's values as text; None when it is absent or has none."""
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return [_written(item) for item in value] or None
    return [_written(value)]
