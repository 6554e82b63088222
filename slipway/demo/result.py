"""What `slipway demo --json` prints: one object, of one shape whether the demo went well or not."""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Deploy:
    """The real CDK CLI's deployment."""

    stacks: int = 0
    resources: int = 0
    seconds: float = 0.0


@dataclass
class Training:
    """The first training: rows prepared, and the metric that the champion gate watches."""

    rows: int = 0
    metric: str = ""
    value: float | None = None


@dataclass
class Release:
    """One version's way to the endpoint, and what the client saw meanwhile."""

    version: int
    strategy: str
    outcome: str
    live_version: int | None
    requests: int
    failed_requests: int
    cause: str | None
    failed_by_platform: int = 0
    """Of `failed_requests`: those no container answered. Never the version's fault."""
    canary_requests: int = 0
    """Requests from the version's first failed one to its last: what its canary share is measured on."""


@dataclass
class Window:
    """One monitored hour."""

    window: str
    records: int
    violations: list[str]
    month: str = ""
    decision: str = ""


@dataclass
class Retraining:
    """The training that drift started."""

    triggered_by: str = ""
    outcome: str = ""
    reason: str = ""


@dataclass
class Iam:
    """Decisions of the embedded cloud's policy evaluation."""

    enforced: bool = False
    allowed: int = 0
    denied: int = 0


@dataclass
class Memory:
    """The highest sum over all processes of the demo. Shared pages are counted once where the kernel tells (PSS)."""

    peak_mb: float | None = None
    processes: int = 0
    measure: str = ""
    largest: dict[str, float] = field(default_factory=dict)
    """What held it at the peak: kind of process → MB over all of the kind, the largest first."""


@dataclass
class Result:
    """Everything the demo found out. Filled in as it goes, so a failed run tells what it had reached."""

    clock_speed: float = 0.0
    ok: bool = False
    seconds: float = 0.0
    deploy: Deploy = field(default_factory=Deploy)
    training: Training = field(default_factory=Training)
    releases: list[Release] = field(default_factory=list)
    monitoring: list[Window] = field(default_factory=list)
    retraining: Retraining = field(default_factory=Retraining)
    iam: Iam = field(default_factory=Iam)
    timings: dict[str, float] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    report: str | None = None
    faults: list[str] = field(default_factory=list)
    error: dict[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON; `error` only when there is one."""
        told = asdict(self)
        if self.error is None:
            del told["error"]
        return told
