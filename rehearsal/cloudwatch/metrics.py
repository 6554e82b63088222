"""PutMetricData, GetMetricData and GetMetricStatistics."""

import math
from collections.abc import Mapping
from typing import Any

from rehearsal.cloudwatch import paging, statistics
from rehearsal.cloudwatch.definitions import refuse_query, wrong
from rehearsal.cloudwatch.series import Queries, points_of, refuse_wrong
from rehearsal.metric_math import MathError, Series
from rehearsal.sagemaker.errors import ServiceError

_PAST_SECONDS, _FUTURE_SECONDS = 14 * 86_400, 2 * 3600
_MOST_DATAPOINTS = 1440
_MOST_QUERIES = 500
_LARGEST = 2.0**360


def put(params: Mapping[str, Any], now: float) -> None:
    """Store samples, stamped with cloud time where they bear none."""
    from ministack.services import cloudwatch

    if params.get("EntityMetricData"):
        raise wrong("The embedded cloud does not run EntityMetricData")
    if params["Namespace"].startswith("AWS/"):
        raise ServiceError("InvalidParameterValue", "The value AWS/ for parameter Namespace is invalid.")
    for number, datum in enumerate(params.get("MetricData") or [], 1):
        _refuse_datum(datum, number, now)
    for datum in params.get("MetricData") or []:
        cloudwatch._store_datum(
            params["Namespace"],
            datum["MetricName"],
            cloudwatch._dims_from_list(datum.get("Dimensions") or []),
            float(datum.get("Timestamp") or now),
            datum.get("Unit", "None"),
            datum.get("Value"),
            datum.get("Values"),
            datum.get("Counts"),
            datum.get("StatisticValues"),
        )


def _refuse_datum(datum: Mapping[str, Any], number: int, now: float) -> None:
    where = f"MetricData.member.{number}"
    given = [name for name in ("Value", "Values", "StatisticValues") if datum.get(name) is not None]
    if len(given) != 1:
        raise ServiceError(
            "InvalidParameterCombination",
            f"At least one of the parameters {where}.Value, {where}.Values and {where}.StatisticValues must be "
            "specified, and not more.",
        )
    values, counts = datum.get("Values"), datum.get("Counts")
    if counts is not None and len(counts) != len(values or []):
        raise ServiceError(
            "InvalidParameterValue", f"The parameters {where}.Values and {where}.Counts must have the same length."
        )
    numbers = [datum.get("Value"), *(values or []), *(datum.get("StatisticValues") or {}).values()]
    for value in numbers:
        if value is not None and (not math.isfinite(value) or abs(value) > _LARGEST):
            raise ServiceError("InvalidParameterValue", f"The value {value} for parameter {where}.Value is invalid.")
    at = datum.get("Timestamp")
    if at is not None and not now - _PAST_SECONDS <= at <= now + _FUTURE_SECONDS:
        raise ServiceError(
            "InvalidParameterValue",
            f"The parameter {where}.Timestamp must specify a time within the past two weeks and the next two hours.",
        )


def get_data(params: Mapping[str, Any]) -> dict[str, Any]:
    """One page of each query that returns data; newest first unless ScanBy says otherwise."""
    queries = params["MetricDataQueries"]
    if len(queries) > _MOST_QUERIES:
        raise wrong(f"The collection MetricDataQueries must not have a size greater than {_MOST_QUERIES}.")
    if params["StartTime"] >= params["EndTime"]:
        raise wrong("The parameter StartTime must be less than the parameter EndTime.")
    identities = [query["Id"] for query in queries]
    if len(set(identities)) != len(identities):
        raise wrong("The values for parameter id in the queries must be unique.")
    for query in queries:
        refuse_query(query)
    try:
        refuse_wrong(queries)
        worked = Queries(queries, params["StartTime"], params["EndTime"])
        results = [
            one
            for query in queries
            if query.get("ReturnData", True)
            for one in _results(query, worked, oldest_first=params.get("ScanBy") == "TimestampAscending")
        ]
    except MathError as fault:
        raise wrong(str(fault)) from None
    return {**paging.of_datapoints(params, results), "Messages": []}


def _results(query: Mapping[str, Any], worked: Queries, *, oldest_first: bool) -> list[dict[str, Any]]:
    value = worked.value(query["Id"])
    if not isinstance(value, Series | list):
        raise MathError(f"The expression of '{query['Id']}' gives no time series: return data only for those that do")
    several = isinstance(value, list)
    found = []
    for series in value if isinstance(value, list) else [value]:
        label = query.get("Label") or (series.label if query.get("MetricStat") else query["Id"])
        moments = sorted(series.points, reverse=not oldest_first)
        found.append(
            {
                "Id": query["Id"],
                "Label": f"{query.get('Label') or query['Id']} {series.label}" if several else label,
                "Timestamps": [float(at) for at in moments],
                "Values": [series.points[at] for at in moments],
                "StatusCode": "Complete",
            }
        )
    return found


def get_statistics(params: Mapping[str, Any]) -> dict[str, Any]:
    """Statistics of exactly one metric for each period that has data."""
    if not params.get("Statistics") and not params.get("ExtendedStatistics"):
        raise ServiceError("InvalidParameterCombination", "Either Statistics or ExtendedStatistics must be specified.")
    period, start, end = int(params["Period"]), params["StartTime"], params["EndTime"]
    if start >= end:
        raise ServiceError(
            "InvalidParameterCombination", "The parameter StartTime must be less than the parameter EndTime."
        )
    if (end - start) / period > _MOST_DATAPOINTS:
        raise ServiceError(
            "InvalidParameterCombination",
            f"You have requested up to {math.ceil((end - start) / period)} datapoints, which exceeds the limit of "
            f"{_MOST_DATAPOINTS}. You may reduce the datapoints requested by increasing Period, or decreasing the time "
            "range.",
        )
    for name in params.get("ExtendedStatistics") or []:
        if not statistics.known(name):
            raise ServiceError("InvalidParameterValue", f"The value {name} for ExtendedStatistics is not supported.")
    metric = {key: params.get(key) for key in ("Namespace", "MetricName", "Dimensions")}
    held = points_of({"Metric": metric, "Period": period, "Unit": params.get("Unit")}, start, end)
    datapoints = []
    for at, points in sorted(held.items()):
        point: dict[str, Any] = {"Timestamp": float(at), "Unit": points[0].get("Unit") or "None"}
        point |= {name: statistics.statistic(points, name) for name in params.get("Statistics") or []}
        extended = {
            name: value
            for name in params.get("ExtendedStatistics") or []
            if (value := statistics.statistic(points, name)) is not None
        }
        datapoints.append({**point, **({"ExtendedStatistics": extended} if extended else {})})
    return {"Label": params["MetricName"], "Datapoints": datapoints}
