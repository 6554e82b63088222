"""An answer of a model, taken apart: CSV, JSON or a line of JSON a row, as a container may give it."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

MOST_CHARACTERS = 6 * 2**20
"""SageMaker's largest answer."""


class UnreadableError(ValueError):
    """It is empty, or begins like JSON and is none."""


@dataclass(frozen=True)
class Answer:
    """`shape`: how values lie in it, for example `{predictions: [2 number]}`. `values`: numbers and texts, in order."""

    shape: str
    values: tuple[float | str, ...]

    @property
    def is_finite(self) -> bool:
        """No NaN, no infinity."""
        return all(isinstance(v, str) or math.isfinite(v) for v in self.values)

    def differs(self, other: "Answer", tolerance: float) -> bool:
        """Of one shape: whether a text is another one, or a number is further away than `tolerance`."""
        for mine, yours in zip(self.values, other.values, strict=True):
            if isinstance(mine, str) or isinstance(yours, str):
                if mine != yours:
                    return True
            elif abs(mine - yours) > tolerance:
                return True
        return False


def read(text: str) -> Answer:
    """Raises UnreadableError."""
    stripped = text.strip()
    if not stripped or len(text) > MOST_CHARACTERS:
        raise UnreadableError("it is empty" if not stripped else "it is too long")
    values: list[float | str] = []
    try:
        if stripped[0] not in "{[":
            rows = [_row([field.strip() for field in line.split(",")], values) for line in stripped.splitlines()]
            return Answer(f"CSV {_joined(rows)}", tuple(values))
        return Answer(_json(stripped, values), tuple(values))
    except (ValueError, RecursionError, OverflowError) as error:
        raise UnreadableError(f"it is no JSON: {error}") from None


def _json(text: str, values: list[float | str]) -> str:
    try:
        document = json.loads(text)
    except ValueError:
        lines = [json.loads(line) for line in text.splitlines() if line.strip()]
        return f"lines {_joined([_shape(line, values) for line in lines])}"
    return _shape(document, values)


def _row(fields: list[str], values: list[float | str]) -> str:
    return _joined([_shape(_number(field), values) for field in fields])


def _number(field: str) -> float | str:
    try:
        return float(field)
    except ValueError:
        return field


def _shape(found: Any, values: list[float | str]) -> str:
    if isinstance(found, dict):
        return "{" + ", ".join(f"{key}: {_shape(found[key], values)}" for key in sorted(found)) + "}"
    if isinstance(found, list):
        return _joined([_shape(one, values) for one in found])
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    values.append(float(found) if is_number else str(found))
    return "number" if is_number else "null" if found is None else "text"


def _joined(shapes: list[str]) -> str:
    return "[" + ", ".join(f"{count} {shape}" for shape, count in _runs(shapes)) + "]"


def _runs(shapes: list[str]) -> Iterator[tuple[str, int]]:
    count = 0
    for i, shape in enumerate(shapes):
        count += 1
        if i + 1 == len(shapes) or shapes[i + 1] != shape:
            yield shape, count
            count = 0
