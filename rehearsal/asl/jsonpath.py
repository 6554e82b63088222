"""JSONPath as Step Functions reads it (https://github.com/json-path/JsonPath), and reference paths, which also write.

A path that can match one node only gives that node; any other gives the list of what it matches.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from rehearsal.asl.filters import Predicate, parse_filter

_NAME = re.compile(r"[^\s.\[\]()'\",:*?@$&|!<>=]+")
_INDEX = re.compile(r"-?\d+")
_SLICE = re.compile(r"(-?\d+)?\s*:\s*(-?\d+)?(?:\s*:\s*(-?\d+)?)?")
_ROOT = re.compile(r"\$(\$|[^\W\d]\w*)?")


class InvalidPathError(ValueError):
    """Not a JSONPath."""


class NoMatchError(LookupError):
    """The path leads nowhere in this value."""


@dataclass(frozen=True)
class Step:
    """One step of a path: from a node to the nodes below it that it selects."""

    select: Callable[[Any], Iterator[Any]]
    key: str | int | None = None  # set if it names exactly one field or element
    deep: bool = False


@dataclass(frozen=True)
class Path:
    """`root` is "$" (the value), "$$" (the context object) or a variable's name."""

    text: str
    root: str
    steps: tuple[Step, ...]

    @property
    def definite(self) -> bool:
        """It can match one node only."""
        return all(step.key is not None and not step.deep for step in self.steps)

    @property
    def reference(self) -> bool:
        """It identifies one place, so it can also be written to."""
        return self.definite and all(not isinstance(step.key, int) or step.key >= 0 for step in self.steps)

    def read(self, value: Any) -> Any:
        """What the path selects. Raises NoMatchError if it is definite and its node is not there."""
        nodes = [value]
        for step in self.steps:
            nodes = [
                found
                for node in nodes
                for start in (_below(node) if step.deep else (node,))
                for found in step.select(start)
            ]
        if not self.definite:
            return nodes
        if not nodes:
            raise NoMatchError(self.text)
        return nodes[0]

    def write(self, value: Any, new: Any) -> Any:
        """A copy of `value` with `new` at this reference path; fields on the way are made. Raises NoMatchError."""
        return _write(value, [step.key for step in self.steps], new, self.text)


def _write(value: Any, keys: list[Any], new: Any, text: str) -> Any:
    if not keys:
        return new
    key, rest = keys[0], keys[1:]
    if isinstance(key, int):
        if not isinstance(value, list) or key >= len(value):
            raise NoMatchError(text)
        return [*value[:key], _write(value[key], rest, new, text), *value[key + 1 :]]
    if not isinstance(value, dict):
        raise NoMatchError(text)
    below = value.get(key)
    return {**value, key: _write({} if below is None else below, rest, new, text)}


def _below(node: Any) -> Iterator[Any]:
    yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _below(child)


@lru_cache(maxsize=4096)
def parse(text: str) -> Path:
    """Raises InvalidPathError. Parsed paths are kept."""
    root = _ROOT.match(text) if isinstance(text, str) else None
    if root is None:
        raise InvalidPathError(f"{text!r} does not begin with $")
    return Path(text, f"${root[1] or ''}" if root[1] in (None, "$") else root[1], tuple(_steps(text, root.end())))


def _steps(text: str, position: int) -> Iterator[Step]:
    while position < len(text):
        deep = text.startswith("..", position)
        if deep or text[position] == ".":
            position += 2 if deep else 1
            if text.startswith("[", position):
                step, position = _bracket(text, position)
            elif text.startswith("*", position):
                step, position = Step(_children), position + 1
            else:
                name = _NAME.match(text, position)
                if name is None:
                    raise InvalidPathError(f"{text!r}: a name is missing at character {position}")
                step, position = _field(name[0]), name.end()
        elif text[position] == "[":
            step, position = _bracket(text, position)
        else:
            raise InvalidPathError(f"{text!r}: unexpected {text[position]!r} at character {position}")
        yield Step(step.select, step.key, deep)


def _bracket(text: str, start: int) -> tuple[Step, int]:
    end = _closing(text, start)
    inside = text[start + 1 : end].strip()
    if inside == "*":
        return Step(_children), end + 1
    if inside.startswith("?(") and inside.endswith(")"):
        return _filtered(parse_filter(inside[2:-1], _operand)), end + 1
    if inside[:1] in "'\"" and inside:
        names = _names(inside, text)
        return (_field(names[0]) if len(names) == 1 else _fields(names)), end + 1
    part = _SLICE.fullmatch(inside)
    if part:
        bounds = [int(bound) if bound else None for bound in part.groups()]
        if bounds[2] == 0:
            raise InvalidPathError(f"{text!r}: a slice cannot have step 0")
        return _sliced(slice(*bounds)), end + 1
    indices = [entry.strip() for entry in inside.split(",")]
    if not all(_INDEX.fullmatch(entry) for entry in indices):
        raise InvalidPathError(f"{text!r}: {inside!r} is no index, name, slice or filter")
    return (_index(int(indices[0])) if len(indices) == 1 else _indices([int(i) for i in indices])), end + 1


def _closing(text: str, start: int) -> int:
    depth, quote, position = 0, "", start
    while position < len(text):
        char = text[position]
        if quote:
            if char == "\\":
                position += 1
            elif char == quote:
                quote = ""
        elif char in "'\"":
            quote = char
        elif char in "[(":
            depth += 1
        elif char in "])":
            depth -= 1
            if depth == 0:
                return position
        position += 1
    raise InvalidPathError(f"{text!r}: the bracket at character {start} is not closed")


def _names(inside: str, text: str) -> list[str]:
    found = re.findall(r"'((?:[^'\\]|\\.)*)'|\"((?:[^\"\\]|\\.)*)\"", inside)
    names = [re.sub(r"\\(.)", r"\1", one or other) for one, other in found]
    if re.sub(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", "", inside).replace(",", "").strip() or not names:
        raise InvalidPathError(f"{text!r}: {inside!r} is not a list of quoted names")
    return names


def _operand(text: str) -> Callable[[Any], list[Any]]:
    """A path inside a filter, from the element under test (@)."""
    path = parse("$" + text[1:])

    def read(node: Any) -> list[Any]:
        try:
            found = path.read(node)
        except NoMatchError:
            return []
        return [found]

    return read


def _children(node: Any) -> Iterator[Any]:
    if isinstance(node, list):
        yield from node
    elif isinstance(node, dict):
        yield from node.values()


def _field(name: str) -> Step:
    def select(node: Any) -> Iterator[Any]:
        if isinstance(node, dict) and name in node:
            yield node[name]

    return Step(select, name)


def _fields(names: list[str]) -> Step:
    def select(node: Any) -> Iterator[Any]:
        if isinstance(node, dict):
            yield {name: node[name] for name in names if name in node}

    return Step(select)


def _index(index: int) -> Step:
    def select(node: Any) -> Iterator[Any]:
        if isinstance(node, list) and -len(node) <= index < len(node):
            yield node[index]

    return Step(select, index)


def _indices(indices: list[int]) -> Step:
    def select(node: Any) -> Iterator[Any]:
        if isinstance(node, list):
            yield from (node[index] for index in indices if -len(node) <= index < len(node))

    return Step(select)


def _sliced(part: slice) -> Step:
    def select(node: Any) -> Iterator[Any]:
        if isinstance(node, list):
            yield from node[part]

    return Step(select)


def _filtered(predicate: Predicate) -> Step:
    def select(node: Any) -> Iterator[Any]:
        candidates = node if isinstance(node, list) else [node] if isinstance(node, dict) else []
        yield from (item for item in candidates if predicate(item))

    return Step(select)
