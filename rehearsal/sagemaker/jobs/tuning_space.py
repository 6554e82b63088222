"""The hyperparameters a tuning job may choose: ranges, scales, and points of the unit cube for them."""

import itertools
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.sagemaker.errors import invalid, not_emulated

_AUTO_LOG_RATIO = 1000.0  # an Auto scale is logarithmic when the range spans this factor or more


@dataclass(frozen=True)
class Range:
    """One tuned hyperparameter: a number between bounds on a scale, or one of `values`."""

    name: str
    low: float = 0.0
    high: float = 1.0
    scale: str = "Linear"
    whole: bool = False
    values: tuple[str, ...] = ()

    def at(self, position: float) -> str:
        """The value at a position between 0 and 1, as text: hyperparameters are strings."""
        if self.values:
            return self.values[min(int(position * len(self.values)), len(self.values) - 1)]
        number = self._from_scale(
            self._on_scale(self.low) + position * (self._on_scale(self.high) - self._on_scale(self.low))
        )
        number = min(max(number, self.low), self.high)
        return str(round(number)) if self.whole else repr(number)

    def position(self, value: str) -> float | None:
        """Where a value lies between 0 and 1; None for one that is not in the range."""
        if self.values:
            return (self.values.index(value) + 0.5) / len(self.values) if value in self.values else None
        try:
            number = float(value)
        except ValueError:
            return None
        if not self.low <= number <= self.high:
            return None
        span = self._on_scale(self.high) - self._on_scale(self.low)
        return (self._on_scale(number) - self._on_scale(self.low)) / span if span else 0.0

    def _on_scale(self, number: float) -> float:
        if self.scale == "Logarithmic":
            return math.log(number)
        return -math.log(1 - number) if self.scale == "ReverseLogarithmic" else number

    def _from_scale(self, number: float) -> float:
        if self.scale == "Logarithmic":
            return math.exp(number)
        return 1 - math.exp(-number) if self.scale == "ReverseLogarithmic" else number


class Space:
    """All ranges of one training job definition."""

    def __init__(self, given: dict[str, Any]) -> None:
        """From ParameterRanges. Raises the service's refusal of ranges that cannot be."""
        if given.get("AutoParameters"):
            raise not_emulated("AutoParameters: give each hyperparameter a range")
        self.ranges = [
            *(_number(one, whole=True) for one in given.get("IntegerParameterRanges", [])),
            *(_number(one, whole=False) for one in given.get("ContinuousParameterRanges", [])),
            *(Range(one["Name"], values=tuple(one["Values"])) for one in given.get("CategoricalParameterRanges", [])),
        ]
        names = [one.name for one in self.ranges]
        if len(set(names)) < len(names):
            raise invalid("Hyperparameter names must be unique within the parameter ranges.")

    def at(self, point: Sequence[float]) -> dict[str, str]:
        """Hyperparameters at a point of the unit cube."""
        return {one.name: one.at(position) for one, position in zip(self.ranges, point, strict=True)}

    def point(self, values: dict[str, str]) -> list[float] | None:
        """The point of hyperparameters; None when one of them is missing or outside."""
        found = [one.position(values.get(one.name, "")) for one in self.ranges]
        return None if None in found else [position for position in found if position is not None]

    def random(self, generator: random.Random) -> list[float]:
        """A point anywhere."""
        return [generator.random() for _ in self.ranges]

    def grid(self) -> list[dict[str, str]]:
        """Every combination of categorical values. The service's grid search takes no other ranges."""
        if any(not one.values for one in self.ranges):
            raise invalid("Grid search supports categorical hyperparameter ranges only.")
        names = [one.name for one in self.ranges]
        return [
            dict(zip(names, chosen, strict=True)) for chosen in itertools.product(*(one.values for one in self.ranges))
        ]


def _number(given: dict[str, Any], *, whole: bool) -> Range:
    name, scale = given["Name"], given.get("ScalingType", "Auto")
    try:
        low, high = (float(int(given[key]) if whole else float(given[key])) for key in ("MinValue", "MaxValue"))
    except ValueError as error:
        raise invalid(f"The range of hyperparameter {name} is not a number: {error}.") from error
    if not (math.isfinite(low) and math.isfinite(high) and low <= high):
        raise invalid(f"The range of hyperparameter {name} is not one: MinValue {low} and MaxValue {high}.")
    if scale == "Auto":
        scale = "Logarithmic" if low > 0 and high / low >= _AUTO_LOG_RATIO else "Linear"
    if scale == "Logarithmic" and low <= 0:
        raise invalid(f"Logarithmic scaling of hyperparameter {name} needs a range greater than 0.")
    if scale == "ReverseLogarithmic" and not (low >= 0 and high < 1):
        raise invalid(f"ReverseLogarithmic scaling of hyperparameter {name} needs a range within 0 <= x < 1.")
    return Range(name, low, high, scale, whole)
