"""What a report shows, as plain data: collected once, kept as JSON, drawn as often as wanted."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class State:
    """A state of a machine, as one execution met it."""

    name: str
    type: str
    visited: int = 0
    failed: bool = False


@dataclass(frozen=True)
class Edge:
    """From one state to another. `kind` next, catch or branch."""

    source: str
    target: str
    kind: str = "next"
    taken: bool = False


@dataclass(frozen=True)
class Path:
    """One execution of one machine: its graph, and the path it took."""

    title: str
    execution: str
    status: str
    cause: str
    states: tuple[State, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True)
class Traffic:
    """What the client saw, second by second of the wall. `at` counts from the client's first request."""

    seconds: tuple[tuple[int, int, int, float], ...] = ()
    """(at, requests, failed, p99 in ms)"""
    marks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Split:
    """Invocations and errors per config and minute of cloud time, as CloudWatch has them."""

    begin: str = ""
    minutes: tuple[int, ...] = ()
    """Minutes after `begin`."""
    invocations: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    errors: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """4XX and 5XX together."""


@dataclass(frozen=True)
class DriftWindow:
    """One monitored window: feature → (distance, threshold); None where there was nothing to measure."""

    name: str
    records: int
    features: Mapping[str, tuple[float | None, float | None]]


@dataclass(frozen=True)
class GateTable:
    """One training's gates."""

    title: str
    outcome: str
    rows: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Approval:
    """A person's word on a version."""

    version: int
    status: str
    who: str
    when: str
    reason: str


@dataclass(frozen=True)
class Calls:
    """IAM decisions on one action of one principal."""

    principal: str
    action: str
    allowed: int
    denied: int


@dataclass(frozen=True)
class ReportFacts:
    """Everything."""

    model: str
    environment: str
    written_at: str
    result: Mapping[str, Any]
    """As `slipway demo --json` prints it."""
    paths: tuple[Path, ...] = ()
    traffic: Traffic = field(default_factory=Traffic)
    split: Split = field(default_factory=Split)
    drift: tuple[DriftWindow, ...] = ()
    gates: tuple[GateTable, ...] = ()
    approvals: tuple[Approval, ...] = ()
    iam_enforced: bool = False
    calls: tuple[Calls, ...] = ()
    missing: tuple[str, ...] = ()
    """What could not be collected, and why: said, not hidden."""

    def as_dict(self) -> dict[str, Any]:
        """JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """The inverse of `as_dict`, through JSON."""
        return cls(
            model=told["model"],
            environment=told["environment"],
            written_at=told["written_at"],
            result=told["result"],
            paths=tuple(_path(p) for p in told["paths"]),
            traffic=Traffic(
                tuple((int(s[0]), int(s[1]), int(s[2]), float(s[3])) for s in told["traffic"]["seconds"]),
                tuple((float(m[0]), str(m[1])) for m in told["traffic"]["marks"]),
            ),
            split=Split(
                told["split"]["begin"],
                tuple(told["split"]["minutes"]),
                {k: tuple(v) for k, v in told["split"]["invocations"].items()},
                {k: tuple(v) for k, v in told["split"]["errors"].items()},
            ),
            drift=tuple(
                DriftWindow(w["name"], w["records"], {k: (v[0], v[1]) for k, v in w["features"].items()})
                for w in told["drift"]
            ),
            gates=tuple(GateTable(g["title"], g["outcome"], tuple(g["rows"])) for g in told["gates"]),
            approvals=tuple(Approval(**a) for a in told["approvals"]),
            iam_enforced=told["iam_enforced"],
            calls=tuple(Calls(**c) for c in told["calls"]),
            missing=tuple(told["missing"]),
        )


def _path(told: Mapping[str, Any]) -> Path:
    return Path(
        told["title"],
        told["execution"],
        told["status"],
        told["cause"],
        tuple(State(**s) for s in told["states"]),
        tuple(Edge(**e) for e in told["edges"]),
    )
