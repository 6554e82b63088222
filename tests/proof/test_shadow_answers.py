"""Verdicts on a shadow's answers, by seeded simulation of the shipped code: better models are kept, broken ones found.

A request has six columns, and what is true of it is a logistic score of them. The champion is a blurred view of that,
and so are its challengers.
"""

from collections.abc import Callable

import numpy as np
import pytest

from release_proof.trials import upper_bound_percent
from slipway_lambda.verdicts.answers import compare_answers
from slipway_lambda.verdicts.findings import Finding

COUNT = 600
WEIGHTS = np.array([1.6, 0.5, 0.4, 0.3, 0.2, 0.1])
"""One column tells most, as in real tables."""
Scores = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def champion(dice: np.random.Generator, rows: Scores) -> Scores:
    """Half of what it says is noise, about."""
    return _logistic(rows @ WEIGHTS - 1 + dice.normal(0, 0.9, len(rows)))


BETTER: dict[str, Callable[[np.random.Generator, Scores], Scores]] = {
    "the truth": lambda dice, rows: _logistic(rows @ WEIGHTS - 1),
    "the truth, calibrated to another base rate": lambda dice, rows: _logistic(rows @ WEIGHTS + 0.5),
    "less sure of itself": lambda dice, rows: _logistic((rows @ WEIGHTS - 1) / 3),
    "blurred as the champion, otherwise": champion,
    "blurred three times as much": lambda dice, rows: _logistic(rows @ WEIGHTS - 1 + dice.normal(0, 2.7, len(rows))),
}
BROKEN: dict[str, Callable[[np.random.Generator, Scores], Scores]] = {
    "constant": lambda dice, rows: np.full(len(rows), 0.27),
    "scores of other requests": lambda dice, rows: dice.permutation(champion(dice, rows)),
    "upside down": lambda dice, rows: 1 - champion(dice, rows),
    "only noise of the columns it should not read": lambda dice, rows: _logistic(dice.normal(0, 1, len(rows))),
    "NaN in one of fifty": lambda dice, rows: np.where(dice.random(len(rows)) < 0.02, np.nan, champion(dice, rows)),
}


def _logistic(x: Scores) -> Scores:
    return 1 / (1 + np.exp(-x))


def refused(
    model: Callable[[np.random.Generator, Scores], Scores],
    runs: int,
    seed: int,
    count: int = COUNT,
    disagreement_percent: float | None = None,
) -> int:
    """Of so many trials, those in which the shadow is found WORSE."""
    dice, found = np.random.default_rng(seed), 0
    for _ in range(runs):
        rows = dice.normal(0, 1, (count, len(WEIGHTS)))
        answers = [[f"{v:.9g}\n" for v in scores] for scores in (champion(dice, rows), model(dice, rows))]
        pairs: list[tuple[str, str | None]] = list(zip(*answers, strict=True))
        verdict = compare_answers(pairs, tolerance=0.3, disagreement_percent=disagreement_percent, minimum=500)
        found += verdict.finding is Finding.WORSE
    return found


@pytest.mark.parametrize("kind", BETTER)
def test_a_model_that_may_be_better_is_never_refused(kind: str, full: bool, figure: Callable[..., None]) -> None:
    runs = 200 if full else 10
    count = refused(BETTER[kind], runs, seed=31)
    told = f"{count} of {runs:,} (bound {upper_bound_percent(count, runs):.2f} %)"
    figure(f"shadow answers: {kind}: refused", told, "0", count == 0)


@pytest.mark.fault("A13")
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_model_is_refused(kind: str, full: bool, figure: Callable[..., None]) -> None:
    """5,000 answers; NaN of 2 % against the 0.5 % that may be."""
    runs = 30 if full else 2
    found = 100 * refused(BROKEN[kind], runs, seed=32, count=5000) / runs
    figure(f"shadow answers: {kind}: refused", f"{found:.1f} %", ">= 99.5 %", found >= 99.5)


@pytest.mark.fault("A13")
def test_columns_in_another_order_are_refused_where_disagreement_is_declared(
    full: bool, figure: Callable[..., None]
) -> None:
    """The column that tells most has changed places with the one that tells least. What the others tell is still right,
    so that without a declared limit it may as well be another opinion.
    """
    runs = 30 if full else 3

    def swapped(dice: np.random.Generator, rows: Scores) -> Scores:
        return _logistic(rows[:, [5, 1, 2, 3, 4, 0]] @ WEIGHTS - 1)

    found = 100 * refused(swapped, runs, seed=33, disagreement_percent=20) / runs
    name = "shadow answers: two columns swapped, 20 % may differ by 0.3: refused"
    figure(name, f"{found:.1f} %", ">= 99.5 %", found >= 99.5)
    kept = refused(BETTER["the truth"], runs, seed=34, disagreement_percent=20)
    figure("shadow answers: the truth, 20 % may differ by 0.3: refused", f"{kept} of {runs}", "0", kept == 0)
    undeclared = 100 * refused(swapped, runs, seed=33) / runs
    figure("shadow answers: two columns swapped, nothing declared: refused", f"{undeclared:.1f} %", "told", True)
