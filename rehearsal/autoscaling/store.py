"""What Application Auto Scaling remembers, for each account and region: JSON values only."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rehearsal.host import Scope

Record = dict[str, Any]
Key = str


def key_of(params: Mapping[str, Any]) -> Key:
    """A scalable target's identity: namespace, resource and dimension."""
    return "|".join(str(params[name]) for name in ("ServiceNamespace", "ResourceId", "ScalableDimension"))


def named(params: Mapping[str, Any]) -> dict[str, Any]:
    """The three members that identify a target."""
    return {name: params[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}


@dataclass
class State:
    """One account and region."""

    targets: dict[Key, Record] = field(default_factory=dict)
    policies: dict[str, Record] = field(default_factory=dict)  # by ARN
    actions: dict[str, Record] = field(default_factory=dict)  # scheduled ones, by target and name
    activities: list[Record] = field(default_factory=list)  # oldest first
    tags: dict[str, dict[str, str]] = field(default_factory=dict)  # by target ARN


class Store:
    """All scopes, behind one lock that is never held while another service is called."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._scopes: dict[Scope, State] = {}

    def state(self, scope: Scope) -> State:
        """The scope's, made on first use."""
        with self.lock:
            return self._scopes.setdefault(scope, State())

    def scopes(self) -> list[Scope]:
        """Every scope that was used."""
        with self.lock:
            return list(self._scopes)

    def snapshot(self) -> list[dict[str, Any]]:
        """All of it, for `resume` in a later process."""
        with self.lock:
            return [
                {"account": scope.account, "region": scope.region, "state": dict(vars(state))}
                for scope, state in self._scopes.items()
            ]

    def resume(self, kept: list[dict[str, Any]]) -> None:
        """Take up a snapshot; capacity that was being changed is told as failed."""
        with self.lock:
            for one in kept:
                state = State(**one["state"])
                for activity in state.activities:
                    if activity["StatusCode"] == "InProgress":
                        activity |= {"StatusCode": "Failed", "StatusMessage": "InternalServiceException"}
                self._scopes[Scope(one["account"], one["region"])] = state
