"""Distributions as Model Monitor stores them: ten equal buckets, and a KLL sketch for what buckets cannot see.

The sketch has KLL's shape (an item of level i stands for 2^i values) but is built from the sorted values, so it is
deterministic and its rank error is at most 1/k. Weights add up to the number of values exactly.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

BUCKETS, K, C = 10, 2048, 0.64
Values = NDArray[np.float64]


def distribution(values: Values) -> dict[str, Any]:
    """`distribution` of numerical_statistics; `values` finite and not empty."""
    low, high = float(values.min()), float(values.max())
    edges = np.linspace(low, high, BUCKETS + 1)
    counts = np.histogram(values, edges)[0] if high > low else np.array([len(values)] + [0] * (BUCKETS - 1))
    buckets = [
        {"lower_bound": float(a), "upper_bound": float(b), "count": float(n)}
        for a, b, n in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    sketch = {"parameters": {"c": C, "k": float(K)}, "data": compact(np.sort(values))}
    return {"kll": {"buckets": buckets, "sketch": sketch}}


def compact(ordered: Values) -> list[list[float]]:
    """Levels of the sketch of sorted values."""
    level = 0
    while len(ordered) >> level > K:
        level += 1
    levels: list[list[float]] = [[] for _ in range(level + 1)]
    whole = len(ordered) >> level << level
    levels[level] = ordered[:whole].reshape(-1, 1 << level)[:, (1 << level) // 2].tolist()
    rest = ordered[whole:]
    for smaller in range(level - 1, -1, -1):
        if len(rest) & (1 << smaller):
            part, rest = rest[: 1 << smaller], rest[1 << smaller :]
            levels[smaller] = [float(part[len(part) // 2])]
    return levels


class Cumulative:
    """Share of values at or under x, of a stored distribution of `count` values."""

    def __init__(self, stored: dict[str, Any], count: int) -> None:
        self.count = count
        kll = stored.get("kll", {})
        levels = kll.get("sketch", {}).get("data", [])
        weights = [(v, 1 << i) for i, items in enumerate(levels) for v in items]
        self.is_exact = sum(w for _, w in weights) == count
        if not self.is_exact:  # a file of another tool: only the buckets' ends are known
            weights = [(b["upper_bound"], b["count"]) for b in kll.get("buckets", [])]
        points = np.array(sorted(weights), dtype=np.float64).reshape(-1, 2)
        self.values = points[:, 0]
        total = float(points[:, 1].sum()) or 1.0
        self._shares = np.concatenate([[0.0], np.cumsum(points[:, 1]) / total])

    def at(self, x: Values) -> Values:
        shares: Values = self._shares[np.searchsorted(self.values, x, side="right")]
        return shares
