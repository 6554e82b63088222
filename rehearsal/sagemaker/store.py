"""What the control plane remembers: plain dicts in memory, one set for each account and region."""

import itertools
import threading
from typing import Any

from rehearsal.host import Scope

Record = dict[str, Any]

# Keys that start with an underscore are the emulator's own: no answer ever shows them.


class State:
    """Resources of one account in one region: a table for each kind, by name (packages by ARN).

    Any module may keep a kind of its own with `table`. A record holds JSON values only, but for private members, which
    are not kept over a restart unless they are JSON too.
    """

    def __init__(self) -> None:
        self.tables: dict[str, dict[str, Record]] = {}
        self.tags: dict[str, dict[str, str]] = {}  # by the resource's ARN
        self.tokens: dict[str, tuple[Record, str]] = {}

    def table(self, kind: str) -> dict[str, Record]:
        """Records of one kind, by name; the table is made on first use."""
        return self.tables.setdefault(kind, {})

    def arns(self) -> set[str]:
        """Every resource that can have tags."""
        return {record["_arn"] for table in self.tables.values() for record in table.values() if "_arn" in record}

    @property
    def models(self) -> dict[str, Record]:
        """By name."""
        return self.table("models")

    @property
    def endpoint_configs(self) -> dict[str, Record]:
        """By name."""
        return self.table("endpoint_configs")

    @property
    def endpoints(self) -> dict[str, Record]:
        """By name."""
        return self.table("endpoints")

    @property
    def package_groups(self) -> dict[str, Record]:
        """By name."""
        return self.table("package_groups")

    @property
    def packages(self) -> dict[str, Record]:
        """By ARN."""
        return self.table("packages")

    @property
    def training_jobs(self) -> dict[str, Record]:
        """By name."""
        return self.table("training_jobs")

    @property
    def processing_jobs(self) -> dict[str, Record]:
        """By name."""
        return self.table("processing_jobs")


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

    def continue_after(self, sequence: int) -> None:
        """Number what comes after this one; for a store that was filled from a snapshot."""
        self._sequence = itertools.count(sequence + 1)


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
