"""YAML text to plain values with their places.

Scalars are read by the core schema of YAML 1.2, so that `on`, `no`, `1_000` and `22:30` are text and never become
something else in silence. What is dangerous or ambiguous is refused: duplicate keys, foreign tags, several documents,
endless aliases.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from slipway.config.base import Path
from slipway.config.errors import Code, printable

MAX_BYTES = 262_144
MAX_DEPTH = 20
MAX_NODES = 20_000
LONGEST_NUMBER = 40

_STR, _INT, _FLOAT, _BOOL, _NULL = (f"tag:yaml.org,2002:{t}" for t in ("str", "int", "float", "bool", "null"))
_CORE = {
    _NULL: re.compile(r"(?:~|null|Null|NULL|)\Z"),
    _BOOL: re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"),
    _INT: re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"),
    _FLOAT: re.compile(
        r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
    ),
}


@dataclass(frozen=True)
class Place:
    """Where a field stands, from 1, and its text when it is a scalar."""

    line: int
    column: int
    text: str = ""
    plain: bool = False
    """An unquoted scalar."""


@dataclass(frozen=True)
class Problem:
    """What is wrong with the text as YAML."""

    code: Code
    line: int
    column: int
    path: Path
    why: str
    fix: str
    value: str = ""


@dataclass
class Document:
    """`value` is JSON-like; `places` has every field's place; with `problems` the value is not to be trusted."""

    value: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


class _TooDeepError(yaml.MarkedYAMLError):
    """Nested deeper than any declaration."""


class _CoreLoader(yaml.SafeLoader):
    """PyYAML's composer with YAML 1.2 core scalars and a bounded depth."""

    yaml_implicit_resolvers: dict[Any, Any] = {}  # noqa: RUF012 (PyYAML's own class attribute)
    _depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        self._depth += 1
        try:
            if self._depth > MAX_DEPTH:
                mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
                raise _TooDeepError(None, None, f"nested deeper than {MAX_DEPTH} levels", mark)
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


for _tag, _pattern in _CORE.items():
    _CoreLoader.add_implicit_resolver(_tag, _pattern, None)


def read(text: str) -> Document:
    """Never raises for what the text holds: problems are in the document."""
    document = Document()
    loader = None
    try:
        loader = _CoreLoader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        document.problems.append(_syntax(error))
        return document
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - (text.rfind("\n", 0, error.position) + 1) + 1
        document.problems.append(
            Problem(
                Code.SYNTAX, line, column, (), f"the character {text[error.position]!a} is not allowed in YAML",
                "remove it, or write it as an escape inside double quotes",
            )
        )  # fmt: skip
        return document
    except (ValueError, OverflowError) as error:  # PyYAML on escapes and directives with absurd numbers
        document.problems.append(
            Problem(
                Code.SYNTAX, 1, 1, (), f"not YAML: {printable(str(error), 120)}", "remove the number that is too large"
            )
        )
        return document
    finally:
        if loader is not None:
            loader.dispose()
    if node is None:
        document.problems.append(
            Problem(Code.EMPTY, 1, 1, (), "the file holds no fields", "start from the example in docs/declarations.md")
        )
        return document
    reader = _Reader(document)
    document.value = reader.value(node, (), 0)
    return document


def _syntax(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    what = " ".join(str(part) for part in (error.context, error.problem) if part)
    if isinstance(error, _TooDeepError):
        return Problem(
            Code.TOO_LARGE, line, column, (), what, "a declaration nests at most six levels: check the brackets"
        )
    if "'\\t'" in what or "\t" in what:
        return Problem(Code.SYNTAX, line, column, (), "a tab stands where YAML wants spaces", "indent with spaces")
    if "expected a single document" in what:
        return Problem(
            Code.UNSUPPORTED_YAML,
            line,
            column,
            (),
            "a second document begins here",
            "keep one document: remove the ---",
        )
    if "undefined alias" in what:
        return Problem(
            Code.SYNTAX, line, column, (), printable(what), "define the &anchor before it, or write the value out"
        )
    advice = (
        "check the indentation, the colon after each field (followed by a space) and the closing of quotes and brackets"
    )
    return Problem(Code.SYNTAX, line, column, (), f"not YAML: {printable(what, 200)}", advice)


class _Reader:
    """Composed nodes to values; counts what aliases expand to."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._nodes = 0
        self._full = False

    def value(self, node: yaml.Node, path: Path, depth: int, place: yaml.Node | None = None) -> Any:
        """The value of a node; its place is the key's when it has one."""
        at = place or node
        self._nodes += 1
        if self._nodes > MAX_NODES or depth > MAX_DEPTH:
            if not self._full:
                self._full = True
                why = (
                    "aliases expand to more than any declaration holds"
                    if depth <= MAX_DEPTH
                    else "an alias contains itself"
                )
                self._problem(Code.TOO_LARGE, at, path, why, "write the values out, without aliases")
            return None
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        plain = isinstance(node, yaml.ScalarNode) and node.style is None
        self._document.places[path] = Place(at.start_mark.line + 1, at.start_mark.column + 1, text, plain)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, at, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.value(child, (*path, n), depth + 1) for n, child in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, path, depth)
        self._foreign(node, at, path)
        return None

    def _mapping(self, node: yaml.MappingNode, path: Path, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key, child in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _NULL:
                self._problem(Code.SYNTAX, key, path, "a field's name must be text", "write `name: value`")
                continue
            if not self._clean(key, path):
                continue
            name = key.value
            if name in found:
                self._problem(
                    Code.DUPLICATE_KEY, key, (*path, name), f"stands twice; the first is in line {first[name]}",
                    "keep one of them",
                )  # fmt: skip
                continue
            first[name] = key.start_mark.line + 1
            found[name] = self.value(child, (*path, name), depth + 1, key)
        return found

    def _scalar(self, node: yaml.ScalarNode, at: yaml.Node, path: Path) -> Any:  # noqa: PLR0911 (one return a kind)
        tag, text = node.tag, node.value
        if tag == _STR:
            return text if self._clean(node, path) else None
        if tag not in _CORE:
            return self._foreign(node, at, path)
        if not _CORE[tag].match(text):
            return self._problem(
                Code.WRONG_TYPE, at, path, f"is not a {tag[18:]}", "remove the tag", printable(text, 60)
            )
        if tag == _NULL:
            return None
        if tag == _BOOL:
            return text.lower() == "true"
        if len(text) > LONGEST_NUMBER:
            return self._problem(
                Code.OUT_OF_RANGE, at, path, f"has more than {LONGEST_NUMBER} digits", "write a shorter number",
                printable(text, 60),
            )  # fmt: skip
        if tag == _INT:
            return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
        return float(text.replace(".inf", "inf").replace(".Inf", "inf").replace(".INF", "inf").replace(".nan", "nan")
                     .replace(".NaN", "nan").replace(".NAN", "nan"))  # fmt: skip

    def _clean(self, node: yaml.ScalarNode, path: Path) -> bool:
        """Escapes can make halves of characters, which no file or API takes."""
        if any("\ud800" <= c <= "\udfff" or c == "\0" for c in node.value):
            self._problem(Code.SYNTAX, node, path, "holds half a character or a NUL", "remove the escape")
            return False
        return True

    def _foreign(self, node: yaml.Node, at: yaml.Node, path: Path) -> None:
        self._problem(
            Code.UNSUPPORTED_YAML, at, path, f"the tag {printable(node.tag, 60)} is not supported", "remove the tag"
        )

    def _problem(  # noqa: PLR0917
        self, code: Code, node: yaml.Node, path: Path, why: str, fix: str, value: str = ""
    ) -> None:
        mark = node.start_mark
        self._document.problems.append(Problem(code, mark.line + 1, mark.column + 1, path, why, fix, value))
