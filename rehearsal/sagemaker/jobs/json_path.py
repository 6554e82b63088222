"""JSONPath as batch transform's filters have it: names, indexes, unions, slices and `*`.

What the service does not support is refused: recursive descent (`..`), expressions (`?()`, `()`), functions.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_TOKEN = re.compile(
    r"""\.(?P<name>[A-Za-z_][\w-]*) | \.(?P<star>\*) | \[\s*(?P<any>\*)\s*\]
      | \[(?P<slice>\s*-?\d*\s*:\s*-?\d*\s*)\]
      | \[(?P<indexes>\s*-?\d+\s*(?:,\s*-?\d+\s*)*)\]
      | \[(?P<names>\s*(?:'[^']*'|"[^"]*")\s*(?:,\s*(?:'[^']*'|"[^"]*")\s*)*)\]""",
    re.VERBOSE,
)
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


@dataclass(frozen=True)
class JsonPath:
    """A parsed path. `many` paths select a list, others one value."""

    text: str
    steps: tuple[Callable[[Any], list[Any]], ...]
    many: bool

    def select(self, document: Any) -> Any:
        """What the path selects. Raises LookupError when a path to one value leads nowhere."""
        found = [document]
        for step in self.steps:
            found = [inner for one in found for inner in step(one)]
        if self.many:
            return found
        if not found:
            raise LookupError(f"{self.text} selects nothing")
        return found[0]


def parse(text: str) -> JsonPath:
    """Raises ValueError for what is not a path of this kind."""
    if not text.startswith("$"):
        raise ValueError(f"JSONPath {text!r} must start with $")
    steps, many, at = [], False, 1
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None:
            raise ValueError(f"JSONPath {text!r} is not supported from {text[at:]!r} on")
        step, several = _step(token)
        steps.append(step)
        many, at = many or several, token.end()
    return JsonPath(text, tuple(steps), many)


def _step(token: "re.Match[str]") -> tuple[Callable[[Any], list[Any]], bool]:
    if token["name"]:
        return _names([token["name"]]), False
    if token["star"] or token["any"]:
        return _everything, True
    if token["slice"] is not None:
        first, _, last = token["slice"].partition(":")
        bounds = slice(int(first) if first.strip() else None, int(last) if last.strip() else None)
        return lambda one: list(one[bounds]) if isinstance(one, list) else [], True
    if token["indexes"]:
        numbers = [int(number) for number in token["indexes"].split(",")]
        return _indexes(numbers), len(numbers) > 1
    names = [first or second for first, second in _QUOTED.findall(token["names"])]
    return _names(names), len(names) > 1


def _everything(one: Any) -> list[Any]:
    if isinstance(one, dict):
        return list(one.values())
    return list(one) if isinstance(one, list) else []


def _names(names: list[str]) -> Callable[[Any], list[Any]]:
    return lambda one: [one[name] for name in names if isinstance(one, dict) and name in one]


def _indexes(numbers: list[int]) -> Callable[[Any], list[Any]]:
    return lambda one: [one[n] for n in numbers if isinstance(one, list) and -len(one) <= n < len(one)]
