"""Requests checked against botocore's model of the service, refused in the service's words.

The official model carries what the service enforces (required members, lengths, ranges, patterns, enums); botocore's
own ParamValidator checks only a part of it, and only in the client.
"""

import re
from functools import cache, lru_cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel, Shape

from rehearsal.sagemaker.errors import ServiceError, invalid

# The model's patterns are Java's. Python's `re` has no Unicode categories: each becomes the nearest set it can write.
_CATEGORIES = {
    r"\p{L}": r"\w",
    r"\p{M}": r"\w",
    r"\p{N}": r"\d",
    r"\p{Z}": r"\s",
    r"\p{S}": "$+<=>^`|~\u00a2-\u00bf\u2000-\u2bff",
    r"\p{P}": r"!-\/:-@\[-_{-}\u00a1-\u00bf\u2010-\u205e\u3000-\u303f",
    r"\p{Alnum}": "a-zA-Z0-9",
}


@cache
def service_model() -> ServiceModel:
    """botocore's `sagemaker` model, loaded once."""
    return botocore.session.get_session().get_service_model("sagemaker")


@lru_cache(maxsize=512)
def _pattern(text: str) -> re.Pattern[str] | None:
    for java, python in _CATEGORIES.items():
        text = text.replace(java, python)
    try:
        return re.compile(text)
    except re.error:  # one pattern of the model names surrogates: no check is better than a wrong one
        return None


class _Check:
    def __init__(self) -> None:
        self.faults: list[str] = []

    def fault(self, value: Any, path: str, rule: str) -> None:
        shown = "null" if value is None else f"'{value}'"
        self.faults.append(f"Value {shown} at '{path}' failed to satisfy constraint: Member must {rule}")

    def visit(self, shape: Shape, value: Any, path: str) -> Any:
        visitor = getattr(self, f"_{shape.type_name}", None)
        return visitor(shape, value, path) if visitor else value

    def _structure(self, shape: Any, value: Any, path: str) -> dict[str, Any]:
        _typed(value, dict, "a structure", path)
        unknown = sorted(set(value) - set(shape.members))
        if unknown:
            where = path or "the request"
            raise invalid(f'Unknown parameter "{unknown[0]}" in {where}, must be one of: {", ".join(shape.members)}')
        checked = {}
        for name, member in shape.members.items():
            inner = _join(path, name[:1].lower() + name[1:])
            if value.get(name) is not None:
                checked[name] = self.visit(member, value[name], inner)
            elif name in shape.required_members:
                self.fault(None, inner, "not be null")
        return checked

    def _list(self, shape: Any, value: Any, path: str) -> list[Any]:
        _typed(value, (list, tuple), "a list", path)
        self._length(shape, value, path)
        return [self.visit(shape.member, item, f"{path}.{n}.member") for n, item in enumerate(value, 1)]

    def _map(self, shape: Any, value: Any, path: str) -> dict[str, Any]:
        _typed(value, dict, "a map", path)
        self._length(shape, value, path)
        return {
            self.visit(shape.key, key, f"{path}.key"): self.visit(shape.value, item, f"{path}.{key}.member")
            for key, item in value.items()
        }

    def _string(self, shape: Any, value: Any, path: str) -> str:
        _typed(value, str, "a string", path)
        self._length(shape, value, path)
        if shape.enum and value not in shape.enum:
            self.fault(value, path, f"satisfy enum value set: [{', '.join(shape.enum)}]")
        pattern = shape.metadata.get("pattern")
        if pattern and (compiled := _pattern(pattern)) and not compiled.fullmatch(value):
            self.fault(value, path, f"satisfy regular expression pattern: {pattern}")
        return str(value)

    def _integer(self, shape: Any, value: Any, path: str) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool):
            value = str(value)
        _typed(value, int, "an integer", path)
        self._range(shape, value, path)
        return int(value)

    _long = _integer

    def _float(self, shape: Any, value: Any, path: str) -> float:
        _typed(value, (int, float), "a number", path)
        self._range(shape, value, path)
        return value  # type: ignore[no-any-return]

    _double = _float

    def _boolean(self, shape: Any, value: Any, path: str) -> bool:  # noqa: ARG002
        _typed(value, bool, "a boolean", path)
        return bool(value)

    def _length(self, shape: Shape, value: Any, path: str) -> None:
        if len(value) < shape.metadata.get("min", 0):
            self.fault(value, path, f"have length greater than or equal to {shape.metadata['min']}")
        if len(value) > shape.metadata.get("max", len(value)):
            self.fault(value, path, f"have length less than or equal to {shape.metadata['max']}")

    def _range(self, shape: Shape, value: float, path: str) -> None:
        if value < shape.metadata.get("min", value):
            self.fault(value, path, f"have value greater than or equal to {shape.metadata['min']}")
        if value > shape.metadata.get("max", value):
            self.fault(value, path, f"have value less than or equal to {shape.metadata['max']}")


def _typed(value: Any, kind: type | tuple[type, ...], name: str, path: str) -> None:
    if not isinstance(value, kind):
        raise ServiceError(
            "SerializationException", f"{value!r} at '{path or 'request'}' cannot be converted to {name}"
        )


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def check(shape: Shape, value: Any) -> Any:
    """The value, normalised (nulls dropped, 2.0 → 2 where an integer is due), or the service's ValidationException."""
    checker = _Check()
    checked = checker.visit(shape, value, "")
    if checker.faults:
        count = len(checker.faults)
        noun = "error" if count == 1 else "errors"
        raise invalid(f"{count} validation {noun} detected: {'; '.join(checker.faults)}")
    return checked


def check_request(action: str, params: dict[str, Any]) -> dict[str, Any]:
    """Normalised parameters of an action, or the refusal. The action must be in the model."""
    shape = service_model().operation_model(action).input_shape
    return {} if shape is None else dict(check(shape, params))


@cache
def output_members(action: str) -> tuple[str, ...]:
    """Member names of an action's answer, in the model's order."""
    shape = service_model().operation_model(action).output_shape
    return () if shape is None else tuple(shape.members)
