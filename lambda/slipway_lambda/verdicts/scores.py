"""Two columns of values from the same requests: does one stand still, and has it to do with the other?"""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

Z = 3.09
"""One in a thousand, of one side."""


def commonest(values: Sequence[float | str]) -> float:
    """Share of the commonest value."""
    return Counter(values).most_common(1)[0][1] / len(values)


def correlation_at_most(first: Sequence[float], second: Sequence[float]) -> float:
    """Upper bound of the rank correlation (Spearman's, by Fisher's transformation), missed in about one of a thousand
    samples. 1 where one of them stands still, or there are fewer than ten.
    """
    found, count = _correlation(_ranks(first), _ranks(second)), len(first)
    if found is None or count < 10:
        return 1.0
    near = max(-0.999999, min(0.999999, found))
    return math.tanh(math.atanh(near) + Z * math.sqrt((1 + near**2 / 2) / (count - 3)))


def moved(first: Sequence[float], second: Sequence[float]) -> float:
    """How far the median has gone, in the first's interquartile ranges; 0 where that is 0."""
    ordered, other = sorted(first), sorted(second)
    quarter = len(ordered) // 4
    spread = ordered[-quarter - 1] - ordered[quarter]
    way = abs(other[len(other) // 2] - ordered[len(ordered) // 2])
    return way / spread if spread and math.isfinite(spread) else 0.0


def _ranks(values: Sequence[float]) -> list[float]:
    """Mean rank of those alike."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks, at = [0.0] * len(values), 0
    for _, group in groupby(order, key=values.__getitem__):
        alike = list(group)
        for i in alike:
            ranks[i] = at + (len(alike) - 1) / 2
        at += len(alike)
    return ranks


def _correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    mean = (len(first) - 1) / 2
    products = sum((a - mean) * (b - mean) for a, b in zip(first, second, strict=True))
    squares = sum((a - mean) ** 2 for a in first) * sum((b - mean) ** 2 for b in second)
    return products / math.sqrt(squares) if squares else None
