"""Lists of metrics and of their data come in pages that neither repeat nor lose anything."""

import uuid
from collections import defaultdict
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rehearsal.cloudwatch.paging import of_datapoints
from rehearsal.sagemaker.errors import ServiceError

pytestmark = pytest.mark.rehearsal


@pytest.fixture
def namespace() -> str:
    return f"Pages/{uuid.uuid4().hex[:8]}"


def queries(namespace: str, *names: str) -> list[dict[str, Any]]:
    return [
        {
            "Id": name.lower(),
            "MetricStat": {"Metric": {"Namespace": namespace, "MetricName": name}, "Period": 60, "Stat": "Sum"},
        }
        for name in names
    ]


def test_data_of_several_metrics_come_in_pages_of_so_many_values(stacks: Any, namespace: str) -> None:
    client, now = stacks.client("cloudwatch"), stacks.cloud.clock.now() // 60 * 60
    data = [
        {"MetricName": name, "Value": float(minute), "Timestamp": now - 60 * minute}
        for name in ("A", "B")
        for minute in range(1, 6)
    ]
    client.put_metric_data(Namespace=namespace, MetricData=data)
    asked = {"MetricDataQueries": queries(namespace, "A", "B"), "StartTime": now - 600, "EndTime": now}
    whole = client.get_metric_data(**asked)
    assert "NextToken" not in whole
    pages, token = [], None
    while True:
        page = client.get_metric_data(**asked, MaxDatapoints=3, **({"NextToken": token} if token else {}))
        pages.append(page)
        assert sum(len(one["Values"]) for one in page["MetricDataResults"]) == min(3, 10 - 3 * (len(pages) - 1))
        token = page.get("NextToken")
        if not token:
            break
        # What arrives between two pages moves nothing.
        client.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": "A", "Value": 1}])
    values = defaultdict(list)
    for page in pages:
        for one in page["MetricDataResults"]:
            values[one["Id"]] += one["Values"]
    assert values == {"a": [1.0, 2.0, 3.0, 4.0, 5.0], "b": [1.0, 2.0, 3.0, 4.0, 5.0]}
    statuses = [[one["StatusCode"] for one in page["MetricDataResults"]] for page in pages]
    assert statuses == [["PartialData"] * 2, ["PartialData"] * 2, ["Complete", "PartialData"], ["Complete"] * 2]


def test_a_token_of_another_request_and_too_large_a_page_are_refused(stacks: Any, namespace: str) -> None:
    client, now = stacks.client("cloudwatch"), stacks.cloud.clock.now() // 60 * 60
    data = [{"MetricName": "A", "Value": 1, "Timestamp": now - 60 * minute} for minute in (1, 2)]
    client.put_metric_data(Namespace=namespace, MetricData=data)
    asked = {"MetricDataQueries": queries(namespace, "A"), "StartTime": now - 600, "EndTime": now}
    token = client.get_metric_data(**asked, MaxDatapoints=1)["NextToken"]
    for wrong in ({"NextToken": token, "ScanBy": "TimestampAscending"}, {"NextToken": "1"}, {"NextToken": "!"}):
        with pytest.raises(client.exceptions.ClientError, match="InvalidNextToken"):
            client.get_metric_data(**asked, **wrong)
    for most in (0, 100_801):
        with pytest.raises(client.exceptions.ClientError, match="between 1 and 100800"):
            client.get_metric_data(**asked, MaxDatapoints=most)
    with pytest.raises(client.exceptions.ClientError, match="size greater than 500"):
        many = [{**queries(namespace, "A")[0], "Id": f"q{number}"} for number in range(501)]
        client.get_metric_data(**asked | {"MetricDataQueries": many})


def test_metrics_are_listed_500_a_page_and_by_what_they_are_asked_for(stacks: Any, namespace: str) -> None:
    client, now = stacks.client("cloudwatch"), stacks.cloud.clock.now()
    for number in range(501):
        datum = {"MetricName": f"M{number:03}", "Value": 1, "Dimensions": [{"Name": "Of", "Value": str(number % 2)}]}
        old = {"Timestamp": now - 4 * 3600} if number == 7 else {}
        client.put_metric_data(Namespace=namespace, MetricData=[{**datum, **old}])
    first = client.list_metrics(Namespace=namespace)
    assert len(first["Metrics"]) == 500
    rest = client.list_metrics(Namespace=namespace, NextToken=first["NextToken"])
    assert "NextToken" not in rest
    names = [one["MetricName"] for one in first["Metrics"] + rest["Metrics"]]
    assert names == [f"M{number:03}" for number in range(501)]
    odd = client.list_metrics(Namespace=namespace, Dimensions=[{"Name": "Of", "Value": "1"}])["Metrics"]
    assert len(odd) == 250
    assert client.list_metrics(Namespace=namespace, Dimensions=[{"Name": "Other"}])["Metrics"] == []
    pages = client.get_paginator("list_metrics").paginate(Namespace=namespace, RecentlyActive="PT3H")
    recent = [one["MetricName"] for page in pages for one in page["Metrics"]]
    assert len(recent) == 500
    assert "M007" not in recent
    with pytest.raises(client.exceptions.ClientError, match="InvalidNextToken"):
        client.list_metrics(Namespace="Other", NextToken=first["NextToken"])
    with pytest.raises(client.exceptions.ClientError, match="no monitoring accounts"):
        client.list_metrics(IncludeLinkedAccounts=True)


@settings(max_examples=60, deadline=None)
@given(
    series=st.lists(st.lists(st.integers(0, 30), unique=True, max_size=12), min_size=1, max_size=4),
    most=st.integers(1, 9),
    ascending=st.booleans(),
)
def test_pages_put_together_are_the_whole(series: list[list[int]], most: int, ascending: bool) -> None:
    params: dict[str, Any] = {"MaxDatapoints": most, "ScanBy": "TimestampAscending" if ascending else None}
    results = [
        {"Timestamps": times, "Values": [10 * at for at in times]}
        for times in (sorted(one, reverse=not ascending) for one in series)
    ]
    joined: list[list[int]] = [[] for _ in series]
    for _ in range(60):
        page = of_datapoints(params, results)
        for whole, one in zip(joined, page["MetricDataResults"], strict=True):
            assert one["Values"] == [10 * at for at in one["Timestamps"]]
            whole.extend(one["Timestamps"])
        if "NextToken" not in page:
            break
        params["NextToken"] = page["NextToken"]
    assert joined == [one["Timestamps"] for one in results]


def test_a_torn_token_is_refused() -> None:
    with pytest.raises(ServiceError, match="next token"):
        of_datapoints({"NextToken": "WyJ4Il0="}, [])
