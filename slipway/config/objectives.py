"""`rollout.alarms` of `model.yaml`: objectives that become the alarms which guard a release."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from slipway.config.base import Clash, Declared, refuse


class ErrorRateAlarm(Declared):
    """Share of requests that failed, over both fleets, in one period."""

    percent: Annotated[float, Field(gt=0, le=100)]
    period_seconds: Literal[10, 30, 60, 120, 300] = 60


class LatencyAlarm(Declared):
    """99th percentile of the model's own latency."""

    milliseconds: Annotated[float, Field(gt=0, le=60000)]
    period_seconds: Literal[10, 30, 60, 120, 300] = 60


class Alarms(Declared):
    """Objectives that guard a release: any of these alarms rolls it back."""

    server_errors: ErrorRateAlarm | None = ErrorRateAlarm(percent=1)
    """5XX answers of the model."""
    client_errors: ErrorRateAlarm | None = ErrorRateAlarm(percent=5)
    """4XX answers of the model: a new version that refuses what the old one took."""
    latency_p99: LatencyAlarm | None = LatencyAlarm(milliseconds=1000)

    @property
    def count(self) -> int:
        """How many alarms are declared; SageMaker takes 1 to 10."""
        return len(self._periods)

    @property
    def slowest_seconds(self) -> int:
        """The longest period of an alarm, which a bake must not be shorter than."""
        return max(self._periods, default=0)

    @property
    def _periods(self) -> list[int]:
        return [a.period_seconds for a in (self.server_errors, self.client_errors, self.latency_p99) if a is not None]

    @model_validator(mode="after")
    def _some_are_left(self) -> Self:
        refuse(
            Clash(
                (),
                "has no alarm left, and a release needs at least one to be rolled back by",
                "declare server_errors, client_errors or latency_p99",
            )
            if self.count == 0
            else None
        )
        return self
