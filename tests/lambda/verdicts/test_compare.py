"""Two versions by their counts: what is found, and what is never concluded."""

import math

import pytest

from slipway_lambda.verdicts import evidence
from slipway_lambda.verdicts.compare import Comparison, Counts, Finding, Margin, compare
from slipway_lambda.verdicts.sample import DETECTION, MINIMUM_SAMPLE, STEP, detection, minimum_sample


def found(champion: Counts, challenger: Counts, minimum: int = 1000) -> Comparison:
    return compare(champion, challenger, minimum=minimum)


@pytest.mark.parametrize(
    ("champion", "challenger", "finding"),
    [
        pytest.param(Counts(22_500, 22), Counts(2500, 25), Finding.WORSE, id="ten times the rate"),
        pytest.param(Counts(2500, 0), Counts(2500, 25), Finding.WORSE, id="a champion that never failed"),
        pytest.param(Counts(2500, 2500), Counts(2500, 2500), Finding.NOT_WORSE, id="all of both fail"),
        pytest.param(Counts(22_500, 22), Counts(2500, 3), Finding.NOT_WORSE, id="alike"),
        pytest.param(Counts(5000, 0), Counts(5000, 0), Finding.NOT_WORSE, id="nothing failed"),
        pytest.param(Counts(5000, 0), Counts(999, 0), Finding.TOO_FEW, id="below the minimum"),
        pytest.param(Counts(5000, 0), Counts(999, 999), Finding.TOO_FEW, id="below the minimum, however bad"),
        pytest.param(Counts(0, 0), Counts(5000, 0), Finding.TOO_FEW, id="no champion"),
        pytest.param(Counts(0, 0), Counts(0, 0), Finding.TOO_FEW, id="nothing at all"),
        pytest.param(Counts(1, 0), Counts(5000, 30), Finding.UNDECIDED, id="hardly a champion"),
        pytest.param(Counts(1000, 0), Counts(1000, 0), Finding.UNDECIDED, id="half a point is not excluded yet"),
        pytest.param(Counts(1000, 1), Counts(1000, 6), Finding.UNDECIDED, id="it looks worse, and may be chance"),
        pytest.param(Counts(5000, 250), Counts(5000, 25), Finding.BETTER, id="a tenth of the rate"),
    ],
)
def test_what_two_versions_counts_say(champion: Counts, challenger: Counts, finding: Finding) -> None:
    assert found(champion, challenger).finding is finding


def test_where_more_is_better_the_sides_change() -> None:
    many, few = Counts(5000, 1500), Counts(5000, 1100)
    assert compare(many, few, minimum=1000, higher_is_better=True).finding is Finding.WORSE
    assert compare(few, many, minimum=1000, higher_is_better=True).finding is Finding.BETTER
    assert compare(many, many, minimum=1000, higher_is_better=True).finding is Finding.NOT_WORSE
    assert "successes" in compare(many, few, minimum=1000, higher_is_better=True).reason


def test_the_reason_holds_the_figures() -> None:
    reason = found(Counts(22_500, 22), Counts(2500, 25)).reason
    assert "the challenger 25 of 2,500 (1.00 %), the champion 22 of 22,500 (0.10 %)" in reason
    assert "1 of 1,000 trials" in reason


@pytest.mark.parametrize(
    "bad",
    [
        Counts(100, 101),
        Counts(-1, 0),
        Counts(5000, -1),
        Counts(math.nan, 0),  # what a metric can say
        Counts(5000, math.inf),
        Counts(None, 0),
    ],
)
def test_numbers_that_are_no_counts_conclude_nothing(bad: Counts) -> None:
    good = Counts(5000, 0)
    for result in (found(good, bad), found(bad, good), compare(good, good, minimum=1, earlier=[(good, bad)])):
        assert result.finding is Finding.UNDECIDED
        assert result.reason.startswith("The counts cannot be believed: of the cha")


def test_a_metric_that_went_back_is_not_believed() -> None:
    then = (Counts(5000, 5), Counts(5000, 5))
    now = compare(Counts(6000, 6), Counts(4000, 4), minimum=100, before=then)
    assert now.finding is Finding.UNDECIDED
    assert "the challenger's went back from 5 of 5,000 (0.10 %) to 4 of 4,000 (0.10 %)" in now.reason
    assert compare(*then, minimum=100, before=then).finding is Finding.NOT_WORSE


def test_sums_of_cloudwatch_are_floats() -> None:
    assert found(Counts(22_500.0, 22.0), Counts(2500.0, 25.0)).finding is Finding.WORSE


def test_counts_of_a_very_large_service_are_no_trouble() -> None:
    assert found(Counts(10**12, 10**9), Counts(10**11, 10**8)).finding is Finding.NOT_WORSE
    assert found(Counts(10**12, 10**9), Counts(10**11, 11 * 10**7)).finding is Finding.WORSE


def test_steps_of_a_ramp_add_up_and_a_bad_hour_that_both_had_is_no_harm() -> None:
    calm, bad_hour = (Counts(9000, 9), Counts(1000, 1)), (Counts(5000, 250), Counts(5000, 250))
    pooled = compare(Counts(14_000, 259), Counts(6000, 251), minimum=1000)
    assert pooled.finding is Finding.WORSE  # why steps are not to be thrown together
    assert compare(*bad_hour, minimum=1000, earlier=[calm]).finding is Finding.NOT_WORSE
    slightly = (Counts(5000, 5), Counts(5000, 20))
    assert compare(*slightly, minimum=1000).finding is not Finding.WORSE
    assert compare(*slightly, minimum=1000, earlier=[slightly]).finding is Finding.WORSE


def test_each_step_needs_its_own_minimum() -> None:
    enough = (Counts(5000, 5), Counts(5000, 5))
    assert compare(Counts(5000, 5), Counts(99, 0), minimum=100, earlier=[enough]).finding is Finding.TOO_FEW


def test_a_wider_margin_is_excluded_sooner() -> None:
    pair = (Counts(1000, 0), Counts(1000, 0))
    assert compare(*pair, minimum=1, margin=Margin(points=2)).finding is Finding.NOT_WORSE
    assert compare(*pair, minimum=1, margin=Margin(points=0.2)).finding is Finding.UNDECIDED
    with pytest.raises(ValueError, match="ratio of at least 1"):
        Margin(ratio=0.5)


@pytest.mark.parametrize("rate", [0.0001, 0.001, 0.01])
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_bet_is_fair_where_both_are_alike(rate: float, share: float) -> None:
    """The expected e-value under the null, summed over the failures of 1,000 requests, is at most 1."""
    second = round(1000 * share)
    first, most = 1000 - second, round(8000 * rate) + 20
    expected = sum(
        math.exp(
            _log_chance(first, a, rate)
            + _log_chance(second, b, rate)
            + evidence.of_more([(Counts(first, a), Counts(second, b))])
        )
        for a in range(most)
        for b in range(most)
    )
    assert 0.5 < expected <= 1 + 1e-9


def _log_chance(n: int, k: int, rate: float) -> float:
    ways = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return ways + k * math.log(rate) + (n - k) * math.log1p(-rate)


def test_the_stated_minimum_is_what_the_arithmetic_says() -> None:
    assert minimum_sample(0.5) == MINIMUM_SAMPLE
    assert minimum_sample(0.1) < minimum_sample(0.25) < MINIMUM_SAMPLE
    assert detection(minimum_sample(0.1), 0.1) >= DETECTION > detection(minimum_sample(0.1) - STEP, 0.1)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, math.nan])
def test_no_share_no_minimum(share: float) -> None:
    with pytest.raises(ValueError, match="no minimum"):
        minimum_sample(share)


def test_rates_too_near_to_each_other_have_no_minimum() -> None:
    with pytest.raises(ValueError, match="no minimum"):
        minimum_sample(0.5, 0.01, 0.011)
