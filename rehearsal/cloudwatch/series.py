"""Stored metrics as series, and the queries of GetMetricData and of alarms over them."""

import math
import threading
from array import array
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rehearsal.adapter import scope_of_request
from rehearsal.cloudwatch import statistics
from rehearsal.metric_math import Context, MathError, Series, Value, as_list, calls, evaluate, names, parse

MetricStat = Mapping[str, Any]


_newest: dict[Any, tuple[list[Any], "array[float]"]] = {}
"""By metric: its points, and the newest time of all points up to each, as far as they were looked at."""
_lock = threading.Lock()


def stored_since(
    start: float, namespace: str, name: str, dimensions: Sequence[Mapping[str, str]]
) -> list[Mapping[str, Any]]:
    """Points of exactly one metric (the name together with its dimensions), without those that were written before all
    of `start` and later: points mostly come in the order of their times, and an alarm looks at the last few.
    """
    from ministack.services import cloudwatch

    key = (namespace, name, cloudwatch._dims_key(cloudwatch._dims_from_list(list(dimensions))))
    points: list[Mapping[str, Any]] = cloudwatch._metrics.get(key) or []
    if not points:
        return []
    with _lock:
        known, newest = _newest.get((scope_of_request(), key), ([], array("d")))
        if known is not points:
            newest = array("d")
            _newest[scope_of_request(), key] = points, newest
        for point in points[len(newest) :]:
            newest.append(max(point["Timestamp"], newest[-1] if newest else -math.inf))
        return points[bisect_left(newest, start) :]


def points_of(metric_stat: MetricStat, start: float, end: float) -> dict[int, list[Mapping[str, Any]]]:
    """Stored points in [start, end) by the start of their period; of the query's unit only, if it names one."""
    metric, period = metric_stat["Metric"], int(metric_stat["Period"])
    unit = metric_stat.get("Unit")
    found: dict[int, list[Mapping[str, Any]]] = {}
    asked = metric.get("Namespace", ""), metric.get("MetricName", ""), metric.get("Dimensions") or []
    for point in stored_since(start, *asked):
        if start <= point["Timestamp"] < end and unit in (None, point.get("Unit")):
            found.setdefault(math.floor(point["Timestamp"] / period) * period, []).append(point)
    return found


def series_of(metric_stat: MetricStat, start: float, end: float, label: str = "") -> Series:
    """One statistic of one metric. Periods without data have no value."""
    values = {
        at: value
        for at, points in points_of(metric_stat, start, end).items()
        if (value := statistics.statistic(points, metric_stat["Stat"])) is not None
    }
    return Series(
        label or metric_stat["Metric"]["MetricName"], int(metric_stat["Period"]), dict(sorted(values.items()))
    )


@dataclass
class Queries:
    """A list of MetricDataQuery in [start, end), each worked out once. Raises MathError for what is wrong in them."""

    queries: Sequence[Mapping[str, Any]]
    start: float
    end: float
    _values: dict[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._by_id = {query["Id"]: query for query in self.queries}

    @property
    def period_seconds(self) -> int:
        """The longest period among the metrics: the one that expressions get."""
        periods = [int(one["MetricStat"]["Period"]) for one in self.queries if one.get("MetricStat")]
        return max(periods or [int(one["Period"]) for one in self.queries if one.get("Period")] or [60])

    def value(self, identity: str, path: tuple[str, ...] = ()) -> Value:
        """What a query gives; an expression may use others, but not itself."""
        if identity in path:
            raise MathError(f"Error in expression: '{identity}' refers to itself")
        if identity not in self._values:
            query = self._by_id[identity]
            if query.get("MetricStat"):
                self._values[identity] = series_of(query["MetricStat"], self.start, self.end, query.get("Label", ""))
            else:
                self._values[identity] = self._expression(str(query.get("Expression", "")), (*path, identity))
        return self._values[identity]

    def _expression(self, expression: str, path: tuple[str, ...]) -> Value:
        node = parse(expression)
        known = {name: self.value(name, path) for name in names(node) if name in self._by_id}
        metrics: dict[str, Series] = {}
        if "METRICS" in calls(node):
            for name, query in self._by_id.items():
                if query.get("MetricStat"):
                    metrics[name] = as_list(self.value(name))[0]
        period = self.period_seconds
        first = math.floor(self.start / period) * period
        grid = tuple(at for at in range(first, math.ceil(self.end), period) if self.start <= at < self.end)
        return evaluate(expression, Context(known, metrics, grid, period))


def refuse_wrong(queries: Sequence[Mapping[str, Any]]) -> None:
    """Raise MathError for expressions that cannot be worked out, before there are data."""
    from rehearsal.cloudwatch.functions import REFUSED

    known = {query["Id"] for query in queries}
    for query in queries:
        expression = query.get("Expression")
        if expression is None:
            continue
        if str(expression).strip().upper().startswith("SELECT "):
            raise MathError("The embedded cloud does not run Metrics Insights queries (SELECT)")
        node = parse(str(expression))
        for function in calls(node) & set(REFUSED):
            raise MathError(f"The embedded cloud does not run {function} in metric math")
        unknown = names(node) - known - {"REPEAT", "LINEAR", "ASC", "DESC", "AVG", "MIN", "MAX", "SUM"}
        if unknown:
            raise MathError(f"Error in expression: the id '{min(unknown)}' is not among the queries")
    for query in queries:
        Queries(queries, 0.0, 60.0).value(query["Id"])
