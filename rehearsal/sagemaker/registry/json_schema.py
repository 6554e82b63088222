"""The part of JSON Schema that the service's documents use: enough to say where a document departs from one."""

import re
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "number": (int, float),
    "boolean": bool,
}


def faults(schema: Schema, value: Any, path: str = "$") -> Iterator[str]:
    """One sentence for each place where the value does not fit."""
    if "anyOf" in schema:
        found = [list(faults(one, value, path)) for one in schema["anyOf"]]
        if all(found):
            yield f"{path}: fits none of the {len(found)} forms it may have; of the nearest: {min(found, key=len)[0]}"
        return
    kind = schema.get("type")
    if kind and not _is(value, kind):
        yield f"{path}: {_shown(value)} is not of type {kind}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{path}: {_shown(value)} is not one of {', '.join(schema['enum'])}"
    if isinstance(value, str):
        yield from _text(schema, value, path)
    elif isinstance(value, list):
        yield from _items(schema, value, path)
    elif isinstance(value, dict):
        yield from _members(schema, value, path)
    elif "minimum" in schema and not isinstance(value, bool) and value < schema["minimum"]:
        yield f"{path}: {value} is less than {schema['minimum']}"


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _text(schema: Schema, value: str, path: str) -> Iterator[str]:
    if len(value) > schema.get("maxLength", len(value)):
        yield f"{path}: has {len(value)} characters, at most {schema['maxLength']} are allowed"
    if len(value) < schema.get("minLength", 0):
        yield f"{path}: has {len(value)} characters, at least {schema['minLength']} are needed"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: {_shown(value)} does not match {schema['pattern']}"


def _items(schema: Schema, value: list[Any], path: str) -> Iterator[str]:
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{path}: has {len(value)} entries, at most {schema['maxItems']} are allowed"
    if len(value) < schema.get("minItems", 0):
        yield f"{path}: has {len(value)} entries, at least {schema['minItems']} are needed"
    for number, item in enumerate(value):
        yield from faults(schema.get("items", {}), item, f"{path}[{number}]")


def _members(schema: Schema, value: dict[str, Any], path: str) -> Iterator[str]:
    members, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{path}: {name} is missing"
    for name, item in value.items():
        if name in members:
            yield from faults(members[name], item, f"{path}.{name}")
        elif others is False:
            yield f"{path}: {name} is not a member; there are {', '.join(members)}"
        elif isinstance(others, dict):
            yield from faults(others, item, f"{path}.{name}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"
