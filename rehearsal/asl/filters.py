"""Filters of JSONPath: `?(@.price < 10 && @.kind == 'book')`."""

import json
import re
from collections.abc import Callable
from typing import Any

from rehearsal.asl.values import is_number, same

Predicate = Callable[[Any], bool]
Operand = Callable[[Any], list[Any]]
_TOKEN = re.compile(
    r"\s*(?:(?P<operator>&&|\|\||==|!=|<=|>=|=~|<|>|!|\(|\))"
    r"|(?P<path>@(?:\.\.?[\w*-]+|\[(?:[^\[\]'\"]|'[^']*'|\"[^\"]*\")*\])*)"
    r"|(?P<regex>/(?:[^/\\]|\\.)*/i?)"
    r"|(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")"
    r"|(?P<plain>true|false|null|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?))"
)
_COMPARE = {"==", "!=", "<", "<=", ">", ">=", "=~"}


class _Parser:
    def __init__(self, text: str, operand: Callable[[str], Operand]) -> None:
        self._operand = operand
        self._tokens: list[tuple[str, str]] = []
        position = 0
        while position < len(text.rstrip()):
            token = _TOKEN.match(text, position)
            if token is None:
                raise ValueError(f"filter {text!r}: cannot read {text[position:]!r}")
            self._tokens.append((str(token.lastgroup), token[str(token.lastgroup)]))
            position = token.end()
        self._at = 0
        self._text = text

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise ValueError(f"filter {self._text!r} ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def whole(self) -> Predicate:
        found = self._either()
        if self._at < len(self._tokens):
            raise ValueError(f"filter {self._text!r}: unexpected {self._peek()!r}")
        return found

    def _either(self) -> Predicate:
        found = self._both()
        while self._peek() == "||":
            self._next()
            found = _or(found, self._both())
        return found

    def _both(self) -> Predicate:
        found = self._one()
        while self._peek() == "&&":
            self._next()
            found = _and(found, self._one())
        return found

    def _one(self) -> Predicate:
        if self._peek() == "!":
            self._next()
            inner = self._one()
            return lambda item: not inner(item)
        if self._peek() == "(":
            self._next()
            found = self._either()
            if self._next()[1] != ")":
                raise ValueError(f"filter {self._text!r}: a parenthesis is not closed")
            return found
        left = self._value()
        if self._peek() in _COMPARE:
            operator = self._next()[1]
            return _compared(left, operator, self._value())
        return lambda item: bool(left(item))

    def _value(self) -> Operand:
        kind, text = self._next()
        if kind == "path":
            return self._operand(text)
        if kind == "operator":
            raise ValueError(f"filter {self._text!r}: unexpected {text!r}")
        if kind == "regex":
            ignore = text.endswith("i")
            pattern = re.compile(text[1 : -2 if ignore else -1], re.IGNORECASE if ignore else 0)
            return lambda _: [pattern]
        value = re.sub(r"\\(.)", r"\1", text[1:-1]) if kind == "text" else json.loads(text)
        return lambda _: [value]


def _or(one: Predicate, other: Predicate) -> Predicate:
    return lambda item: one(item) or other(item)


def _and(one: Predicate, other: Predicate) -> Predicate:
    return lambda item: one(item) and other(item)


def _compared(left: Operand, operator: str, right: Operand) -> Predicate:
    def holds(item: Any) -> bool:
        one, other = left(item), right(item)
        if not one or not other:
            return operator == "!=" and bool(one) != bool(other)
        a, b = one[0], other[0]
        if operator == "=~":
            return isinstance(b, re.Pattern) and isinstance(a, str) and b.fullmatch(a) is not None
        if operator in ("==", "!="):
            return same(a, b) == (operator == "==")
        if not (is_number(a) and is_number(b)) and not (isinstance(a, str) and isinstance(b, str)):
            return False
        return bool({"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[operator])

    return holds


def parse_filter(text: str, operand: Callable[[str], Operand]) -> Predicate:
    """The predicate of a filter. `operand` parses a path that begins with @. Raises ValueError."""
    return _Parser(text, operand).whole()
