"""A window against its constraints: violations in Model Monitor's shape, and what each feature measured.

A share is only called too low when it is under its bound and chance does not explain it: a fair sample of the baseline
would show as many misses less than once in ALARM_ONCE_IN windows (exact binomial). A bound of 1.0 that the whole
baseline kept is strict: one miss is a violation.
"""

from dataclasses import dataclass, field
from typing import Any

from monitor import drift
from monitor.capture import Captured
from monitor.constraints import config
from monitor.profile import FRACTIONAL, INTEGRAL, NUMERIC, STRING, Profile
from monitor.sketch import Cumulative

ALARM_ONCE_IN = 10_000
EXTRA, MISSING = "Extra columns", "Missing columns"


@dataclass
class Findings:
    """`features` by name: distance, threshold, completeness; None where it could not be measured."""

    violations: list[dict[str, str]] = field(default_factory=list)
    features: dict[str, dict[str, float | None]] = field(default_factory=dict)

    def add(self, feature: str, check: str, description: str) -> None:
        entry = {"feature_name": feature, "constraint_check_type": check, "description": description}
        self.violations.append(entry)


def check(
    captured: Captured, profiles: list[Profile], constraints: dict[str, Any], statistics: dict[str, Any]
) -> Findings:
    """`profiles` in the order of the constraints' features."""
    found = Findings()
    _columns(captured, found)
    baseline = {f["name"]: f for f in statistics["features"]}
    for profile, feature in zip(profiles, constraints["features"], strict=True):
        settings = config(constraints, feature)
        _feature(profile, feature, settings, baseline.get(profile.name, {}), found)
    return found


def _columns(captured: Captured, found: Findings) -> None:
    known = len(captured.columns)
    for width, rows in sorted(captured.widths.items()):
        is_extra = width > known
        found.add(
            EXTRA if is_extra else MISSING,
            "extra_column_check" if is_extra else "missing_column_check",
            f"There are {'extra' if is_extra else 'missing'} columns in current dataset. Number of columns in current"
            f" dataset: {width}, Number of columns in baseline constraints: {known} ({rows} rows)",
        )
    for name, rows in sorted(captured.extra.items()):
        found.add(name, "extra_column_check", f"Column is not in the baseline but in {rows} rows of current dataset.")
    for name, rows in sorted(captured.absent.items()):
        if rows == captured.named == len(captured.rows):  # in some rows only: that is completeness
            found.add(name, "missing_column_check", f"Column is missing from all {rows} rows of current dataset.")


def _feature(
    p: Profile, feature: dict[str, Any], settings: dict[str, Any], baseline: dict[str, Any], found: Findings
) -> None:
    rows, kind = len(p.texts), feature.get("inferred_type", STRING)
    completeness = len(p.present) / rows if rows else None
    found.features[p.name] = {"distance": None, "threshold": None, "completeness": completeness}
    if settings.get("evaluate_constraints", "Enabled") == "Disabled" or not rows:
        return
    _completeness(p, feature, found)
    _types(p, kind, settings, found)
    if kind == STRING:
        _domain(p, feature, settings, baseline, found)
    if settings["distribution_constraints"].get("perform_comparison", "Enabled") != "Disabled":
        _drift(p, kind, settings["distribution_constraints"], baseline, found)


def _improbable(misses: int, n: int, share: float) -> bool:
    return drift.chance_of_at_least(misses, n, share) < 1 / ALARM_ONCE_IN


def _completeness(p: Profile, feature: dict[str, Any], found: Findings) -> None:
    bound, rows = float(feature.get("completeness", 0.0)), len(p.texts)
    observed = len(p.present) / rows
    if observed < bound and _improbable(p.missing, rows, 1 - bound):
        text = f"Expected completeness: {bound:.4f}. Observed: {observed:.4f} ({p.missing} of {rows} values missing)."
        found.add(p.name, "completeness_check", f"Data completeness requirement is not met. {text}")


def _types(p: Profile, kind: str, settings: dict[str, Any], found: Findings) -> None:
    bound, observed = float(settings.get("datatype_check_threshold", 1.0)), p.share_of(kind)
    if kind in (INTEGRAL, FRACTIONAL) and observed < bound:
        found.add(
            p.name,
            "data_type_check",
            f"Data type match requirement is not met. Expected data type: {kind}, Expected match: {bound:.1%}."
            f" Observed: Only {observed:.2%} of data is {kind}.",
        )


def _domain(
    p: Profile, feature: dict[str, Any], settings: dict[str, Any], baseline: dict[str, Any], found: Findings
) -> None:
    domains = (feature.get("string_constraints") or {}).get("domains")
    if domains is None or not p.present:
        return
    known, bound = set(domains), float(settings.get("domain_content_threshold", 1.0))
    strange = {value: count for value, count in p.counts.items() if value not in known}
    misses = sum(strange.values())
    observed = 1 - misses / len(p.present)
    counts = _counts(baseline)
    # Good and Turing: the share of values seen once is the share of the unseen in a fair sample.
    unseen = sum(c == 1 for c in counts.values()) / max(1, sum(counts.values()))
    if observed < bound and _improbable(misses, len(p.present), min(1.0, 1 - bound + unseen)):
        examples = ", ".join(ascii(v[:40]) for v in sorted(strange, key=lambda v: (-strange[v], v))[:5])
        found.add(
            p.name,
            "categorical_values_check",
            f"Value does not match the constraint. Expected match: {bound:.1%}. Observed: Only {observed:.2%} of values"
            f" are of the known categories; unknown: {examples}.",
        )


def _counts(baseline: dict[str, Any]) -> dict[str, int]:
    stored = (baseline.get("string_statistics") or {}).get("distribution", {}).get("categorical", {})
    return {b["value"]: int(b["count"]) for b in stored.get("buckets", [])}


def _drift(p: Profile, kind: str, settings: dict[str, Any], baseline: dict[str, Any], found: Findings) -> None:
    if kind in NUMERIC:
        stored = baseline.get("numerical_statistics") or {}
        m, n = int(stored.get("common", {}).get("num_present", 0)), len(p.values)
        if not m or not n or "distribution" not in stored:
            return
        distance = drift.numerical(p.values, Cumulative(stored["distribution"], m))
    else:
        counts = _counts(baseline)
        m, n = sum(counts.values()), len(p.present)
        if not m or not n:
            return
        distance = drift.categorical(p.counts, counts)
    general = settings.get("comparison_threshold", 0.1)
    threshold = float(general if kind in NUMERIC else settings.get("categorical_comparison_threshold", general))
    distance = drift.corrected(distance, n, m, settings.get("comparison_method", "Robust"))
    found.features[p.name].update(distance=distance, threshold=threshold)
    if distance > threshold:
        text = f"Baseline drift distance: {distance:.6g} exceeds threshold: {threshold:g}"
        found.add(p.name, "baseline_drift_check", text)
