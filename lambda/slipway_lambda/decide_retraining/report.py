"""A monitor's report, read so that what is missing is never taken for good news."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway_lambda.contracts.monitoring import ReportFaultError

COMPLETED = "Completed"
VIOLATED = "CompletedWithViolations"
TOO_FEW = "TooFewRecords"
FIX = "Look at the monitor job's log. The window has no verdict, which is not the same as a good one."


@dataclass(frozen=True)
class Feature:
    """One input's figures; None where there was nothing to measure."""

    name: str
    distance: float | None
    completeness: float | None


@dataclass(frozen=True)
class Violation:
    """One entry of constraint_violations.json."""

    feature: str
    check: str
    description: str


@dataclass(frozen=True)
class Report:
    """The verdict of one window."""

    verdict: str
    records: int
    unparsable: int
    features: tuple[Feature, ...]
    violations: tuple[Violation, ...]


def read_report(report: Any, violations: Any) -> Report:
    """Both files of a run as one. Raises ReportFaultError where they are no finished run's, or disagree."""
    if not isinstance(report, Mapping):
        raise ReportFaultError("report.json is not a JSON object.", FIX)
    verdict = report.get("verdict")
    if verdict not in (COMPLETED, VIOLATED, TOO_FEW):
        raise ReportFaultError(f"report.json has the verdict {verdict!r}.", FIX)
    listed = violations.get("violations") if isinstance(violations, Mapping) else None
    if not isinstance(listed, list):
        raise ReportFaultError("constraint_violations.json has no list of violations.", FIX)
    found = tuple(_violation(item) for item in listed)
    if (verdict == VIOLATED and not found) or (verdict == COMPLETED and found):
        raise ReportFaultError(
            f"report.json says {verdict} and constraint_violations.json has {len(found)} entries.", FIX
        )
    features = report.get("features")
    if not isinstance(features, Mapping):
        raise ReportFaultError("report.json has no features.", FIX)
    return Report(verdict, _count(report, "records"), _count(report, "unparsable"), _features(features), found)


def _count(report: Mapping[str, Any], key: str) -> int:
    value = report.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ReportFaultError(f"report.json has {value!r} for {key}, and not a count.", FIX)
    return value


def _features(features: Mapping[str, Any]) -> tuple[Feature, ...]:
    return tuple(
        Feature(name, _number(figures.get("distance")), _number(figures.get("completeness")))
        for name, figures in features.items()
        if isinstance(figures, Mapping)
    )


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def _violation(item: Any) -> Violation:
    if not isinstance(item, Mapping) or not isinstance(item.get("constraint_check_type"), str):
        raise ReportFaultError("An entry of constraint_violations.json has no constraint_check_type.", FIX)
    return Violation(str(item.get("feature_name", "")), item["constraint_check_type"], str(item.get("description", "")))
