"""A trial: champion and challenger side by side on live traffic before the shift, and what its judge says.

`shadow`: the challenger gets a copy of every request, and nobody gets its answers. `ab`: it answers a share of the
traffic, which grows by steps.
"""

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from enum import StrEnum
from math import ceil
from typing import Any

from slipway_lambda.contracts.errors import BadEventError

CHALLENGER = "challenger"
"""The challenger's variant in a trial; the champion keeps its own."""
SHADOW, AB = "shadow", "ab"
LEAST_PAUSE_SECONDS, LOOKS_IN_A_STEP = 5, 16
MOST_PAUSE_SECONDS = 10_000
"""Each look renews the lock, so no pause may come near to how long that lasts (14,400 s)."""


class Word(StrEnum):
    """What is to be done next in a trial."""

    CONTINUE = "continue"
    STEP = "step"
    """The next share of the traffic."""
    PROMOTE = "promote"
    DISCARD = "discard"


@dataclass(frozen=True)
class Metric:
    """A metric of values 0 and 1 with the dimensions EndpointName and VariantName: its average is a rate."""

    namespace: str
    name: str
    higher_is_better: bool


SERVER_ERRORS = Metric("AWS/SageMaker", "Invocation5XXErrors", higher_is_better=False)
"""What is judged unless something else is declared."""


@dataclass(frozen=True)
class Trial:
    """`weights_percent`: the challenger's shares in turn, empty where it gets copies only."""

    seconds: int
    """No verdict by then is none in the challenger's favour."""
    minimum_requests: int
    """Of each side, and since the last change of shares."""
    weights_percent: tuple[int, ...]
    step_seconds: int
    """At least so long at each share; of a shadow, in all."""
    tolerance: float
    """Of a shadow's answers, in units of the prediction."""
    alarm_names: tuple[str, ...]
    """The declared objectives of the challenger's own fleet; SageMaker does not watch these, the judge does."""
    metric: Metric | None = None
    """None: the rate of 5XX answers."""
    disagreement_percent: float | None = None
    """None: how far they differ is not judged."""

    def as_dict(self) -> dict[str, Any]:
        """JSON; what is not declared is left out."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items() if v is not None}

    @property
    def steps(self) -> int:
        """Shares that are held in turn; a shadow's is one."""
        return max(1, len(self.weights_percent))

    def pause_seconds(self, trial_seconds: float, step_seconds: float) -> int:
        """How long to wait for the next look, after so long in the trial and at the present share.

        Harm is likeliest right after a change, so looks are dense there and grow apart with time, up to 10,000 s. None
        is later than the end of the step or the trial.
        """
        ends = [e for e in (self.step_seconds - step_seconds, self.seconds - trial_seconds) if e > 0]
        pause = max(LEAST_PAUSE_SECONDS, step_seconds * self.steps / LOOKS_IN_A_STEP)
        return max(LEAST_PAUSE_SECONDS, ceil(min([pause, MOST_PAUSE_SECONDS, *ends])))

    @property
    def most_looks(self) -> int:
        """Looks that the longest trial takes: that with equal steps, since looks grow apart."""
        looks, elapsed, step = 0, 0.0, self.seconds / self.steps
        while elapsed < step:
            elapsed += self.pause_seconds(elapsed, elapsed)
            looks += 1
        return (looks + 3) * self.steps

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Trial":
        """As the machine hands it over; names what is missing."""
        if missing := sorted({f.name for f in fields(cls) if f.default is MISSING} - set(values)):
            raise BadEventError(f"The release spec's trial lacks {', '.join(missing)}.", "Deploy the stack anew.")
        known: dict[str, Any] = {f.name: values[f.name] for f in fields(cls) if f.name in values}
        metric = known.pop("metric", None)
        lists: dict[str, Any] = {k: tuple(v) for k, v in known.items() if isinstance(v, list)}
        return cls(**{**known, **lists}, metric=Metric(**metric) if metric else None)
