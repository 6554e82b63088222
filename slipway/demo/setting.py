"""What the stages share."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from slipway.config.model import Model
from slipway.config.platform import Environment, Platform
from slipway.demo.errors import DECLARATIONS, DemoError
from slipway.demo.progress import Progress
from slipway.demo.result import Result
from slipway.demo.traffic import Traffic
from slipway.operations import approvals
from slipway.operations.outputs import Outputs
from slipway.operations.where import Where

MODEL = "flight-delays"
TRAINED_MONTHS = (1, 2, 3)


@dataclass(frozen=True)
class Options:
    """What a person may choose."""

    root: Path
    keep: bool = False
    port: int = 0
    """0: any free port."""
    speed: float = 60.0
    """Cloud seconds in one second of the wall."""
    report: Path = Path("report.html")
    patience: float = 1.0
    """Times the usual bounds on waiting; for slow machines."""

    @property
    def folder(self) -> Path:
        """Everything the demo makes, but for the fetched data and the report."""
        return self.root / ".slipway" / "demo"

    @property
    def data(self) -> Path:
        """The flight records, kept from run to run."""
        return self.root / ".slipway" / "data"

    @property
    def state(self) -> Path:
        """The cloud's own folder. One that is kept is where the other commands look for it."""
        return self.root / ".slipway" / "cloud" if self.keep else self.folder / "cloud"


@dataclass
class Demo:
    """The run so far. Stages fill in what later ones need; `need_…` says so when the order is wrong."""

    options: Options
    progress: Progress
    result: Result
    defer: Callable[[Callable[[], None]], None]
    """Registers what to undo at the end, whatever that end is; last in, first out."""
    platform: Platform | None = None
    environment: Environment | None = None
    model: Model | None = None
    cloud: Any = None
    """rehearsal.cloud.Cloud"""
    outputs: Outputs | None = None
    traffic: Traffic | None = None
    metrics: dict[int, float] = field(default_factory=dict)
    """Version → the metric that the champion gate watches."""
    marks: list[dict[str, Any]] = field(default_factory=list)
    words: list[approvals.Decision] = field(default_factory=list)
    """Each approval and rejection, in the order they were said: the registry keeps only the last one."""
    """Moments for the report: {"at": wall epoch s, "text": …}."""
    trainings: dict[str, str] = field(default_factory=dict)
    """What it was for → execution ARN."""
    retraining_execution: str | None = None
    _clients: dict[str, Any] = field(default_factory=dict)
    watched: list[tuple[str, str, str]] = field(default_factory=list)
    """(month, monitor execution's ARN, its report's URI)."""

    @property
    def declared(self) -> tuple[Platform, Environment, Model]:
        """The declarations; set by the first stage."""
        if self.platform is None or self.environment is None or self.model is None:
            raise DemoError(DECLARATIONS, "The declarations are not loaded.", "Report this as a bug.")
        return self.platform, self.environment, self.model

    @property
    def places(self) -> Outputs:
        """What is deployed; set by the deployment."""
        if self.outputs is None:
            raise DemoError(DECLARATIONS, "Nothing is deployed yet.", "Report this as a bug.")
        return self.outputs

    @property
    def endpoint(self) -> str:
        """The endpoint's name."""
        return self.places.need("endpoint")

    @property
    def columns(self) -> list[str]:
        """The inputs in the order of a request."""
        return [column.name for column in self.declared[2].data.columns]

    @property
    def where(self) -> Where:
        """The cloud, as the command line's own operations take it."""
        environment = self.declared[1]
        return Where(
            self, environment.account, environment.region, True,
            lambda: datetime.fromtimestamp(self.cloud.clock.now(), UTC),
        )  # fmt: skip

    def client(self, service: str) -> Any:
        """A boto3 client of the operator; one each, since a client takes megabytes and a tenth of a second to make."""
        if service not in self._clients:
            self._clients[service] = self.cloud.client(service)
        return self._clients[service]

    def seconds(self, usual: float) -> float:
        """A bound on waiting, in wall seconds."""
        return usual * self.options.patience

    def alive(self) -> None:
        """Raise if the client has died."""
        if self.traffic is not None:
            self.traffic.check()

    def month_file(self, month: int) -> Path:
        """The CSV of a month."""
        from slipway.demo.flights import file_name

        return self.options.data / "monthly" / file_name(month)


def own_environment() -> dict[str, str]:
    """This process's environment without anything of AWS: the demo never talks to a real account."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CDK_"))}
