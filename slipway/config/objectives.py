"""`rollout.alarms` of `model.yaml`: objectives that become the alarms which guard a release."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from slipway.config.base import Clash, Declared, refuse, says

MOST_ALARMS = 10
"""Of one update: SageMaker's AutoRollbackConfiguration takes 1 to 10."""
AlarmName = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~]([ -~]{0,253}[!-~])?$"),
    Field(json_schema_extra=says("the name of a metric alarm: at most 255 printable ASCII characters")),
]


class ErrorRateAlarm(Declared):
    """Share of requests that failed in one period."""

    percent: Annotated[float, Field(gt=0, le=100)]
    period_seconds: Literal[10, 30, 60, 120, 300] = 60


class LatencyAlarm(Declared):
    """A percentile of a latency in one period."""

    milliseconds: Annotated[float, Field(gt=0, le=60000)]
    period_seconds: Literal[10, 30, 60, 120, 300] = 60


class InvocationFloor(Declared):
    """Fewer requests than this in one period are an alarm; none at all are fewer."""

    minimum: Annotated[int, Field(ge=1)]
    period_seconds: Literal[10, 30, 60, 120, 300] = 60


class GoldenAnswers(Declared):
    """Answers to golden records that neither the new version nor the champion gives; one is an alarm."""

    period_seconds: Literal[10, 30, 60, 120, 300] = 60


class Alarms(Declared):
    """Objectives that guard a release: any of these alarms rolls it back."""

    server_errors: ErrorRateAlarm | None = ErrorRateAlarm(percent=1)
    """5XX answers of the model."""
    client_errors: ErrorRateAlarm | None = ErrorRateAlarm(percent=5)
    """4XX answers of the model: a new version that refuses what the old one took."""
    latency_p50: LatencyAlarm | None = None
    """Median of the model's own latency."""
    latency_p99: LatencyAlarm | None = LatencyAlarm(milliseconds=1000)
    """99th percentile of the model's own latency."""
    overhead_p99: LatencyAlarm | None = None
    """99th percentile of what SageMaker adds to the model's latency."""
    invocations: InvocationFloor | None = None
    """Requests to the endpoint, both fleets together. An endpoint that is not called is not released to."""
    golden_answers: GoldenAnswers | None = GoldenAnswers()
    """Golden records sent while the release bakes, with `synthetic_traffic`: a version that is healthy and wrong goes
    back while it has a canary's share."""
    monitor_violations: bool = False
    """A violation in the last window of `monitors.data_quality`. No release then while requests differ from the
    training data, so not together with `retrain.on_drift`."""
    own: list[AlarmName] = []  # noqa: RUF012 (pydantic copies defaults)
    """Metric alarms that you made yourself, by name, in the endpoint's account and Region. One that is missing,
    disabled, without data or raised keeps a release from starting."""
    new_fleet_only: bool = False
    """The rates and latencies of the new version alone, not of both together: a small canary's errors are not diluted,
    and the old version's do not count. The alarms are aimed anew by each release."""

    @property
    def on_fleets(self) -> tuple[ErrorRateAlarm | LatencyAlarm, ...]:
        """Those that can tell the new fleet from the old one."""
        found = (self.server_errors, self.client_errors, self.latency_p50, self.latency_p99, self.overhead_p99)
        return tuple(a for a in found if a is not None)

    @property
    def slowest_seconds(self) -> int:
        """The longest period of an alarm, which a bake must not be shorter than."""
        others = (self.invocations, self.golden_answers)
        return max((a.period_seconds for a in (*self.on_fleets, *others) if a is not None), default=0)

    @model_validator(mode="after")
    def _can_guard(self) -> Self:
        refuse(*self._too_few_or_many(), *self._named_twice())
        return self

    def _too_few_or_many(self) -> Iterator[Clash]:
        made = len(self.on_fleets) + (self.invocations is not None) + self.monitor_violations
        # Golden records alone say nothing of errors and latency.
        if made + len(self.own) == 0:
            yield Clash(
                (),
                "has no alarm left, and a release needs at least one to be rolled back by",
                "declare server_errors, client_errors or latency_p99",
            )
        made += self.golden_answers is not None
        if made + len(self.own) > MOST_ALARMS:
            yield Clash(
                ("own",),
                f"makes {made} declared + {len(self.own)} own = {made + len(self.own)} alarms, and SageMaker takes at"
                f" most {MOST_ALARMS}",
                f"name at most {MOST_ALARMS - made}, or join some in one alarm",
            )
        if self.new_fleet_only and not self.on_fleets:
            yield Clash(
                ("new_fleet_only",),
                "is about error rates and latencies, and none is declared",
                "declare one, or remove new_fleet_only",
            )

    def _named_twice(self) -> Iterator[Clash]:
        for at, name in enumerate(self.own):
            if self.own.index(name) < at:
                yield Clash(("own", at), f"is also entry {self.own.index(name) + 1}", "remove one")
