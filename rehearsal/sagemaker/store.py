"""What the control plane remembers: plain dicts in memory, one set for each account and region."""

import itertools
import threading
from dataclasses import dataclass, field
from typing import Any

from rehearsal.host import Scope

Record = dict[str, Any]

# Keys that start with this are the emulator's own: no answer ever shows them.
PRIVATE = "_"


@dataclass
class State:
    """Resources of one account in one region, by name (packages by ARN, tags by the resource's ARN)."""

    models: dict[str, Record] = field(default_factory=dict)
    endpoint_configs: dict[str, Record] = field(default_factory=dict)
    endpoints: dict[str, Record] = field(default_factory=dict)
    package_groups: dict[str, Record] = field(default_factory=dict)
    packages: dict[str, Record] = field(default_factory=dict)
    training_jobs: dict[str, Record] = field(default_factory=dict)
    processing_jobs: dict[str, Record] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, tuple[Record, str]] = field(default_factory=dict)


class Store:
    """All scopes. Hold `lock` for dict work only, never over IO."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self._scopes: dict[Scope, State] = {}
        self._sequence = itertools.count(1)

    def state(self, scope: Scope) -> State:
        """The scope's resources, made on first use."""
        with self.lock:
            return self._scopes.setdefault(scope, State())

    def scopes(self) -> list[tuple[Scope, State]]:
        """Every scope that was used."""
        with self.lock:
            return list(self._scopes.items())

    def next_sequence(self) -> int:
        """Order of creation, which breaks ties between equal timestamps."""
        return next(self._sequence)


def arn_of(scope: Scope, kind: str, name: str) -> str:
    """`arn:aws:sagemaker:<region>:<account>:<kind>/<name>`, in lower case as the service shows it."""
    return f"arn:aws:sagemaker:{scope.region}:{scope.account}:{kind}/{name.lower()}"


def split_arn(text: str) -> tuple[Scope, str] | None:
    """Scope and `kind/name…` of a SageMaker ARN; None for anything else."""
    parts = text.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn" or parts[2] != "sagemaker":
        return None
    return Scope(account=parts[4], region=parts[3]), parts[5]


def public(record: Record, members: tuple[str, ...]) -> Record:
    """The answer's members that the record has: no nulls, nothing private, nothing empty that nobody gave."""
    return {name: record[name] for name in members if record.get(name) is not None}
