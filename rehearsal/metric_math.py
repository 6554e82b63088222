"""CloudWatch metric math: expressions over time series, as GetMetricData and alarms evaluate them.

A value is a number, a text, a `Series` or a list of them. Where a series has no data point, so has the result; a
division by zero gives no data point.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)|(?P<text>\"[^\"]*\"|'[^']*')|(?P<name>[A-Za-z_]\w*)"
    r"|(?P<sign>==|!=|<=|>=|&&|\|\||[-+*/^<>(),\[\]]))"
)
_COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_ARITHMETIC = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "^": operator.pow}
_DEPTH = 100


class MathError(ValueError):
    """The expression is wrong, or asks for what is not emulated; the text says which."""


@dataclass(frozen=True)
class Series:
    """Values by the start of their period (epoch seconds), `period_seconds` apart where there are data."""

    label: str
    period_seconds: int
    points: Mapping[int, float] = field(default_factory=dict)

    def with_points(self, points: Mapping[int, float]) -> "Series":
        """The same series with other values."""
        return Series(self.label, self.period_seconds, points)


Value = float | str | Series | list[Series]
Node = tuple[Any, ...]


@dataclass
class Context:
    """What an expression can refer to, and the periods that FILL and TIME_SERIES cover."""

    known: Mapping[str, Value]
    metrics: Mapping[str, Series]
    grid: tuple[int, ...]
    period_seconds: int


def evaluate(expression: str, context: Context) -> Value:
    """The expression's value. Raises MathError."""
    try:
        return value_of(parse(expression), context)
    except RecursionError:
        raise MathError("Error in expression: it is nested too deeply") from None


def parse(expression: str) -> Node:
    """The expression as a tree: ("number", n), ("text", s), ("name", id), ("list", …), ("call", f, …), (op, a, b)."""
    return _Parser(expression).whole()


def names(node: Node) -> set[str]:
    """Identifiers that an expression uses."""
    if node[0] == "name":
        return {node[1]}
    return set().union(*(names(part) for part in node[1:] if isinstance(part, tuple)))


def calls(node: Node) -> set[str]:
    """Functions that an expression calls."""
    own = {node[1]} if node[0] == "call" else set()
    return own.union(*(calls(part) for part in node[1:] if isinstance(part, tuple)))


class _Parser:
    def __init__(self, text: str) -> None:
        self._text, self._at, self._depth = text, 0, 0
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            match = _TOKEN.match(text, position)
            if match is None:
                raise MathError(f"Error in expression '{text}': Unexpected character '{text[position:].strip()[:1]}'")
            self._tokens.append((str(match.lastgroup), match[str(match.lastgroup)]))
            position = match.end()
        self._tokens.append(("end", "end of expression"))

    def whole(self) -> Node:
        node = self._either()
        if self._kind != "end":
            self._fail()
        return node

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def _word(self) -> str:
        return self._tokens[self._at][1]

    def _fail(self) -> None:
        raise MathError(f"Error in expression '{self._text}': Unexpected '{self._word}'")

    def _take(self, *words: str) -> str | None:
        if self._kind in ("sign", "name") and self._word in words:
            self._at += 1
            return self._tokens[self._at - 1][1]
        return None

    def _binary(self, below: Callable[[], Node], *words: str) -> Node:
        node = below()
        while word := self._take(*words):
            node = ({"AND": "&&", "OR": "||"}.get(word, word), node, below())
        return node

    def _either(self) -> Node:
        self._depth += 1
        if self._depth > _DEPTH:
            raise MathError("Error in expression: it is nested too deeply")
        node = self._binary(self._both, "||", "OR")
        self._depth -= 1
        return node

    def _both(self) -> Node:
        return self._binary(self._comparison, "&&", "AND")

    def _comparison(self) -> Node:
        return self._binary(self._sum, *_COMPARE)

    def _sum(self) -> Node:
        return self._binary(self._product, "+", "-")

    def _product(self) -> Node:
        return self._binary(self._unary, "*", "/")

    def _unary(self) -> Node:
        signs = 0
        while word := self._take("-", "+"):
            signs += word == "-"
        node = self._binary(self._signed, "^")
        return ("-", ("number", 0.0), node) if signs % 2 else node

    def _signed(self) -> Node:
        return ("-", ("number", 0.0), self._atom()) if self._take("-") else self._atom()

    def _atom(self) -> Node:
        kind, word = self._tokens[self._at]
        if kind == "end":
            self._fail()
        self._at += 1
        if kind == "number":
            return ("number", float(word))
        if kind == "text":
            return ("text", word[1:-1])
        if kind == "name":
            return ("call", word, *self._items(")")) if self._take("(") else ("name", word)
        if word == "[":
            return ("list", *self._items("]"))
        if word != "(":
            self._at -= 1
            self._fail()
        node = self._either()
        if not self._take(")"):
            self._fail()
        return node

    def _items(self, closing: str) -> list[Node]:
        items: list[Node] = []
        if self._take(closing):
            return items
        while True:
            items.append(self._either())
            if self._take(closing):
                return items
            if not self._take(","):
                self._fail()


def value_of(node: Node, context: Context) -> Value:
    """The value of a tree."""
    kind = node[0]
    if kind in ("number", "text"):
        found: Value = node[1]
        return found
    if kind == "name":
        if node[1] not in context.known:
            raise MathError(f"Error in expression: the id '{node[1]}' is not among the queries")
        return context.known[node[1]]
    if kind == "list":
        return [one for part in node[1:] for one in as_list(value_of(part, context))]
    if kind == "call":
        from rehearsal.cloudwatch.functions import call

        return call(node[1], list(node[2:]), context)
    return combine(kind, value_of(node[1], context), value_of(node[2], context))


def as_list(value: Value) -> list[Series]:
    """One or more series; anything else is refused."""
    if isinstance(value, Series):
        return [value]
    if isinstance(value, list):
        return value
    raise MathError(f"Error in expression: a time series is due where {value!r} stands")


def combine(sign: str, left: Value, right: Value) -> Value:
    """An operator between numbers, series and lists of series."""
    if isinstance(left, str) or isinstance(right, str):
        raise MathError(f"Error in expression: '{sign}' does not work on text")
    if isinstance(left, list) and isinstance(right, list):
        raise MathError(f"Error in expression: '{sign}' does not work between two arrays of time series")
    if isinstance(left, list):
        return [one for item in left if isinstance(one := combine(sign, item, right), Series)]
    if isinstance(right, list):
        return [one for item in right if isinstance(one := combine(sign, left, item), Series)]
    if isinstance(left, Series) and isinstance(right, Series):
        pairs = {at: (value, right.points[at]) for at, value in left.points.items() if at in right.points}
        return left.with_points(_each(sign, pairs))
    if isinstance(left, Series) and not isinstance(right, Series):
        return left.with_points(_each(sign, {at: (value, right) for at, value in left.points.items()}))
    if isinstance(right, Series) and not isinstance(left, Series):
        return right.with_points(_each(sign, {at: (left, value) for at, value in right.points.items()}))
    result = _apply(sign, left, right)  # type: ignore[arg-type]  # both are numbers: the rest is handled above
    if result is None:
        raise MathError("Error in expression: division by zero")
    return result


def _each(sign: str, pairs: Mapping[int, tuple[float, float]]) -> dict[int, float]:
    found = {at: _apply(sign, *pair) for at, pair in pairs.items()}
    return {at: value for at, value in found.items() if value is not None}


def _apply(sign: str, left: float, right: float) -> float | None:
    if sign in _COMPARE:
        return float(_COMPARE[sign](left, right))
    if sign == "&&":
        return float(bool(left) and bool(right))
    if sign == "||":
        return float(bool(left) or bool(right))
    try:
        result = _ARITHMETIC[sign](left, right)
    except (ZeroDivisionError, OverflowError):
        return None
    return float(result) if isinstance(result, int | float) and math.isfinite(result) else None
