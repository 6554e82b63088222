"""Verdicts on challengers, by seeded simulation of the shipped code: what is told wrongly, what is found, and when."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from release_proof.trials import (
    EVEN,
    LIKE_EACH_OTHER,
    MINUTES,
    OFTEN,
    RAMP,
    Judge,
    Pattern,
    Step,
    Trials,
    simulate,
    upper_bound_percent,
)
from slipway_lambda.contracts.release import Verdict
from slipway_lambda.ports.fleets import Minute
from slipway_lambda.verdicts import compare as shipped
from slipway_lambda.verdicts.compare import Comparison, Counts, Finding, compare
from slipway_lambda.verdicts.sample import MINIMUM_SAMPLE, minimum_sample
from slipway_lambda.verify_release.canary import compared
from slipway_lambda.verify_release.verify import Finding as Seen

BASE_RATES = (0.0, 0.001, 0.01, 0.05)
BAD_HOUR = (0.001, 0.02, 0.001)
"""By step of the ramp: both fail twenty times as often for a while."""
HEALTHY, SICK = 0.001, 0.01
SHARES = (0.1, 0.25, 0.5)
LIVE = Seen(Verdict.LIVE, "It serves.")


def eager(*pair: Counts, minimum: int, **more: Any) -> Comparison:
    """The shipped comparison with a minimum of one request: it may speak at every look."""
    return compare(*pair, minimum=1, **more)


def alike(rate: float, runs: int, patterns: tuple[Pattern, ...] = LIKE_EACH_OTHER, judge: Judge = compare) -> Trials:
    """Trials of two versions of one rate, over several patterns."""
    whole = Trials(0)
    for i, pattern in enumerate(patterns):
        part = simulate(pattern, [rate], [rate], runs, seed=1000 + i, judge=judge)
        whole = Trials(
            whole.runs + part.runs,
            whole.ever + part.ever,
            whole.first + part.first,
            whole.below_minimum + part.below_minimum,
            whole.requests + part.requests,
        )
    return whole


def told_worse(trials: Trials) -> str:
    count = trials.ever[Finding.WORSE]
    bound = upper_bound_percent(count, trials.runs)
    return f"{count} of {trials.runs:,} ({100 * count / trials.runs:.3f} %, bound {bound:.3f} %)"


def allowed(trials: Trials) -> bool:
    return 1000 * trials.ever[Finding.WORSE] <= trials.runs


@pytest.mark.parametrize("rate", BASE_RATES)
def test_versions_that_are_alike_are_promoted_and_not_rolled_back(
    rate: float, full: bool, figure: Callable[..., None]
) -> None:
    runs = 10_000 if full else 400
    trials = alike(rate, runs)
    name = f"verdicts: A/A at {100 * rate:g} %"
    figure(f"{name}: told worse at any look", told_worse(trials), "<= 0.1 %", allowed(trials))
    promoted = trials.share(Finding.NOT_WORSE, Finding.BETTER)
    figure(f"{name}: promoted within the trial", f"{promoted:.2f} %", ">= 99 %", promoted >= 99)
    mean = sum(trials.requests) / len(trials.requests)
    figure(f"{name}: requests of the challenger until then, mean", f"{mean:,.0f}", "told", True)
    figure(f"{name}: verdicts below the minimum", trials.below_minimum, "0", trials.below_minimum == 0)


@pytest.mark.parametrize("pattern", [OFTEN, MINUTES, EVEN, RAMP], ids=lambda p: p.name)
def test_the_bound_holds_at_every_look_and_without_a_minimum(
    pattern: Pattern, full: bool, figure: Callable[..., None]
) -> None:
    runs = 10_000 if full else 400
    trials = simulate(pattern, [HEALTHY], [HEALTHY], runs, seed=7, judge=eager)
    # So few runs of so rare an event: the sample allows what 10,000 would not.
    reached = allowed(trials) or (not full and trials.ever[Finding.WORSE] <= 2)
    figure(f"verdicts: A/A, {pattern.name}, no minimum: told worse", told_worse(trials), "<= 0.1 %", reached)


def test_a_bad_hour_of_both_is_nobodys_fault(full: bool, figure: Callable[..., None]) -> None:
    trials = simulate(RAMP, BAD_HOUR, BAD_HOUR, 10_000 if full else 400, seed=11)
    figure("verdicts: A/A, failures x 20 in one step: told worse", told_worse(trials), "<= 0.1 %", allowed(trials))


@pytest.mark.parametrize("share", SHARES)
def test_one_per_cent_of_errors_is_found_at_the_stated_minimum(
    share: float, full: bool, figure: Callable[..., None]
) -> None:
    """100,000 runs: the standard error is 0.02 %."""
    minimum = minimum_sample(share)
    once = Pattern("once", (Step(share, (minimum - 1, 1)),))
    trials = simulate(once, [HEALTHY], [SICK], 100_000 if full else 4_000, seed=3)
    found = trials.share(Finding.WORSE)
    name = f"verdicts: 1 % of errors against 0.1 %, {100 * share:.0f} % of the traffic"
    reached = found >= (99.5 if full else 99.2)  # of 4,000, a standard error is 0.1 %
    figure(f"{name}: found at {minimum:,} requests", f"{found:.2f} %", ">= 99.5 %", reached)
    assert trials.below_minimum == 0
    missed = 100 * trials.ever[Finding.NOT_WORSE] / trials.runs
    figure(f"{name}: told not worse", f"{missed:.3f} %", "<= 0.5 %", missed <= 0.5)
    assert minimum <= MINIMUM_SAMPLE


@pytest.mark.parametrize("pattern", LIKE_EACH_OTHER, ids=lambda p: p.name)
def test_a_sick_challenger_is_never_promoted_on_the_way(
    pattern: Pattern, full: bool, figure: Callable[..., None]
) -> None:
    trials = simulate(pattern, [HEALTHY], [SICK], 10_000 if full else 400, seed=5)
    wrongly = trials.share(Finding.NOT_WORSE, Finding.BETTER)
    found = trials.share(Finding.WORSE)
    figure(f"verdicts: 1 % against 0.1 %, {pattern.name}: promoted", f"{wrongly:.3f} %", "<= 0.5 %", wrongly <= 0.5)
    figure(f"verdicts: 1 % against 0.1 %, {pattern.name}: rolled back", f"{found:.2f} %", ">= 99.5 %", found >= 99.5)


def fleets(rates: tuple[float, float], runs: int, seed: int) -> int:
    """Of so many canary releases, those turned back: 10 % of 3,000 requests a minute for ten minutes, then all. 4XX and
    5XX alike come at these rates of the old and the new version.
    """
    dice, turned_back = np.random.default_rng(seed), 0
    shape = (runs, 10, 2)
    old = dice.binomial(2700, rates[0], size=shape).tolist()
    new = dice.binomial(300, rates[1], size=shape).tolist()
    for before, now in zip(old, new, strict=True):
        minutes = [{m: Minute(n, *errors) for m, errors in enumerate(e)} for n, e in ((2700, before), (300, now))]
        alone = {10 + m: Minute(3000, 90, 90) for m in range(5)}
        turned_back += compared(LIVE, minutes[0], minutes[1] | alone).verdict is Verdict.WORSE
    return turned_back


@pytest.mark.parametrize("rate", BASE_RATES)
def test_a_canary_of_the_same_version_is_not_turned_back(rate: float, full: bool, figure: Callable[..., None]) -> None:
    runs = 10_000 if full else 300
    count = fleets((rate, rate), runs, seed=21)
    told = f"{count} of {runs:,} (bound {upper_bound_percent(count, runs):.3f} %)"
    figure(f"canary analysis: A/A at {100 * rate:g} %: turned back", told, "<= 0.1 %", 1000 * count <= runs)


def test_a_canary_with_one_per_cent_of_errors_is_turned_back(full: bool, figure: Callable[..., None]) -> None:
    runs = 10_000 if full else 300
    found = 100 * fleets((HEALTHY, SICK), runs, seed=22) / runs
    name = "canary analysis: 1 % of errors against 0.1 %, 3,000 requests of the new version: turned back"
    figure(name, f"{found:.2f} %", ">= 99.5 %", found >= 99.5)


# The simulation can fail: each of these rules is wrong, and is seen to be.


def test_ten_times_the_risk_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "FALSE_WORSE", 0.01)
    assert not allowed(simulate(OFTEN, [HEALTHY], [HEALTHY], 2_000, seed=7, judge=eager))


def test_a_rule_that_only_looks_at_the_shares_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_share(steps: Any) -> float:
        (first, second) = steps[-1]
        higher = second.failures * first.requests > first.failures * second.requests
        return math.inf if higher else -math.inf

    monkeypatch.setattr(shipped, "of_more", by_share)
    assert not allowed(alike(HEALTHY, 50))


def test_a_fixed_test_at_every_look_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is right for one look, at one in a thousand, is wrong for two hundred."""

    def z_test(steps: Any) -> float:
        (first, second) = steps[-1]
        share = (first.failures + second.failures) / (first.requests + second.requests)
        spread = math.sqrt(share * (1 - share) * (1 / first.requests + 1 / second.requests)) or 1.0
        z = (second.failures / second.requests - first.failures / first.requests) / spread
        return math.inf if z > 3.09 else -math.inf

    monkeypatch.setattr(shipped, "of_more", z_test)
    assert not allowed(simulate(OFTEN, [HEALTHY], [HEALTHY], 500, seed=7, judge=eager))


def test_a_minimum_that_is_ignored_is_seen() -> None:
    assert simulate(MINUTES, [HEALTHY], [SICK], 50, seed=7, judge=eager).below_minimum > 0


def test_steps_thrown_together_are_seen() -> None:
    def pooled(*pair: Counts, minimum: int, earlier: Any = ()) -> Comparison:
        both = [
            Counts(
                own.requests + sum(step[i].requests for step in earlier),
                own.failures + sum(step[i].failures for step in earlier),
            )
            for i, own in enumerate(pair)
        ]
        return compare(both[0], both[1], minimum=minimum)

    assert not allowed(simulate(RAMP, BAD_HOUR, BAD_HOUR, 50, seed=11, judge=pooled))


def test_a_rule_that_wants_too_much_evidence_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "FALSE_WORSE", 0.00001)
    once = Pattern("once", (Step(0.5, (minimum_sample(0.5),)),))
    assert simulate(once, [HEALTHY], [SICK], 2_000, seed=3).share(Finding.WORSE) < 99


def test_a_margin_taken_on_trust_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """No evidence against harm asked for: a challenger three times as bad as a 1 % champion is promoted."""
    rates = [0.01], [0.03]
    told = partial(simulate, Pattern("early", (Step(0.1, (800, 100)),)), *rates, 500, seed=9, judge=eager)
    assert told().share(Finding.NOT_WORSE) <= 0.5
    monkeypatch.setattr(shipped, "against_harm", lambda *_: math.inf)
    assert told().share(Finding.NOT_WORSE) > 10
