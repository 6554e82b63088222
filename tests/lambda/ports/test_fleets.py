"""Counts by minute, against botocore's own request and response shapes."""

from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from slipway_lambda.ports import fleets
from slipway_lambda.ports.fleets import CloudWatchFleets, Minute


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    """In place of CloudWatch."""
    client = boto3.client("cloudwatch", region_name="eu-west-1", aws_access_key_id="x", aws_secret_access_key="x")
    monkeypatch.setattr(fleets, "client", lambda _: client)
    stubber = Stubber(client)
    stubber.activate()
    return stubber


def answers(stub: Stubber, metric: str, sums: dict[int, float], start: int = 120, end: int = 360) -> None:
    """The next request is for this metric, by minute, of one fleet in whole minutes."""
    dimensions = {"EndpointName": "e", "VariantName": "main", "EndpointConfigName": "c2"}
    request: dict[str, Any] = {
        "Namespace": "AWS/SageMaker",
        "MetricName": metric,
        "Dimensions": [{"Name": k, "Value": v} for k, v in dimensions.items()],
        "StartTime": datetime.fromtimestamp(start, tz=UTC),
        "EndTime": datetime.fromtimestamp(end, tz=UTC),
        "Period": 60,
        "Statistics": ["Sum"],
    }
    points = [{"Timestamp": datetime.fromtimestamp(m, tz=UTC), "Sum": n} for m, n in sums.items()]
    stub.add_response("get_metric_statistics", {"Label": metric, "Datapoints": points}, request)


def test_minutes_join_what_three_metrics_say(stub: Stubber) -> None:
    answers(stub, "Invocations", {120: 50.0, 180: 40.0, 240: 0.0})
    answers(stub, "Invocation4XXErrors", {180: 2.0})
    answers(stub, "Invocation5XXErrors", {120: 1.0, 180: 41.0})
    found = CloudWatchFleets().by_minute("e", "main", "c2", 125.5, 301.0)
    assert found == {120: Minute(50, 0, 1), 180: Minute(40, 2, 40)}  # never more errors than requests
    stub.assert_no_pending_responses()


def test_a_fleet_that_was_not_asked_needs_one_call(stub: Stubber) -> None:
    answers(stub, "Invocations", {})
    assert CloudWatchFleets().by_minute("e", "main", "c2", 120, 300) == {}
    stub.assert_no_pending_responses()


def test_more_than_a_day_is_cut_to_what_one_answer_holds(stub: Stubber) -> None:
    answers(stub, "Invocations", {}, start=864_060 - 86_400, end=864_060)
    assert CloudWatchFleets().by_minute("e", "main", "c2", 0, 864_000) == {}
    stub.assert_no_pending_responses()
