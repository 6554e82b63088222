"""A challenger against the champion, by counts that grow: looked at as often as one likes.

WORSE is told of a challenger that is not with a chance of at most `FALSE_WORSE` over its whole trial, however many
looks it takes and however the requests are split (`evidence.py` says by which method); BETTER likewise. NOT_WORSE is
told of one that is worse by the margin with a chance of at most `FALSE_NOT_WORSE`. Nothing is told below the minimum.
"""

import math
from collections.abc import Sequence

from slipway_lambda.verdicts.evidence import Pair, against_harm, of_more
from slipway_lambda.verdicts.findings import Comparison, Counts, Finding, Margin

__all__ = ["FALSE_NOT_WORSE", "FALSE_WORSE", "Comparison", "Counts", "Finding", "Margin", "compare"]

FALSE_WORSE = 0.001
FALSE_NOT_WORSE = 0.005


def compare(
    champion: Counts,
    challenger: Counts,
    *,
    minimum: int,
    higher_is_better: bool = False,
    margin: Margin = Margin(),  # noqa: B008 (frozen)
    earlier: Sequence[Pair] = (),
    before: Pair | None = None,
) -> Comparison:
    """Both counted over the same stretch of time, under one split of the requests.

    `minimum`: requests that the challenger must have answered. `higher_is_better`: what is counted is wanted.
    `earlier`: what was counted (champion, challenger) under other splits, by step: it adds to what speaks for WORSE and
    BETTER, while each step must show by itself that it does no harm. `before`: what the last look at this step saw; a
    metric that went back is not believed.
    """
    if fault := _fault([(champion, challenger), *earlier], before):
        return Comparison(Finding.UNDECIDED, f"The counts cannot be believed: {fault}.")
    figures = f"the challenger {challenger}, the champion {champion}"
    if challenger.requests < max(minimum, 1) or not champion.requests:
        few = f"{challenger.requests:,.0f} requests of the challenger, {champion.requests:,.0f} of the champion"
        return Comparison(Finding.TOO_FEW, f"{few}: a verdict takes {max(minimum, 1):,} and 1.")
    steps = [*earlier, (champion, challenger)]
    swapped = [(second, first) for first, second in steps]
    more, less = of_more(steps), of_more(swapped)
    harm = against_harm(swapped[-1] if higher_is_better else steps[-1], margin)
    what = "successes" if higher_is_better else "failures"
    worse, better = (less, more) if higher_is_better else (more, less)
    if worse >= -math.log(FALSE_WORSE):
        why = f"That it is worse is wrong in at most 1 of {1 / FALSE_WORSE:,.0f} trials, however often one looks."
        return Comparison(Finding.WORSE, f"Share of {what}: {figures}. {why}")
    if better >= -math.log(FALSE_WORSE):
        why = f"That it is better is wrong in at most 1 of {1 / FALSE_WORSE:,.0f} trials."
        return Comparison(Finding.BETTER, f"Share of {what}: {figures}. {why}")
    if harm >= -math.log(FALSE_NOT_WORSE):
        lower = "champion's" if higher_is_better else "challenger's"
        return Comparison(
            Finding.NOT_WORSE, f"Share of {what}: {figures}. That the {lower} is {margin} or more is excluded."
        )
    return Comparison(Finding.UNDECIDED, f"Share of {what}: {figures}. Neither harm nor its absence is shown yet.")


def _fault(steps: Sequence[Pair], before: Pair | None) -> str:
    for pair in steps:
        for who, counts in zip(("champion", "challenger"), pair, strict=True):
            if counts.fault:
                return f"of the {who}, {counts.fault}"
    for who, now, then in zip(("champion", "challenger"), steps[0], before or (), strict=False):
        if now.requests < then.requests or now.failures < then.failures:
            return f"the {who}'s went back from {then} to {now}"
    return ""
