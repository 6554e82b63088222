"""Seeded trials of a challenger against a champion, judged by the shipped code at each of their looks.

Failures are drawn with numpy, a whole set of runs at once; runs that reach the same counts share one judgement.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from slipway_lambda.verdicts.compare import Comparison, Counts, Finding, compare
from slipway_lambda.verdicts.sample import minimum_sample

Judge = Callable[..., Comparison]


@dataclass(frozen=True)
class Step:
    """A part of a trial with one split: the challenger's share of the requests, and its requests from look to look."""

    share: float
    requests: tuple[int, ...]

    @property
    def minimum(self) -> int:
        """As stated for this split."""
        return minimum_sample(self.share)

    @property
    def others(self) -> tuple[int, ...]:
        """The champion's requests from look to look."""
        return tuple(round(n * (1 - self.share) / self.share) for n in self.requests)


@dataclass(frozen=True)
class Pattern:
    """How a trial is run and looked at."""

    name: str
    steps: tuple[Step, ...]


MINUTES = Pattern("10 %, 20 looks", (Step(0.1, (375,) * 20),))
EVEN = Pattern("50 %, 8 looks further and further apart", (Step(0.5, tuple(100 * 2**i for i in range(8))),))
RAMP = Pattern("10, 25, 50 %, 18 looks", (Step(0.1, (500,) * 6), Step(0.25, (700,) * 6), Step(0.5, (1100,) * 6)))
OFTEN = Pattern("10 %, 200 looks", (Step(0.1, (25,) * 200),))
LIKE_EACH_OTHER = (MINUTES, EVEN, RAMP)


@dataclass
class Trials:
    """What came of many runs."""

    runs: int
    ever: Counter[Finding] = field(default_factory=Counter)
    """Runs in which a finding was made at any look, also after another verdict."""
    first: Counter[Finding] = field(default_factory=Counter)
    """The first verdict; UNDECIDED where there was none."""
    below_minimum: int = 0
    """Looks at which a verdict was given on fewer requests than the minimum."""
    requests: list[int] = field(default_factory=list)
    """The challenger's, until the first verdict."""

    def share(self, *findings: Finding) -> float:
        """Of the runs, in per cent, whose first verdict is one of these."""
        return 100 * sum(self.first[f] for f in findings) / self.runs


def simulate(
    pattern: Pattern,
    champion: Sequence[float],
    challenger: Sequence[float],
    runs: int,
    seed: int,
    judge: Judge = compare,
) -> Trials:
    """Failure rates by step, one for all if it is the only one."""
    dice, known = np.random.default_rng(seed), dict[Any, Finding]()
    drawn = [
        (_failures(dice, step.others, _of(champion, i), runs), _failures(dice, step.requests, _of(challenger, i), runs))
        for i, step in enumerate(pattern.steps)
    ]
    made = Trials(runs)
    for run in range(runs):
        _one(pattern, [(a[run], b[run]) for a, b in drawn], judge, known, made)
    return made


def _of(rates: Sequence[float], step: int) -> float:
    return rates[step if len(rates) > 1 else 0]


def _failures(dice: np.random.Generator, requests: tuple[int, ...], rate: float, runs: int) -> list[list[int]]:
    """By run, what has failed at each look of the step."""
    drawn: list[list[int]] = np.cumsum(dice.binomial(requests, rate, size=(runs, len(requests))), axis=1).tolist()
    return drawn


def _one(
    pattern: Pattern, failed: list[tuple[list[int], list[int]]], judge: Judge, known: dict[Any, Finding], made: Trials
) -> None:
    seen, first, earlier, before = set[Finding](), None, list[tuple[Counts, Counts]](), 0
    for step, (champions, challengers) in zip(pattern.steps, failed, strict=True):
        others = asked = 0
        for i, (more_others, more) in enumerate(zip(step.others, step.requests, strict=True)):
            others, asked = others + more_others, asked + more
            key = (len(earlier), asked, champions[i], challengers[i], *earlier)
            if key not in known:
                now = Counts(others, champions[i]), Counts(asked, challengers[i])
                known[key] = judge(*now, minimum=step.minimum, earlier=earlier).finding
            found = known[key]
            if found in (Finding.TOO_FEW, Finding.UNDECIDED):
                continue
            made.below_minimum += asked < step.minimum
            seen.add(found)
            if first is None:
                first = found
                made.requests.append(before + asked)
        earlier.append((Counts(others, champions[-1]), Counts(asked, challengers[-1])))
        before += asked
    made.ever.update(seen)
    made.first[first or Finding.UNDECIDED] += 1


def upper_bound_percent(count: int, runs: int) -> float:
    """Of a share, with 95 % confidence (Clopper and Pearson): the share at which so few would be seen in 1 of 20."""
    low, high = 0.0, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        chance, term = 0.0, (1 - middle) ** runs
        for k in range(count + 1):
            chance += term
            term *= (runs - k) / (k + 1) * middle / (1 - middle) if middle < 1 else 0.0
        low, high = (middle, high) if chance > 0.05 else (low, middle)
    return 100 * high
