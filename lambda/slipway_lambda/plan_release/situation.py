"""What is true when a release is planned, and what a plan says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway_lambda.contracts.release import OF_PEOPLE, Decision


@dataclass(frozen=True)
class Situation:
    """`endpoint`: DescribeEndpoint, or empty. `live`, `halt`, `attempt`, `hold`: the ledger's items, or empty."""

    trigger: str
    asked_version: int | None
    execution: str
    endpoint: Mapping[str, Any]
    live: Mapping[str, Any]
    halt: Mapping[str, Any]
    attempt: Mapping[str, Any]
    hold: Mapping[str, Any] = field(default_factory=dict)

    @property
    def by_itself(self) -> bool:
        """Nobody asked for exactly this: what was tried and told is not tried and told again."""
        return self.trigger not in OF_PEOPLE


@dataclass(frozen=True)
class Plan:
    """`reason` and `next_step` are sentences for people."""

    decision: Decision
    reason: str
    next_step: str = ""


def live_version(now: Situation) -> int | None:
    """The version that serves: as the ledger verified it, else as the config's name says; None if neither knows."""
    config = now.endpoint.get("EndpointConfigName", "")
    if config and now.live.get("config") == config:
        return int(now.live["version"])
    named = re.search(r"-v(\d+)-[0-9a-f]{8}\Z", config)
    return int(named[1]) if named else None


def on_trial(now: Situation) -> bool:
    """Champion and challenger serve side by side: a trial that somebody is at, or that was cut off."""
    return len(now.endpoint.get("ProductionVariants", [])) > 1 or bool(now.endpoint.get("ShadowProductionVariants"))
