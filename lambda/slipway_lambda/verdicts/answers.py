"""What a challenger answers, compared with what its champion answered to the same requests. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slipway_lambda.verdicts.compare import Comparison, Finding

MOST_BAD = 0.001
"""Share of unusable answers that is still no finding: one of a thousand."""


@dataclass(frozen=True)
class Shares:
    """Of all pairs: answers that are missing or no number, that are NaN or infinite, that differ by more than the
    tolerance.
    """

    pairs: int
    unreadable: float
    not_finite: float
    disagreeing: float


def compare_answers(
    pairs: Sequence[tuple[str, str | None]],
    *,
    tolerance: float,
    disagreement_percent: float | None,
    minimum: int,
) -> Comparison:
    """`pairs`: the champion's answer and the challenger's, None where it gave none. `disagreement_percent` None: how
    far they differ is not judged.
    """
    usable = [(good, other) for good, other in pairs if math.isfinite(_number(good))]
    if len(usable) < max(1, minimum):
        return Comparison(
            Finding.TOO_FEW, f"Too few pairs of answers for a verdict: {len(usable)}, {minimum} are needed."
        )
    found = _shares(usable, tolerance)
    numbers = [_number(other or "") for _, other in usable]
    faults = []
    if found.unreadable > MOST_BAD:
        faults.append(f"{found.unreadable:.1%} of its answers are no number")
    if found.not_finite > MOST_BAD:
        faults.append(f"{found.not_finite:.1%} of its answers are NaN or infinite")
    if len({_number(good) for good, _ in usable}) > 1 and len(usable) > 1 and len(set(numbers)) == 1:
        faults.append(f"it answers {usable[0][1]!r} to everything, and the champion does not")
    if disagreement_percent is not None and 100 * found.disagreeing > disagreement_percent:
        faults.append(f"{found.disagreeing:.1%} of its answers differ by more than {tolerance:g}")
    if faults:
        return Comparison(Finding.WORSE, f"Of {found.pairs} answers of the challenger: {'; '.join(faults)}.")
    return Comparison(Finding.NOT_WORSE, f"{found.pairs} pairs of answers agree as declared.")


def _shares(pairs: Sequence[tuple[str, str | None]], tolerance: float) -> Shares:
    unreadable = not_finite = disagreeing = 0
    for champion, challenger in pairs:
        value = _number(challenger or "")
        if challenger is None or (math.isnan(value) and "nan" not in challenger.lower()):
            unreadable += 1
        elif not math.isfinite(value):
            not_finite += 1
        elif abs(value - _number(champion)) > tolerance:
            disagreeing += 1
    count = len(pairs)
    return Shares(count, unreadable / count, not_finite / count, disagreeing / count)


def _number(text: str) -> float:
    try:
        return float(text.strip())
    except ValueError:
        return math.nan
