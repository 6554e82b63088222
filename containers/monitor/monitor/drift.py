"""Distances between a window and its baseline: L-infinity, as Model Monitor's default.

numeric      max over x of |F_window(x) - F_baseline(x)|   (two-sample Kolmogorov-Smirnov statistic)
categorical  max over values of |share_window - share_baseline|
Robust       max(0, distance - 1.8 * sqrt((n + m) / (n * m)))

The Robust term is the Kolmogorov-Smirnov critical value for two samples of n and m at a level of about 0.3 %
(2 * exp(-2 * 1.8^2)), the correction awslabs/deequ makes for few samples: only what chance does not explain is drift.
"""

import math
from collections.abc import Mapping

import numpy as np

from monitor.sketch import Cumulative, Values

CRITICAL = 1.8


def numerical(window: Values, baseline: Cumulative) -> float:
    """`window` not empty."""
    ordered = np.sort(window)
    if baseline.is_exact:
        points = np.union1d(ordered, baseline.values)
        shares = np.searchsorted(ordered, points, side="right") / len(ordered)
    else:  # known at the buckets' ends only, the last of which holds every value; a value on an end counts above it
        points = baseline.values[:-1]
        shares = np.searchsorted(ordered, points, side="left") / len(ordered)
    return float(np.abs(shares - baseline.at(points)).max()) if points.size else 0.0


def categorical(window: Mapping[str, int], baseline: Mapping[str, int]) -> float:
    """Neither empty."""
    n, m = sum(window.values()), sum(baseline.values())
    return max(abs(window.get(v, 0) / n - baseline.get(v, 0) / m) for v in {*window, *baseline})


def corrected(distance: float, n: int, m: int, method: str) -> float:
    """By `comparison_method`: Simple leaves the distance as it is."""
    return distance if method == "Simple" else max(0.0, distance - CRITICAL * math.sqrt((n + m) / (n * m)))


def chance_of_at_least(count: int, n: int, share: float) -> float:
    """P(X >= count) for X ~ Binomial(n, share); exact."""
    if count <= 0 or share >= 1:
        return 1.0
    if share <= 0:
        return 0.0
    start = math.lgamma(n + 1) - math.lgamma(count + 1) - math.lgamma(n - count + 1)
    term = math.exp(start + count * math.log(share) + (n - count) * math.log1p(-share))
    total, odds = term, share / (1 - share)
    for k in range(count, n):
        term *= (n - k) / (k + 1) * odds
        total += term
        if term < total * 1e-12 and k > n * share:
            break
    return min(1.0, total)
