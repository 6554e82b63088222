"""A pydantic error to a fault a person can act on: what the field takes, in its own words and with its whole range."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any

from slipway.config.base import Clash, ClashError, Path
from slipway.config.errors import Code, Fault, printable
from slipway.config.yaml_core import Place

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list (one `- item` a line)",
    "dict_type": "a block of `name: value` lines",
    "model_type": "a block of `name: value` lines",
    "finite_number": "a finite number",
}
_RANGES = {
    "greater_than",
    "greater_than_equal",
    "less_than",
    "less_than_equal",
    "too_short",
    "too_long",
    "string_too_short",
} | {"string_too_long"}


class Explainer:
    """Explains the errors of one file."""

    def __init__(self, file: str, schema: Mapping[str, Any], places: Mapping[Path, Place]) -> None:
        self._file, self._schema, self._places = file, schema, places

    def faults(self, error: Mapping[str, Any]) -> Iterator[tuple[Path, tuple[Path, ...], Fault]]:
        """Each fault with the path it is about and the paths it rests on."""
        path = self._path(error["loc"])
        cause = error.get("ctx", {}).get("error")
        if isinstance(cause, ClashError):
            for clash in cause.clashes:
                reads = tuple((*path, *read) for read in clash.reads)
                yield (*path, *clash.path), reads, self._clash((*path, *clash.path), clash)
        else:
            yield path, (), self._fault(path, error)

    def at(self, code: Code, path: Path, value: str, why: str, fix: str) -> Fault:
        """A fault at the field's line, or at the nearest block around it that is written."""
        written = path
        while written and written not in self._places:
            written = written[:-1]
        place = self._places.get(written, Place(1, 1))
        return Fault(self._file, place.line, place.column, code, dotted(path), printable(value, 80), why, fix)

    def _clash(self, path: Path, clash: Clash) -> Fault:
        return self.at(Code.DISAGREEMENT, path, self._written(path), clash.why, clash.fix)

    def _written(self, path: Path) -> str:
        place = self._places.get(path)
        return place.text if place else ""

    def _path(self, loc: tuple[str | int, ...]) -> Path:
        """`loc` without the names of union members and `[key]` that pydantic appends."""
        path: Path = ()
        for n, part in enumerate(loc):
            written = (*path, part) in self._places
            last = n == len(loc) - 1
            if part == "[key]" or (not written and (not last or "anyOf" in self._subschema(path))):
                break
            path = (*path, part)
        return path

    def _subschema(self, path: Path) -> Mapping[str, Any]:
        """The JSON schema of the field at `path`; empty where the schema has none."""
        found: Any = self._schema
        for part in (*path, None):
            keep = {k: found[k] for k in ("description", "default") if k in found}
            while "$ref" in found or self._optional(found):
                found = (
                    self._schema["$defs"][found["$ref"].rsplit("/", 1)[1]] if "$ref" in found else self._optional(found)
                )
            found = {**found, **keep}
            if part is None:
                break
            found = (
                found.get("items", {})
                if isinstance(part, int)
                else found.get("properties", {}).get(part) or _entries(found)
            )
        return found if isinstance(found, Mapping) else {}

    @staticmethod
    def _optional(schema: Mapping[str, Any]) -> Any:
        members = [m for m in schema.get("anyOf", []) if m.get("type") != "null"]
        return members[0] if len(members) == 1 and len(schema.get("anyOf", [])) == 2 else None

    def _fault(self, path: Path, error: Mapping[str, Any]) -> Fault:  # noqa: PLR0911 (one return a kind)
        kind, schema = error["type"], self._subschema(path)
        value = self._written(path) or _short(error.get("input"))
        note = f" ({_sentence(schema['description'])})" if schema.get("description") else ""
        if kind == "extra_forbidden":
            return self._unknown(path)
        if kind == "missing":
            what = schema.get("patternErrorMessage") or _choices(schema)
            hint = f", {what}" if what else ""
            return self.at(Code.FIELD_MISSING, path, "", f"is required and missing{note}", f"add `{path[-1]}: …`{hint}")
        if kind in {"enum", "literal_error"}:
            choices = [str(c) for c in schema.get("enum", [])] or [str(schema.get("const", error["ctx"]["expected"]))]
            close = difflib.get_close_matches(value, choices, 1)
            fix = f"did you mean {close[0]}? " if close else ""
            return self.at(
                Code.NOT_A_CHOICE, path, value, "is not one of the choices", f"{fix}use one of {', '.join(choices)}"
            )
        if kind in _RANGES:
            return self.at(Code.OUT_OF_RANGE, path, value, f"{_beyond(error)}{note}", f"give {_range(schema)}")
        if kind == "string_pattern_mismatch":
            words = (
                schema.get("patternErrorMessage")
                or self._key_words(path)
                or f"text that matches {schema.get('pattern')}"
            )
            return self.at(Code.BAD_FORMAT, path, value, "has not the form the field asks for", f"give {words}")
        if kind in _KINDS or "parsing" in kind:
            return self._wrong_type(path, kind, value, schema)
        why = str(error["msg"]).removeprefix("Value error, ")
        why, _, fix = why.partition(": ")
        return self.at(Code.BAD_FORMAT, path, value, why, fix or "see docs/declarations.md")

    def _key_words(self, path: Path) -> str | None:
        names = self._subschema(path[:-1]).get("propertyNames", {})
        words = names.get("patternErrorMessage")
        return f"the name {words}" if words else None

    def _unknown(self, path: Path) -> Fault:
        known = sorted(self._subschema(path[:-1]).get("properties", {}))
        name = str(path[-1])
        block = dotted(path[:-1]) or "this file"
        close = difflib.get_close_matches(name.lower().replace("-", "_"), known, 1, 0.6)
        if name == "<<":
            fix = "write the fields out: merge keys are not part of YAML 1.2"
        elif close:
            fix = f"did you mean {close[0]}?"
        else:
            fix = f"remove it; {block} takes {', '.join(known)}"
        return self.at(Code.UNKNOWN_FIELD, path, "", f"is not a field of {block}", fix)

    def _wrong_type(self, path: Path, kind: str, value: str, schema: Mapping[str, Any]) -> Fault:
        place = self._places.get(path, Place(0, 0))
        wanted = _KINDS.get(kind, "a number")
        if "anyOf" in schema:
            wanted = "a number or text"
        if path and path[-1] == "account" and place.plain:
            return self.at(
                Code.ACCOUNT_UNQUOTED, path, value, "is an account id without quotes, which YAML reads as a number",
                f'write account: "{value}"',
            )  # fmt: skip
        fix = f"give {wanted}"
        if kind == "bool_type" and value.lower() in {"on", "off", "yes", "no", "y", "n"}:
            meant = "true" if value.lower() in {"on", "yes", "y"} else "false"
            fix = f"write {meant}: in YAML 1.2 {value} is a word"
        elif kind in {"int_type", "float_type"} and value.replace("_", "").isdigit():
            fix = f"write {value.replace('_', '')}" + (
                ": numbers have no underscores" if "_" in value else ", without quotes"
            )
        elif kind == "string_type" and place.plain and value not in {"", "~", "null"}:
            fix = f'write it in quotes: "{value}"'
        return self.at(Code.WRONG_TYPE, path, value or "nothing", f"is not {wanted}", fix)


def dotted(path: Path) -> str:
    """`gates.absolute[0].metric`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{printable(part, 60)}" if text else printable(part, 60)
    return text


def _entries(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of the values of a mapping whose keys the user chooses."""
    patterns = schema.get("patternProperties") or {"": schema.get("additionalProperties")}
    found = next(iter(patterns.values()))
    return found if isinstance(found, Mapping) else {}


def _sentence(description: str) -> str:
    return " ".join(description.split()).removesuffix(".")


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return "a block"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    return "nothing" if value is None else str(value)


def _choices(schema: Mapping[str, Any]) -> str:
    return f"one of {', '.join(map(str, schema['enum']))}" if "enum" in schema else ""


def _beyond(error: Mapping[str, Any]) -> str:
    ctx, kind = error.get("ctx", {}), error["type"]
    words = {
        "greater_than": "is not more than {gt}",
        "greater_than_equal": "is less than {ge}",
        "less_than": "is not less than {lt}",
        "less_than_equal": "is more than {le}",
        "too_short": "has fewer than {min_length} entries",
        "too_long": "has more than {max_length} entries",
        "string_too_short": "has fewer than {min_length} characters",
        "string_too_long": "has more than {max_length} characters",
    }
    return words[kind].format(**ctx)


def _range(schema: Mapping[str, Any]) -> str:
    """The whole allowed range, in words."""
    for low, high, unit in (("minItems", "maxItems", "entries"), ("minProperties", "maxProperties", "entries"),
                            ("minLength", "maxLength", "characters")):  # fmt: skip
        if low in schema or high in schema:
            return (
                f"{schema.get(low, 0)} to {schema[high]} {unit}" if high in schema else f"at least {schema[low]} {unit}"
            )
    kind = "a whole number" if schema.get("type") == "integer" else "a number"
    parts = []
    for key, word in (("exclusiveMinimum", "more than"), ("minimum", "at least"), ("exclusiveMaximum", "less than"),
                      ("maximum", "at most")):  # fmt: skip
        if key in schema:
            parts.append(f"{word} {schema[key]:g}" if abs(schema[key]) < 1e6 else f"{word} {schema[key]}")
    return f"{kind}, {' and '.join(parts)}"
