"""DynamoDB's attribute values, for items that state machines read and write without a client."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def to_attribute(value: Any) -> dict[str, Any]:
    """One value: str, bool, int, float, None, list or mapping."""
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, (int, float, Decimal)):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, Mapping):
        return {"M": to_item(value)}
    if isinstance(value, (list, tuple)):
        return {"L": [to_attribute(v) for v in value]}
    raise TypeError(f"{type(value).__name__} has no DynamoDB type")


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """An item."""
    return {k: to_attribute(v) for k, v in values.items()}


def from_attribute(attribute: Mapping[str, Any]) -> Any:
    """One value; a number is an int where it is whole."""
    ((kind, value),) = attribute.items()
    if kind == "NULL":
        return None
    if kind == "N":
        number = float(value)
        return int(number) if number.is_integer() else number
    if kind == "M":
        return from_item(value)
    if kind == "L":
        return [from_attribute(v) for v in value]
    return value


def from_item(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item."""
    return {k: from_attribute(v) for k, v in item.items()}
