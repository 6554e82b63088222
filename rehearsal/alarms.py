"""When an alarm is in which state, by the documented rules: M of N, missing data, low samples, metric math."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

from rehearsal.cloudtime import CloudTimeModule
from rehearsal.cloudwatch import statistics
from rehearsal.cloudwatch.series import Queries, points_of
from rehearsal.metric_math import MathError, Series
from rehearsal.runtime import Runtime

COMPARE: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanOrEqualToThreshold": (lambda value, threshold: value >= threshold, "greater than or equal to"),
    "GreaterThanThreshold": (lambda value, threshold: value > threshold, "greater than"),
    "LessThanThreshold": (lambda value, threshold: value < threshold, "less than"),
    "LessThanOrEqualToThreshold": (lambda value, threshold: value <= threshold, "less than or equal to"),
}
# These can only grow within a period, so a breach of an upper bound stands before the period ends.
_GROWING = ("Sum", "Maximum", "SampleCount")
# CloudWatch looks at more periods than it evaluates, so that one late data point is not "missing".
_EXTRA_PERIODS = 2


def module_time(_: ModuleType, runtime: Runtime) -> CloudTimeModule:
    """The module's `time` on cloud time."""
    return CloudTimeModule(runtime.clock)


@dataclass(frozen=True)
class Datapoint:
    """What one period has: its start (epoch seconds), the value if there is one, and how many samples made it."""

    at: int
    value: float | None
    samples: float = 0.0


def metric_stat(alarm: Mapping[str, Any]) -> dict[str, Any]:
    """The alarm's own metric as a MetricStat."""
    metric = {
        "Namespace": alarm["Namespace"],
        "MetricName": alarm["MetricName"],
        "Dimensions": alarm.get("Dimensions") or [],
    }
    stat = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"
    return {"Metric": metric, "Period": int(alarm["Period"]), "Stat": stat, "Unit": alarm.get("Unit")}


def period_seconds(alarm: Mapping[str, Any]) -> int:
    """Length of the periods that the alarm evaluates."""
    if alarm.get("MetricName"):
        return int(alarm["Period"])
    return Queries(alarm.get("Metrics") or [], 0, 0).period_seconds


def datapoints(alarm: Mapping[str, Any], now: float) -> list[Datapoint]:
    """One for each period of the evaluation range, newest first."""
    period = period_seconds(alarm)
    current = math.floor(now / period) * period
    periods = int(alarm["EvaluationPeriods"]) + _EXTRA_PERIODS
    starts = [current - index * period for index in range(1, periods + 1)]
    if not alarm.get("MetricName"):
        return _calculated(alarm, starts, period)
    stat = metric_stat(alarm)
    held = points_of(stat, starts[-1], current + period)

    def datapoint(at: int) -> Datapoint:
        points = held.get(at) or []
        return Datapoint(at, statistics.statistic(points, stat["Stat"]), statistics.count(points))

    found = [datapoint(at) for at in starts]
    partial = datapoint(current)
    upper = str(alarm["ComparisonOperator"]).startswith("Greater") and stat["Stat"] in _GROWING
    if partial.value is not None and upper and _breaches(alarm, partial.value):
        found = [partial, *found[:-1]]
    return found


def _calculated(alarm: Mapping[str, Any], starts: Sequence[int], period: int) -> list[Datapoint]:
    queries = Queries(alarm["Metrics"], starts[-1], starts[0] + period)
    watched = next(query["Id"] for query in alarm["Metrics"] if query.get("ReturnData", True))
    try:
        value = queries.value(watched)
    except MathError:
        return [Datapoint(at, None) for at in starts]
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    points = value.points if isinstance(value, Series) else {}
    return [Datapoint(at, points.get(at)) for at in starts]


def _breaches(alarm: Mapping[str, Any], value: float) -> bool:
    return COMPARE[alarm["ComparisonOperator"]][0](value, float(alarm["Threshold"]))


def _low(alarm: Mapping[str, Any], point: Datapoint) -> bool:
    """Whether a percentile has too few samples to mean something: fewer than 10/(1-p) above the median, 10/p below."""
    percent = statistics.percentile_of(str(alarm.get("ExtendedStatistic") or ""))
    if percent is None or alarm.get("EvaluateLowSampleCountPercentile") != "ignore" or not 0 < percent < 100:
        return False
    share = percent / 100
    return point.samples < 10 / ((1 - share) if share >= 0.5 else share)


def state(alarm: Mapping[str, Any], points: Sequence[float | None]) -> str:
    """The state that the documented tables for missing data give; `points` newest first."""
    periods = int(alarm["EvaluationPeriods"])
    needed = int(alarm.get("DatapointsToAlarm") or periods)
    treat = alarm.get("TreatMissingData") or "missing"
    known = [(age, _breaches(alarm, point)) for age, point in enumerate(points, 1) if point is not None][:periods]
    breaches = [breach for _, breach in known]
    missing = periods - len(known)
    if not known:
        nothing = {
            "missing": "INSUFFICIENT_DATA",
            "ignore": alarm["StateValue"],
            "breaching": "ALARM",
            "notBreaching": "OK",
        }
        return str(nothing[treat])
    if sum(breaches) + (missing if treat == "breaching" else 0) >= needed:
        return "ALARM"
    if missing and all(breaches) and treat in ("missing", "ignore"):
        # Breaching or missing throughout: ALARM only once the oldest breach is as old as M of N asks.
        old_enough = max(age for age, _ in known) >= needed
        return "ALARM" if treat == "missing" and old_enough else str(alarm["StateValue"])
    return "OK"


@dataclass(frozen=True)
class Verdict:
    """A state with the reasons that CloudWatch gives, and the reason data as JSON's values."""

    state: str
    reason: str
    data: dict[str, Any]


def judge(alarm: Mapping[str, Any], now: float) -> Verdict:
    """What the alarm's state is at `now`."""
    points = datapoints(alarm, now)
    periods = int(alarm["EvaluationPeriods"])
    known = [point for point in points if point.value is not None][:periods]
    found = state(alarm, [point.value for point in points])
    if any(_low(alarm, point) for point in known):
        found = str(alarm["StateValue"])
    return Verdict(found, _reason(alarm, found, known), _data(alarm, known, now))


def _reason(alarm: Mapping[str, Any], new: str, known: Sequence[Datapoint]) -> str:
    periods = int(alarm["EvaluationPeriods"])
    if new == "INSUFFICIENT_DATA":
        return f"Insufficient Data: {_count(periods, 'datapoint')} {_were(periods)} unknown."
    if not known:
        treated = "Breaching" if new == "ALARM" else "NonBreaching"
        return (
            f"Threshold Crossed: no datapoints were received for {_count(periods, 'period')} and "
            f"{_count(periods, 'missing datapoint')} {_were(periods)} treated as [{treated}]."
        )
    chosen = [point for point in known if _breaches(alarm, point.value or 0.0) == (new == "ALARM")] or list(known)
    needed = int(alarm.get("DatapointsToAlarm") or periods)
    needed = needed if new == "ALARM" else periods - needed + 1
    shown = ", ".join(f"{point.value} ({_short(point.at)})" for point in chosen)
    word = COMPARE[alarm["ComparisonOperator"]][1]
    verb = _were(len(chosen)) if new == "ALARM" else f"{_were(len(chosen))} not"
    way = "OK -> ALARM" if new == "ALARM" else "ALARM -> OK"
    return (
        f"Threshold Crossed: {len(chosen)} out of the last {_count(periods, 'datapoint')} [{shown}] {verb} {word} "
        f"the threshold ({float(alarm['Threshold'])}) (minimum {_count(needed, 'datapoint')} for {way} transition)."
    )


def _data(alarm: Mapping[str, Any], known: Sequence[Datapoint], now: float) -> dict[str, Any]:
    data: dict[str, Any] = {"version": "1.0", "queryDate": stamp(now)}
    if known:
        data["startDate"] = stamp(known[-1].at)
    if alarm.get("MetricName"):
        stat = metric_stat(alarm)
        data |= {"statistic": stat["Stat"]} | ({"unit": alarm["Unit"]} if alarm.get("Unit") else {})
    data |= {
        "period": period_seconds(alarm),
        "recentDatapoints": [point.value for point in reversed(known)],
        "threshold": float(alarm["Threshold"]),
        "evaluatedDatapoints": [
            {
                "timestamp": stamp(point.at),
                **({"sampleCount": point.samples} if point.samples else {}),
                "value": point.value,
            }
            for point in known
        ],
    }
    return data


def stamp(at: float) -> str:
    """A time as CloudWatch's events write it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"


def _short(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%d/%m/%y %H:%M:%S")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
