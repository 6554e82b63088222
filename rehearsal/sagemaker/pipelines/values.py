"""References and functions in a step's arguments, and conditions: evaluated over what is known. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

_PART = re.compile(
    r"\.?(?P<name>[A-Za-z_][\w-]*)|\[(?P<index>\d+)\]|\['(?P<quoted>[^']*)'\]|\[\"(?P<double>[^\"]*)\"\]"
)
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "Equals": lambda left, right: bool(left == right),
    "GreaterThan": lambda left, right: bool(left > right),
    "GreaterThanOrEqualTo": lambda left, right: bool(left >= right),
    "LessThan": lambda left, right: bool(left < right),
    "LessThanOrEqualTo": lambda left, right: bool(left <= right),
}


class ValueUnknownError(ValueError):
    """A reference that leads nowhere, or a value that cannot be compared; the text says which."""


@dataclass(frozen=True)
class Known:
    """What references may lead to. `read` fetches the JSON of a step's property file, by step and file name."""

    parameters: Mapping[str, Any]
    execution: Mapping[str, Any]
    steps: Mapping[str, Mapping[str, Any]]
    read: Callable[[str, str], Any]


def resolve(value: Any, known: Known) -> Any:
    """The value with every reference and function in it replaced. Raises ValueUnknownError."""
    if isinstance(value, list):
        return [resolve(one, known) for one in value]
    if not isinstance(value, Mapping):
        return value
    if set(value) == {"Get"}:
        return get(str(value["Get"]), known)
    if set(value) == {"Std:Join"}:
        join = value["Std:Join"]
        return str(join.get("On", "")).join(text(resolve(one, known)) for one in join["Values"])
    if set(value) == {"Std:JsonGet"}:
        return _json_get(value["Std:JsonGet"], known)
    return {key: resolve(one, known) for key, one in value.items()}


def text(value: Any) -> str:
    """As the service writes a value into text."""
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def get(reference: str, known: Known) -> Any:
    """What `Parameters.…`, `Execution.…` or `Steps.…` leads to."""
    head, _, rest = reference.partition(".")
    root: Mapping[str, Any] = {"Parameters": known.parameters, "Execution": known.execution, "Steps": known.steps}[head]
    return walk(root, rest, reference)


def walk(root: Any, path: str, shown: str) -> Any:
    """Follow `a.b[0]['c']` from a value."""
    found, at = root, 0
    while at < len(path):
        part = _PART.match(path, at)
        if part is None:
            raise ValueUnknownError(f"{shown!r} cannot be read from {path[at:]!r} on")
        key: Any = int(part["index"]) if part["index"] else part["name"] or part["quoted"] or part["double"]
        try:
            found = _named(found, key) if isinstance(found, list) and isinstance(key, str) else found[key]
        except (KeyError, IndexError, TypeError):
            raise ValueUnknownError(f"{shown!r} has no value: there is no {key!r}") from None
        at = part.end()
    return found


def _named(items: list[Any], name: str) -> Any:
    """An item of a list by its own name, as Outputs['train'] of a processing job."""
    for item in items:
        if isinstance(item, Mapping) and name in (
            item.get("OutputName"),
            item.get("InputName"),
            item.get("ChannelName"),
        ):
            return item
    raise KeyError(name)


def _json_get(call: Mapping[str, Any], known: Known) -> Any:
    source = call["PropertyFile"]
    reference = source["Get"] if isinstance(source, Mapping) else str(source)
    match = re.fullmatch(r"Steps\.([^.]+)\.PropertyFiles\.(.+)", reference)
    if match is None:
        raise ValueUnknownError(f"{reference!r} is not Steps.<step>.PropertyFiles.<file>")
    return walk(known.read(match[1], match[2]), str(call["Path"]), f"{reference} at {call['Path']}")


def holds(condition: Mapping[str, Any], known: Known) -> bool:
    """Whether a condition is true."""
    kind = condition.get("Type")
    if kind == "Not":
        return not holds(condition["Expression"], known)
    if kind == "Or":
        return any(holds(one, known) for one in condition["Conditions"])
    if kind == "And":
        return all(holds(one, known) for one in condition["Conditions"])
    if kind == "In":
        return resolve(condition["QueryValue"], known) in [resolve(one, known) for one in condition["Values"]]
    if kind not in _COMPARE:
        raise ValueUnknownError(f"{kind!r} is not a type of condition")
    left, right = resolve(condition["LeftValue"], known), resolve(condition["RightValue"], known)
    try:
        return _COMPARE[kind](left, right)
    except TypeError:
        raise ValueUnknownError(f"{left!r} and {right!r} cannot be compared with {kind}") from None
