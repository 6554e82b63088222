"""Do a shadow's values stand still, or have nothing to do with the champion's? Asked of the places in the answers where
the champion varies and the shadow is not the same (an id that is given back); only what is so in all of them refuses.
"""

from collections.abc import Iterator, Sequence
from typing import TypeGuard

from slipway_lambda.verdicts.findings import Check, Finding
from slipway_lambda.verdicts.reading import Answer
from slipway_lambda.verdicts.scores import commonest, correlation_at_most, moved

FEW = 500
"""Answers, below which nothing is asked: chance could look like it."""
MOST_POSITIONS = 16
VARIES, STANDS_STILL = 0.9, 0.995
"""Shares of the commonest value: at most the first is variety, at least the second is none."""
DISTINCT = 5
"""Values of a champion that mostly gives the same: so many are more than classes with a rare one."""
RELATED = 0.1
"""A rank correlation with the champion that is certainly below this is none."""
FAR = 3.0
"""Of the champion's interquartile ranges, between the medians."""

Column = Sequence[float | str]


def by_position(alike: Sequence[tuple[Answer, Answer]]) -> Iterator[Check]:
    """Pairs of answers of one shape and with finite numbers."""
    if len(alike) < FEW:
        return
    length = min(MOST_POSITIONS, *(len(a.values) for a, _ in alike))
    columns = [([a.values[i] for a, _ in alike], [b.values[i] for _, b in alike]) for i in range(length)]
    differing = [(a, b) for a, b in columns if a != b]
    varied = [(a, b) for a, b in differing if commonest(a) <= VARIES]
    if not varied:
        yield from _one_for_all([(a, b) for a, b in differing if len(set(a)) >= DISTINCT])
        return
    still = min(commonest(b) for _, b in varied)
    told = f"The shadow gives one value in {100 * still:.1f} % of its answers, where the champion's vary."
    yield Check("constant", _worse_if(still >= STANDS_STILL), still, told)
    numbers = [(a, b) for a, b in varied if _numeric(a) and _numeric(b)]
    if not numbers or still >= STANDS_STILL:
        return
    related = max(correlation_at_most(a, b) for a, b in numbers)
    told = f"The rank correlation with the champion is at most {related:.2f}; below {RELATED:g} they are unrelated."
    yield Check("unrelated", _worse_if(related < RELATED), related, told)
    way = min(moved(a, b) for a, b in numbers)
    told = f"The median lies {way:.1f} of the champion's interquartile ranges away; more than {FAR:g} is far."
    yield Check("far", _worse_if(way > FAR), way, told)


def _one_for_all(columns: Sequence[tuple[Column, Column]]) -> Iterator[Check]:
    """Where the champion has a favourite, nothing but one single value is standing still: a good shadow has a favourite
    as well.
    """
    if columns:
        still = min(commonest(b) for _, b in columns)
        told = f"The shadow gives one value in {100 * still:.1f} % of its answers, where the champion gives several."
        yield Check("constant", _worse_if(still == 1), still, told)


def _numeric(column: Column) -> TypeGuard[Sequence[float]]:
    return not any(isinstance(v, str) for v in column)


def _worse_if(wrong: bool) -> Finding:
    return Finding.WORSE if wrong else Finding.NOT_WORSE
