"""`rollout.trial` of `model.yaml`: champion and challenger side by side on live traffic, before the shift."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from slipway.config.base import Clash, Declared, refuse, says
from slipway_lambda.verdicts.sample import MINIMUM_SAMPLE

LEAST_SECONDS, MOST_SECONDS = 600, 604_800
Percent = Annotated[int, Field(ge=1, le=99)]
Namespace = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9./_#:-]{1,255}$"),
    Field(json_schema_extra=says("a CloudWatch namespace: up to 255 letters, digits and . / _ # : -")),
]
MetricName = Annotated[
    str,
    StringConstraints(pattern=r"^[!-~]([ -~]{0,253}[!-~])?$"),
    Field(json_schema_extra=says("the name of a CloudWatch metric: at most 255 printable ASCII characters")),
]


class TrialMetric(Declared):
    """A metric of your own with one value for each request, 0 or 1, and the dimensions EndpointName and VariantName (of
    the variant that answered): its average is the rate that is compared."""

    namespace: Namespace
    name: MetricName
    better: Literal["higher", "lower"]


class Trial(Declared):
    """How a challenger is tried. Its verdict is a comparison of two rates, safe to look at as often as one likes."""

    seconds: Annotated[int, Field(ge=LEAST_SECONDS, le=MOST_SECONDS)] = 86_400
    """The longest trial. No verdict by then is none in the challenger's favour: it is not promoted."""
    minimum_requests: Annotated[int, Field(ge=MINIMUM_SAMPLE)] = MINIMUM_SAMPLE
    """Requests that each side must have answered, at each share of the traffic, before anything is said of them."""
    weights_percent: Annotated[list[Percent], Field(min_length=1, max_length=10)] = [10, 25, 50]  # noqa: RUF012
    """With `ab`: the challenger's shares of the traffic, in turn; then all of it."""
    step_seconds: Annotated[int, Field(ge=60, le=MOST_SECONDS)] = 300
    """The least time at each share; with `shadow`, in all."""
    metric: TrialMetric | None = None
    """With `ab`: what is compared. Default: the rate of 5XX answers."""
    tolerance: Annotated[float, Field(ge=0)] = 0.001
    """With `shadow`: a smaller difference between two answers is none, in units of the prediction."""
    disagreement_percent: Annotated[float, Field(gt=0, le=100)] | None = None
    """With `shadow`: share of answers that may differ. Default: any; then errors, NaN, answers that cannot be read or
    never change, and latency judge alone."""

    @model_validator(mode="after")
    def _ramps_up(self) -> Self:
        refuse(*self._not_rising())
        return self

    def _not_rising(self) -> Iterator[Clash]:
        for at, (before, weight) in enumerate(zip(self.weights_percent, self.weights_percent[1:], strict=False), 1):
            if weight <= before:
                yield Clash(
                    ("weights_percent", at),
                    f"is not more than the share before it, {before} %: a trial only ramps up",
                    "order the shares from the smallest to the largest, each once",
                )
