"""ListMetrics: which metrics there are, in one order, 500 a page."""

from collections.abc import Mapping
from typing import Any

from rehearsal.cloudwatch import paging
from rehearsal.cloudwatch.definitions import wrong

PAGE = 500
_KEPT_SECONDS, _RECENT_SECONDS = 14 * 86_400, 3 * 3600
_Metric = tuple[str, str, tuple[tuple[str, str], ...]]


def list_metrics(params: Mapping[str, Any], now: float) -> dict[str, Any]:
    """One page of the metrics with data in the last two weeks, or three hours if only active ones are asked for."""
    if params.get("IncludeLinkedAccounts") or params.get("OwningAccount"):
        raise wrong("The embedded cloud has no monitoring accounts: leave IncludeLinkedAccounts and OwningAccount out")
    age_seconds = _RECENT_SECONDS if params.get("RecentlyActive") else _KEPT_SECONDS
    chosen = sorted(one for one in _stored(now - age_seconds) if _asked(one, params))
    start = paging.after(params, 3)
    if start is not None:
        chosen = [one for one in chosen if _key(one) > start]
    page = chosen[:PAGE]
    return {
        "Metrics": [_shown(one) for one in page],
        "NextToken": paging.token(params, _key(page[-1])) if len(chosen) > PAGE else None,
    }


def _stored(since: float) -> list[_Metric]:
    from ministack.services import cloudwatch

    return [
        (namespace, name, tuple(sorted((points[0].get("Dimensions") or {}).items())))
        for (namespace, name, _), points in list(cloudwatch._metrics.items())
        if any(point["Timestamp"] >= since for point in reversed(points))
    ]


def _asked(metric: _Metric, params: Mapping[str, Any]) -> bool:
    namespace, name, dimensions = metric
    has = dict(dimensions)
    return (
        params.get("Namespace") in (None, namespace)
        and params.get("MetricName") in (None, name)
        and all(
            one["Name"] in has and one.get("Value") in (None, has[one["Name"]])
            for one in params.get("Dimensions") or []
        )
    )


def _key(metric: _Metric) -> list[Any]:
    return [metric[0], metric[1], [list(pair) for pair in metric[2]]]


def _shown(metric: _Metric) -> dict[str, Any]:
    dimensions = [{"Name": name, "Value": value} for name, value in metric[2]]
    return {"Namespace": metric[0], "MetricName": metric[1], "Dimensions": dimensions}
