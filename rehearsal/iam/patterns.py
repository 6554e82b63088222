"""Wildcards, ARNs and policy variables, as the IAM User Guide defines them ("Resource", "Variables and tags")."""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

Context = Mapping[str, Any]
Matcher = Callable[[str, Context], bool]

# ${aws:username}, ${aws:PrincipalTag/team, 'none'}; ${*}, ${?} and ${$} stand for the character itself.
VARIABLE = re.compile(r"\$\{\s*(?P<name>[^{},']+?)\s*(?:,\s*'(?P<default>[^']*)'\s*)?\}")
_LITERAL = {"*", "?", "$"}
_PARTS_OF_ARN = 6


@lru_cache(maxsize=8192)
def glob(pattern: str) -> re.Pattern[str]:
    """`*` is any run of characters, `?` exactly one; all else is itself, case included."""
    return re.compile("".join(_piece(char) for char in pattern), re.DOTALL)


def _piece(char: str) -> str:
    return ".*" if char == "*" else "." if char == "?" else re.escape(char)


def has_variable(text: str) -> bool:
    """Whether the text holds a policy variable or an escaped special character."""
    return VARIABLE.search(text) is not None


def substituted(text: str, context: Context, literal: Callable[[str], str]) -> str | None:
    """The text with its variables replaced, each value passed through `literal`; None when one has no value.

    A key with several values is no variable, so it has no value either.
    """
    missing = False

    def value(match: re.Match[str]) -> str:
        nonlocal missing
        name = match["name"]
        if name in _LITERAL:
            return literal(name)
        found = context.get(name.lower())
        if found is None or isinstance(found, list | tuple):
            if match["default"] is None:
                missing = True
                return ""
            found = match["default"]
        return literal(str(found))

    result = VARIABLE.sub(value, text)
    return None if missing else result


@lru_cache(maxsize=8192)
def _pieces(pattern: str) -> tuple[tuple[str, bool], ...]:
    """A pattern as (text, is a variable) runs."""
    pieces, at = [], 0
    for match in VARIABLE.finditer(pattern):
        pieces += [(pattern[at : match.start()], False), (match[0], True)]
        at = match.end()
    return (*pieces, (pattern[at:], False))


def like(pattern: str, *, variables: bool) -> Matcher:
    """StringLike. What a variable brings in is literal, even if it holds wildcards."""
    if variables and has_variable(pattern):

        def with_variables(value: str, context: Context) -> bool:
            regex = ""
            for text, is_variable in _pieces(pattern):
                if not is_variable:
                    regex += "".join(_piece(char) for char in text)
                    continue
                filled = substituted(text, context, re.escape)
                if filled is None:
                    return False
                regex += filled
            return re.fullmatch(regex, value, re.DOTALL) is not None

        return with_variables
    if "*" not in pattern and "?" not in pattern:
        return lambda value, _: value == pattern
    match = glob(pattern).fullmatch
    return lambda value, _: match(value) is not None


def arn_like(pattern: str, *, variables: bool) -> Matcher:
    """ArnLike and ArnEquals: each of the six parts of an ARN on its own; only the last may hold colons."""
    if pattern == "*":
        return lambda value, _: value.count(":") >= _PARTS_OF_ARN - 1
    # A tag's name in a variable may hold colons (${aws:…}): cut the pattern outside its variables.
    parts = _cut(pattern)
    if len(parts) != _PARTS_OF_ARN:
        return lambda _, __: False
    matchers = [like(part, variables=variables) for part in parts]

    def match(value: str, context: Context) -> bool:
        given = value.split(":", _PARTS_OF_ARN - 1)
        return len(given) == _PARTS_OF_ARN and all(
            matches(part, context) for matches, part in zip(matchers, given, strict=True)
        )

    return match


def _cut(pattern: str) -> list[str]:
    parts, depth = [""], 0
    for index, char in enumerate(pattern):
        if char == "{" and index and pattern[index - 1] == "$":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
        if char == ":" and not depth and len(parts) < _PARTS_OF_ARN:
            parts.append("")
        else:
            parts[-1] += char
    return parts


def resource(pattern: str, *, variables: bool) -> Matcher:
    """Resource and NotResource: wildcards within the parts of the ARN; one that ends a part may pass the colon.

    Variables count only after the fifth colon.
    """
    if pattern == "*":
        return lambda _, __: True
    if variables and has_variable(pattern):
        head, tail = _cut(pattern)[:-1], _cut(pattern)[-1]
        if any(has_variable(part) for part in head):
            return lambda _, __: False
        start = re.compile(_parts_regex(":".join(head)) + ":", re.DOTALL) if head else re.compile("")
        end = like(tail, variables=True)

        def match(value: str, context: Context) -> bool:
            # A wildcard in the head may end at any of several colons.
            return any(
                start.fullmatch(value, 0, at) is not None and end(value[at:], context)
                for at in (index + 1 for index, char in enumerate(value) if char == ":")
            )

        return match
    if "*" not in pattern and "?" not in pattern:
        return lambda value, _: value == pattern
    found = re.compile(_parts_regex(pattern), re.DOTALL).fullmatch
    return lambda value, _: found(value) is not None


def _parts_regex(pattern: str) -> str:
    parts = pattern.split(":", _PARTS_OF_ARN - 1)
    last = len(parts) - 1
    pieces = []
    for number, part in enumerate(parts):
        if number == last:
            pieces.append("".join(_piece(char) for char in part))
            continue
        body = "".join("[^:]*" if char == "*" else "[^:]" if char == "?" else re.escape(char) for char in part)
        # "If the wildcard is the last character of a segment, it can expand to match beyond the colon boundaries."
        pieces.append(body.removesuffix("[^:]*") + ".*" if part.endswith("*") else body)
    return ":".join(pieces)


def action(patterns: list[str]) -> Callable[[str], bool]:
    """Action and NotAction: case does not matter. The value must be in lower case."""
    lowered = [pattern.lower() for pattern in patterns]
    exact = frozenset(lowered)
    if "*" in exact:
        return lambda _: True
    globs = [glob(pattern).fullmatch for pattern in lowered if "*" in pattern or "?" in pattern]
    if not globs:
        return exact.__contains__
    return lambda value: value in exact or any(match(value) for match in globs)
