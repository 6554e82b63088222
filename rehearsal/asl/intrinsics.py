"""The intrinsic functions of JSONPath states.

https://docs.aws.amazon.com/step-functions/latest/dg/intrinsic-functions.html
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rehearsal.asl import jsonpath
from rehearsal.asl.errors import INTRINSIC_FAILURE, StatesError
from rehearsal.asl.intrinsic_functions import FUNCTIONS, BadArgumentError, Template, unescape

_CALL = re.compile(r"\s*(States\.\w+)\s*\(")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_DEEPEST = 10


class InvalidIntrinsicError(ValueError):
    """Not a call of an intrinsic function."""


@dataclass(frozen=True)
class Call:
    """A parsed call; arguments are calls, paths, templates (quoted text) or plain values."""

    text: str
    name: str
    arguments: tuple[Any, ...]

    def evaluate(self, read: Callable[[jsonpath.Path], Any]) -> Any:
        """`read` gives what a path selects and raises NoMatchError. Raises States.IntrinsicFailure."""
        try:
            return FUNCTIONS[self.name](*[self._argument(argument, read) for argument in self.arguments])
        except jsonpath.NoMatchError as error:
            raise StatesError(
                INTRINSIC_FAILURE,
                f"The function '{self.text}' had the following error: The JsonPath argument for the field '{error}' "
                "could not be found in the input",
            ) from None
        except (BadArgumentError, TypeError, ValueError, IndexError, OverflowError, RecursionError) as error:
            raise StatesError(
                INTRINSIC_FAILURE, f"Invalid arguments in {self.name}: {error}. The function call was '{self.text}'"
            ) from None

    def _argument(self, argument: Any, read: Callable[[jsonpath.Path], Any]) -> Any:
        if isinstance(argument, Call):
            return argument.evaluate(read)
        if isinstance(argument, jsonpath.Path):
            return read(argument)
        if isinstance(argument, Template) and self.name != "States.Format":
            return unescape(argument)
        return argument

    def paths(self) -> list[jsonpath.Path]:
        """Every path in the call."""
        nested = [path for item in self.arguments if isinstance(item, Call) for path in item.paths()]
        return [item for item in self.arguments if isinstance(item, jsonpath.Path)] + nested


@lru_cache(maxsize=2048)
def parse(text: str) -> Call:
    """Raises InvalidIntrinsicError. Parsed calls are kept."""
    call, end = _call(text, 0, 1)
    if text[end:].strip():
        raise InvalidIntrinsicError(f"unexpected {text[end:].strip()!r} after the call in {text!r}")
    return call


def _call(text: str, start: int, depth: int) -> tuple[Call, int]:
    head = _CALL.match(text, start)
    if head is None:
        raise InvalidIntrinsicError(f"{text!r} is not a call of an intrinsic function")
    name = head[1]
    if name not in FUNCTIONS:
        raise InvalidIntrinsicError(f"unknown intrinsic function {name} in {text!r}")
    if depth > _DEEPEST:
        raise InvalidIntrinsicError(f"more than {_DEEPEST} nested intrinsic functions in {text!r}")
    arguments: list[Any] = []
    position = _space(text, head.end())
    while not text.startswith(")", position):
        if arguments:
            if not text.startswith(",", position):
                raise InvalidIntrinsicError(f"a comma or parenthesis is missing at character {position} of {text!r}")
            position += 1
        argument, position = _argument(text, _space(text, position), depth)
        arguments.append(argument)
        position = _space(text, position)
    return Call(text[head.start() : position + 1].strip(), name, tuple(arguments)), position + 1


def _space(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _argument(text: str, start: int, depth: int) -> tuple[Any, int]:
    if text.startswith("States.", start):
        return _call(text, start, depth + 1)
    if text.startswith("'", start):
        end = start + 1
        while end < len(text) and text[end] != "'":
            end += 2 if text[end] == "\\" else 1
        if end >= len(text):
            raise InvalidIntrinsicError(f"a quote is not closed in {text!r}")
        return Template(text[start + 1 : end]), end + 1
    if text.startswith("$", start):
        end = _path_end(text, start)
        try:
            return jsonpath.parse(text[start:end].strip()), end
        except ValueError as error:
            raise InvalidIntrinsicError(str(error)) from None
    for word, value in (("true", True), ("false", False), ("null", None)):
        if text.startswith(word, start):
            return value, start + len(word)
    number = _NUMBER.match(text, start)
    if number is None:
        raise InvalidIntrinsicError(f"cannot read the argument at character {start} of {text!r}")
    return (float(number[0]) if set(number[0]) & set(".eE") else int(number[0])), number.end()


def _path_end(text: str, start: int) -> int:
    depth, quote, position = 0, "", start
    while position < len(text):
        char = text[position]
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "[(":
            depth += 1
        elif char in "])" and depth:
            depth -= 1
        elif not depth and char in ",)":
            break
        position += 1
    return position
