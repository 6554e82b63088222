"""The functions of metric math. SEARCH and those that need another service are refused by name."""

import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from rehearsal.metric_math import Context, MathError, Node, Series, Value, as_list, value_of

REFUSED = (
    "SEARCH",
    "ANOMALY_DETECTION_BAND",
    "INSIGHT_RULE_METRIC",
    "DB_PERF_INSIGHTS",
    "LAMBDA",
    "SERVICE_QUOTA",
)
_REDUCE: dict[str, Callable[[Sequence[float]], float]] = {
    "AVG": lambda values: sum(values) / len(values),
    "SUM": math.fsum,
    "MIN": min,
    "MAX": max,
    "STDDEV": statistics.pstdev,
}
_EACH: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": math.ceil,
    "FLOOR": math.floor,
    "LOG": math.log,
    "LOG10": math.log10,
}
_CALENDAR: dict[str, Callable[[datetime], float]] = {
    "MINUTE": lambda at: at.minute,
    "HOUR": lambda at: at.hour,
    "DAY": lambda at: at.isoweekday(),
    "DATE": lambda at: at.day,
    "MONTH": lambda at: at.month,
    "YEAR": lambda at: at.year,
    "EPOCH": lambda at: at.timestamp(),
}


def call(name: str, nodes: list[Node], context: Context) -> Value:
    """A function's value. Words such as REPEAT and DESC are arguments too."""
    if name in REFUSED:
        raise MathError(f"The embedded cloud does not run {name} in metric math")
    if name in _BY_NODES:
        return _BY_NODES[name](nodes, context)
    given = [value_of(node, context) for node in nodes]
    if name in _WHOLE:
        return _WHOLE[name](given, context)
    if name in _REDUCE:
        return _reduce(name, _only(name, given))
    if name in _BY_SERIES:
        return _map(_only(name, given), _BY_SERIES[name])
    raise MathError(f"Error in expression: there is no function {name}")


def _only(name: str, given: list[Value]) -> Value:
    if len(given) != 1:
        raise MathError(f"Error in expression: {name} takes one argument, not {len(given)}")
    return given[0]


def _map(value: Value, change: Callable[[Series], dict[int, float]]) -> Value:
    changed = [one.with_points(change(one)) for one in as_list(value)]
    return changed if isinstance(value, list) else changed[0]


def _values(function: Callable[[float], float], series: Series) -> dict[int, float]:
    found = {}
    for at, value in series.points.items():
        try:
            found[at] = float(function(value))
        except ValueError:  # the logarithm of what is not positive: no data point
            continue
    return found


def _reduce(name: str, value: Value) -> Value:
    """Of one series a number over its points, of an array a series over its members."""
    function = _REDUCE[name]
    if isinstance(value, Series):
        if not value.points:
            return value
        return float(function(list(value.points.values())))
    members = as_list(value)
    if not members:
        return []
    moments = sorted(set().union(*(one.points for one in members)))
    points = {at: float(function([one.points[at] for one in members if at in one.points])) for at in moments}
    return Series(name, members[0].period_seconds, points)


def _pairs(series: Series) -> list[tuple[int, float, int, float]]:
    moments = sorted(series.points)
    return [(before, series.points[before], at, series.points[at]) for before, at in itertools.pairwise(moments)]


def _running(series: Series) -> dict[int, float]:
    total, found = 0.0, {}
    for at in sorted(series.points):
        total += series.points[at]
        found[at] = total
    return found


def _each(function: Callable[[float], float]) -> Callable[[Series], dict[int, float]]:
    return lambda series: _values(function, series)


def _of_time(part: Callable[[datetime], float]) -> Callable[[Series], dict[int, float]]:
    return lambda series: {at: float(part(datetime.fromtimestamp(at, UTC))) for at in series.points}


_BY_SERIES: dict[str, Callable[[Series], dict[int, float]]] = {
    **{name: _each(function) for name, function in _EACH.items()},
    **{name: _of_time(part) for name, part in _CALENDAR.items()},
    "RATE": lambda series: {at: (value - old) / (at - before) for before, old, at, value in _pairs(series)},
    "DIFF": lambda series: {at: value - old for _, old, at, value in _pairs(series)},
    "DIFF_TIME": lambda series: {at: float(at - before) for before, _, at, _ in _pairs(series)},
    "RUNNING_SUM": _running,
}


def _number(value: Value, name: str) -> float:
    if isinstance(value, int | float):
        return float(value)
    raise MathError(f"Error in expression: {name} needs a number here")


def _slice(given: list[Value], _: Context) -> Value:
    bounds = [int(_number(one, "SLICE")) for one in given[1:]]
    return as_list(given[0])[slice(*bounds)]


def _metrics(nodes: list[Node], context: Context) -> Value:
    if not nodes:
        return list(context.metrics.values())
    if len(nodes) != 1 or nodes[0][0] != "text":
        raise MathError("Error in expression: METRICS takes one text, a part of the ids")
    return [series for name, series in context.metrics.items() if nodes[0][1] in name]


def _fill(nodes: list[Node], context: Context) -> Value:
    if len(nodes) != 2:
        raise MathError(f"Error in expression: FILL takes two arguments, not {len(nodes)}")
    value = value_of(nodes[0], context)
    if nodes[1] in (("name", "REPEAT"), ("name", "LINEAR")):
        fill = _repeat if nodes[1][1] == "REPEAT" else _linear
        return _map(value, lambda series: fill(series, context.grid))
    other = value_of(nodes[1], context)
    if isinstance(other, Series):
        return _map(value, lambda series: {**_within(other, context), **series.points})
    filler = _number(other, "FILL")
    return _map(value, lambda series: {**dict.fromkeys(context.grid, filler), **series.points})


def _within(series: Series, context: Context) -> dict[int, float]:
    return {at: series.points[at] for at in context.grid if at in series.points}


def _repeat(series: Series, grid: Sequence[int]) -> dict[int, float]:
    found, last = {}, None
    for at in sorted({*grid, *series.points}):
        last = series.points.get(at, last)
        if last is not None:
            found[at] = last
    return found


def _linear(series: Series, grid: Sequence[int]) -> dict[int, float]:
    found = dict(series.points)
    for before, old, after, value in _pairs(series):
        for at in grid:
            if before < at < after:
                found[at] = old + (value - old) * (at - before) / (after - before)
    return dict(sorted(found.items()))


def _sort(nodes: list[Node], context: Context) -> Value:
    words = [node[1] if node[0] == "name" else None for node in nodes[1:3]]
    if len(nodes) not in (3, 4) or words[0] not in ("AVG", "MIN", "MAX", "SUM") or words[1] not in ("ASC", "DESC"):
        raise MathError("Error in expression: SORT takes an array, AVG, MIN, MAX or SUM, ASC or DESC, and a number")
    function = _REDUCE[str(words[0])]
    members = [one for one in as_list(value_of(nodes[0], context)) if one.points]
    ordered = sorted(members, key=lambda one: function(list(one.points.values())), reverse=words[1] == "DESC")
    return ordered[: int(_number(value_of(nodes[3], context), "SORT"))] if len(nodes) == 4 else ordered


def _if(given: list[Value], context: Context) -> Value:
    """`IF(condition, then, otherwise)`; without `otherwise` there is no data point where the condition is false."""
    if len(given) not in (2, 3):
        raise MathError(f"Error in expression: IF takes two or three arguments, not {len(given)}")
    condition, *branches = given
    for one in given:
        if isinstance(one, str | list):
            raise MathError("Error in expression: IF works on numbers and single time series")
    series = [one for one in given if isinstance(one, Series)]
    if not isinstance(condition, Series):
        if condition:
            return branches[0]
        if len(branches) == 2:
            return branches[1]
        empty: dict[int, float] = {}
        return series[0].with_points(empty) if series else Series("IF", context.period_seconds, empty)
    found: dict[int, Any] = {}
    for at, truth in condition.points.items():
        chosen = branches[0] if truth else branches[1] if len(branches) == 2 else None
        value = chosen.points.get(at) if isinstance(chosen, Series) else chosen
        if value is not None:
            found[at] = float(value)  # type: ignore[arg-type]  # a number: text and lists are refused above
    return condition.with_points(found)


_WHOLE: dict[str, Callable[[list[Value], Context], Value]] = {
    "IF": _if,
    "PERIOD": lambda given, _: float(as_list(_only("PERIOD", given))[0].period_seconds),
    "METRIC_COUNT": lambda given, _: float(len(as_list(_only("METRIC_COUNT", given)))),
    "DATAPOINT_COUNT": lambda given, _: float(len(as_list(_only("DATAPOINT_COUNT", given))[0].points)),
    "REMOVE_EMPTY": lambda given, _: [one for one in as_list(_only("REMOVE_EMPTY", given)) if one.points],
    "FIRST": lambda given, _: as_list(_only("FIRST", given))[0],
    "LAST": lambda given, _: as_list(_only("LAST", given))[-1],
    "SLICE": _slice,
    "TIME_SERIES": lambda given, context: Series(
        "TIME_SERIES",
        context.period_seconds,
        dict.fromkeys(context.grid, _number(_only("TIME_SERIES", given), "TIME_SERIES")),
    ),
}
_BY_NODES: dict[str, Callable[[list[Node], Context], Value]] = {"METRICS": _metrics, "FILL": _fill, "SORT": _sort}
