"""Columns of text to the features of `statistics.json`."""

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from monitor.sketch import Values, distribution

INTEGRAL, FRACTIONAL, STRING, UNKNOWN = "Integral", "Fractional", "String", "Unknown"
NUMERIC = (INTEGRAL, FRACTIONAL)
WHOLE = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
PLAIN = set("0123456789+-.eE")
BUCKETS_AT_MOST = 10_000
"""Categories written; the rest share of a free-text column would only swell the file."""


def number(text: str) -> float | None:
    """Its value if it is a finite decimal."""
    if not NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def _quick(texts: list[str]) -> Values | None:
    """All values if all are plain numbers, by float() alone, which takes more than we do: so characters first."""
    if not set("".join(texts)) <= PLAIN:
        return None
    try:
        values = np.array(list(map(float, texts)), np.float64)
    except ValueError:
        return None
    return values if np.isfinite(values).all() else None


@dataclass(frozen=True)
class Profile:
    """One column of a dataset; an empty text is a missing value."""

    name: str
    texts: Sequence[str]

    @cached_property
    def present(self) -> list[str]:
        return [t for t in self.texts if t]

    @property
    def missing(self) -> int:
        return len(self.texts) - len(self.present)

    @cached_property
    def values(self) -> Values:
        """Of the fields that are numbers."""
        quick = _quick(self.present)
        if quick is not None:
            return quick
        return np.array([v for v in map(number, self.present) if v is not None], np.float64)

    @cached_property
    def counts(self) -> Counter[str]:
        return Counter(self.present)

    @cached_property
    def inferred_type(self) -> str:
        if not self.present:
            return UNKNOWN
        if len(self.values) < len(self.present):
            return STRING
        return INTEGRAL if all(map(WHOLE.fullmatch, set(self.present))) else FRACTIONAL

    def share_of(self, kind: str) -> float:
        """Share of the present values that are of `kind`. A text may be anything; 3.0 counts as the whole number it is,
        since JSON clients send whole numbers so."""
        if kind not in NUMERIC or not self.present:
            return 1.0
        if kind == FRACTIONAL:
            return len(self.values) / len(self.present)
        return float(np.count_nonzero(self.values == np.floor(self.values))) / len(self.present)

    def document(self, kind: str | None = None) -> dict[str, Any]:
        """As in statistics.json, counted as `kind` (default: as inferred)."""
        kind = kind or self.inferred_type
        common = {"num_present": len(self.present), "num_missing": self.missing}
        head = {"name": self.name, "inferred_type": kind}
        if kind in NUMERIC and self.values.size:
            body = {
                "common": common,
                "mean": float(self.values.mean()),
                "sum": float(self.values.sum()),
                "std_dev": float(self.values.std()),
                "min": float(self.values.min()),
                "max": float(self.values.max()),
                "distribution": distribution(self.values),
            }
            return {**head, "numerical_statistics": body}
        if kind in NUMERIC:
            return {**head, "numerical_statistics": {"common": common}}
        buckets = [
            {"value": value, "count": count}
            for value, count in sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:BUCKETS_AT_MOST]
        ]
        body = {
            "common": common,
            "distinct_count": float(len(self.counts)),
            "distribution": {"categorical": {"buckets": buckets}},
        }
        return {**head, "string_statistics": body}


def statistics(profiles: Sequence[Profile], rows: int, kinds: dict[str, str] | None = None) -> dict[str, Any]:
    """The whole document."""
    features = [p.document((kinds or {}).get(p.name)) for p in profiles]
    return {"version": 0.0, "dataset": {"item_count": rows}, "features": features}
