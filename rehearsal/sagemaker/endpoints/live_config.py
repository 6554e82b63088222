"""The endpoint config that an endpoint runs, as it was when it was taken into use."""

from collections.abc import Mapping
from typing import Any


def live_config(record: Mapping[str, Any]) -> dict[str, Any]:
    """Of an endpoint's record: the config in service, else the one it is brought to."""
    kept = record.get("_live") or record.get("_target") or {"config": {}}
    config: dict[str, Any] = kept["config"]
    return config
