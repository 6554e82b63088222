"""Reading an event or the environment: a missing or mistyped key is named, never guessed."""

import os
from collections.abc import Mapping
from typing import Any, TypeVar

from slipway_lambda.contracts.errors import BadEventError, MissingSettingError

T = TypeVar("T")


def take(event: Mapping[str, Any], key: str, kind: type[T]) -> T:
    """The value under `key`, which must be of `kind`."""
    if key not in event:
        raise BadEventError(f"The event has no key {key!r}; it has {sorted(event)}.")
    value = event[key]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind in (int, float)):
        raise BadEventError(f"The event's {key!r} is a {type(value).__name__}, not a {kind.__name__}.")
    return value


def setting(name: str) -> str:
    """The value of an environment variable of this function."""
    value = os.environ.get(name, "")
    if not value:
        raise MissingSettingError(f"The environment variable {name} of this function is not set.")
    return value
