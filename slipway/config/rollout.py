"""`rollout` of `model.yaml`: how a new version takes over, and what sends it back."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from slipway.config.base import Clash, Declared, refuse
from slipway.config.objectives import Alarms
from slipway.config.trial import Trial


class Strategy(StrEnum):
    """How a new version takes over."""

    ALL_AT_ONCE = "all_at_once"
    CANARY = "canary"
    LINEAR = "linear"
    ROLLING = "rolling"
    SHADOW = "shadow"
    AB = "ab"


TRIALS = frozenset({Strategy.SHADOW, Strategy.AB})
"""Champion and challenger side by side first; then all traffic at once."""


@dataclass(frozen=True)
class Share:
    """The field that says how large a step is, and the shares that SageMaker takes."""

    field: str
    least_percent: int
    most_percent: int = 50


SHARES = {
    Strategy.CANARY: Share("canary_percent", 0),
    Strategy.LINEAR: Share("step_percent", 10),
    Strategy.ROLLING: Share("batch_percent", 5),
}
ROLLBACK = Share("rollback_batch_percent", 5, 100)
_BLUE_GREEN = frozenset({"termination_wait_seconds"})
USES = {
    Strategy.ALL_AT_ONCE: _BLUE_GREEN,
    Strategy.CANARY: _BLUE_GREEN | {"canary_percent", "bake_seconds"},
    Strategy.LINEAR: _BLUE_GREEN | {"step_percent", "bake_seconds"},
    Strategy.ROLLING: frozenset({"batch_percent", "rollback_batch_percent", "bake_seconds"}),
    Strategy.SHADOW: _BLUE_GREEN | {"trial"},
    Strategy.AB: _BLUE_GREEN | {"trial"},
}
"""Fields that only some strategies have: one that would do nothing is refused where it is written."""


class SmokeTest(Declared):
    """Golden records of the evaluation, sent to the live endpoint after a release."""

    records: Annotated[int, Field(ge=1, le=200)] = 25
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.001
    """Largest difference between a live answer and the evaluation's, in units of the prediction."""


class Rollout(Declared):
    """How a new version takes over, and what sends it back."""

    strategy: Strategy = Strategy.CANARY
    """`canary` and `linear` shift traffic to a second whole fleet, in two steps or in equal ones; `rolling` replaces
    instances batch by batch, without a second fleet. `shadow` and `ab` first try the challenger beside the champion, on
    copies of the requests or on a growing share of them; then all traffic shifts at once."""
    canary_percent: Annotated[int, Field(ge=1, le=50)] = 50
    """Share of capacity in the canary. SageMaker refuses more than 50; it is whole instances, at least one."""
    step_percent: Annotated[int, Field(ge=10, le=50)] = 25
    """With `linear`: share of capacity in each step. SageMaker takes 10 to 50; it is whole instances, at least one."""
    batch_percent: Annotated[int, Field(ge=5, le=50)] = 25
    """With `rolling`: share of capacity replaced at a time. SageMaker takes 5 to 50; it is whole instances, at least
    one."""
    rollback_batch_percent: Annotated[int, Field(ge=5, le=100)] | None = None
    """With `rolling`: share of capacity brought back at a time when a release is turned back; 100 needs a second fleet
    then. Default: `batch_percent`."""
    bake_seconds: Annotated[int, Field(ge=0, le=3600)] = 600
    """Between the canary and the rest of the traffic, between two linear steps, after each rolling batch."""
    termination_wait_seconds: Annotated[int, Field(ge=0, le=3600)] = 300
    """All traffic on the new fleet, the old one still there. `rolling` has none."""
    timeout_seconds: Annotated[int, Field(ge=600, le=28800)] | None = None
    """SageMaker's MaximumExecutionTimeoutInSeconds: must exceed the sum of the waits. Default: what waits and starting
    instances need, at least 3600."""
    trial: Trial | None = None
    """With `shadow` and `ab`: how the challenger is tried. Default: every field's own."""
    alarms: Alarms = Alarms()
    minimum_requests: Annotated[int, Field(ge=1)] = 100
    """Requests the new fleet must have answered before a release counts as good. No data is not health."""
    synthetic_traffic: bool = True
    """Send golden records while the release bakes, so that an endpoint nobody calls is still judged."""
    smoke_test: SmokeTest = SmokeTest()
    keep_versions: Annotated[int, Field(ge=1, le=10)] = 2
    """Versions, the live one included, whose model and config stay as rollback targets."""

    @property
    def tried(self) -> Trial | None:
        """The trial that comes before the shift; None where there is none."""
        if self.strategy not in TRIALS:
            return None
        return Trial() if self.trial is None else self.trial

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        refuse(*self._without_use(), self._too_short_to_see(), self._nobody_asks())
        return self

    @property
    def judges_golden_answers(self) -> bool:
        """Whether answers to golden records are judged while a release bakes."""
        return self.synthetic_traffic and self.alarms.golden_answers is not None

    def _nobody_asks(self) -> Clash | None:
        declared = "golden_answers" in self.alarms.model_fields_set and self.alarms.golden_answers is not None
        if self.synthetic_traffic or not declared:
            return None
        return Clash(
            ("alarms", "golden_answers"),
            "has nothing to judge: without synthetic_traffic no golden record is sent while a release bakes",
            "remove it, or set synthetic_traffic to true",
            (("synthetic_traffic",),),
        )

    def _without_use(self) -> list[Clash]:
        uses = USES[self.strategy]
        return [
            Clash(
                (field,),
                f"has no meaning with strategy {self.strategy}",
                f"remove it, or use {' or '.join(s for s in Strategy if field in USES[s])}",
                (("strategy",),),
            )
            for field in sorted(frozenset().union(*USES.values()) - uses)
            if field in self.model_fields_set
        ]

    def _too_short_to_see(self) -> Clash | None:
        slowest = self.alarms.slowest_seconds
        if "bake_seconds" not in USES[self.strategy] or self.bake_seconds >= slowest:
            return None
        ends = {Strategy.CANARY: "the canary", Strategy.LINEAR: "a step", Strategy.ROLLING: "a batch's bake"}
        return Clash(
            ("bake_seconds",),
            f"is shorter than an alarm's period of {slowest} s: {ends[self.strategy]} would end before that alarm can"
            " see it",
            f"bake for at least {slowest} s, or shorten the alarm's period_seconds",
            (("strategy",), ("alarms",)),
        )
