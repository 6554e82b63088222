"""One statistic over the points of a period, by its CloudWatch name.

Points are the emulator's: a `Value` that was seen `Count` times, or a published statistic set in `_stat`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Point = Mapping[str, Any]
Sample = tuple[float, float]  # value, how many times

BASIC = ("SampleCount", "Average", "Sum", "Minimum", "Maximum")
_SHORT = re.compile(r"(p|tm|tc|ts|wm)(\d{1,2}(?:\.\d{1,10})?|100)")
_RANGE = re.compile(r"(TM|TC|TS|WM|PR)\(\s*([\d.]+%?)?\s*:\s*([\d.]+%?)?\s*\)")


def known(name: str) -> bool:
    """Whether CloudWatch has a statistic of this name."""
    if name in BASIC or name == "IQM" or _SHORT.fullmatch(name):
        return True
    match = _RANGE.fullmatch(name)
    return bool(match and (match[2] or match[3]) and (match[1] != "PR" or "%" not in name))


def percentile_of(name: str) -> float | None:
    """99.0 of `p99`; None for any other statistic."""
    match = _SHORT.fullmatch(name)
    return float(match[2]) if match and match[1] == "p" else None


def count(points: Iterable[Point]) -> float:
    """How many samples the points stand for."""
    return sum(_set(point)[0] for point in points)


def statistic(points: Sequence[Point], name: str) -> float | None:
    """The statistic, or None where CloudWatch has none: no samples, or sets whose samples are not known."""
    sets = [found for point in points if (found := _set(point))[0] > 0]
    if not sets:
        return None
    if name in BASIC:
        samples = sum(one[0] for one in sets)
        total = sum(one[1] for one in sets)
        return {
            "SampleCount": samples,
            "Sum": total,
            "Average": total / samples,
            "Minimum": min(one[2] for one in sets),
            "Maximum": max(one[3] for one in sets),
        }[name]
    values = _samples(sets)
    return None if values is None else _extended(name, values)


def _extended(name: str, values: list[Sample]) -> float | None:
    if name == "IQM":
        return _trimmed("TM", values, "25%", "75%")
    if match := _SHORT.fullmatch(name):
        if match[1] == "p":
            return _percentile(values, float(match[2]))
        return _trimmed(match[1].upper(), values, None, f"{match[2]}%")
    match = _RANGE.fullmatch(name)
    return _trimmed(match[1], values, match[2], match[3]) if match else None


def _set(point: Point) -> tuple[float, float, float, float]:
    given = point.get("_stat")
    if given is not None:
        samples, total, low, high = (float(given.get(key, 0)) for key in ("SampleCount", "Sum", "Minimum", "Maximum"))
        return samples, total, low, high
    samples, value = float(point.get("Count", 1.0)), float(point["Value"])
    return samples, value * samples, value, value


def _samples(sets: Sequence[tuple[float, float, float, float]]) -> list[Sample] | None:
    """Values with their counts, ascending; None if a statistic set hides them or a value is negative."""
    if any(low < 0 or low != high or total != low * samples for samples, total, low, high in sets):
        return None
    return sorted((low, samples) for samples, _, low, _ in sets)


def _percentile(samples: Sequence[Sample], percent: float) -> float:
    """Between the two nearest ranks, as if each value stood there as often as it was counted."""
    total = sum(weight for _, weight in samples)
    rank = percent / 100 * (total - 1) if total > 1 else 0.0
    low, part = int(rank), rank - int(rank)
    first = _at(samples, low)
    return first + part * (_at(samples, low + 1) - first) if part else first


def _at(samples: Sequence[Sample], index: float) -> float:
    seen = 0.0
    for value, weight in samples:
        seen += weight
        if index < seen:
            return value
    return samples[-1][0]


def _trimmed(kind: str, samples: Sequence[Sample], lower: str | None, upper: str | None) -> float | None:
    """TM mean, TS sum, TC count and WM mean of what lies between the bounds, PR its share in per cent."""
    total = sum(weight for _, weight in samples)
    kept = _between(samples, lower, upper, total)
    inside = sum(weight for _, weight in kept)
    if kind == "PR":
        return 100 * inside / total
    if kind == "TC":
        return inside
    if not kept:
        return None
    if kind == "WM":
        below = sum(weight for value, weight in samples if value < kept[0][0])
        above = total - inside - below
        clipped = sum(value * weight for value, weight in kept) + below * kept[0][0] + above * kept[-1][0]
        return clipped / total
    value = sum(value * weight for value, weight in kept)
    return value if kind == "TS" else value / inside


def _between(samples: Sequence[Sample], lower: str | None, upper: str | None, total: float) -> list[Sample]:
    """The samples within (lower, upper]: percentages cut the ordered samples, plain numbers their values."""
    if "%" in (lower or "") + (upper or ""):
        first = float((lower or "0").rstrip("%")) / 100 * total
        last = float((upper or "100").rstrip("%")) / 100 * total
        kept, seen = [], 0.0
        for value, weight in samples:
            part = min(seen + weight, last) - max(seen, first)
            seen += weight
            if part > 1e-9:
                kept.append((value, part))
        return kept
    low = float(lower) if lower else float("-inf")
    high = float(upper) if upper else float("inf")
    return [(value, weight) for value, weight in samples if low < value <= high]
