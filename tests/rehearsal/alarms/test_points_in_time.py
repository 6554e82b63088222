"""Points of a metric from some time on: found without reading all there are, whatever order they came in."""

import math
import random
from typing import Any

import pytest

from rehearsal.cloudwatch.series import points_of

PERIOD = 7
DIMENSIONS = [{"Name": "EndpointName", "Value": "e"}]


@pytest.fixture
def points() -> Any:
    """The emulator's list of one metric's points."""
    from ministack.services import cloudwatch

    key = ("Points", "InTime", cloudwatch._dims_key(cloudwatch._dims_from_list(DIMENSIONS)))
    yield cloudwatch._metric_bucket(key)
    del cloudwatch._metrics[key]


def found(start: float, end: float) -> dict[int, list[Any]]:
    metric = {"Namespace": "Points", "MetricName": "InTime", "Dimensions": DIMENSIONS}
    return points_of({"Metric": metric, "Period": PERIOD, "Stat": "Sum"}, start, end)


@pytest.mark.parametrize("disorder", [0.0, 5.0, 100.0])
def test_they_are_those_that_a_look_at_all_finds(points: list[Any], disorder: float) -> None:
    random.seed(11)
    for now in range(200):
        for _ in range(random.randrange(4)):
            points.append({"Timestamp": now + random.uniform(-disorder, disorder), "Value": 1.0, "Count": 1.0})
        start = random.uniform(0, now)
        wanted: dict[int, list[Any]] = {}
        for point in points:
            if start <= point["Timestamp"] < now:
                wanted.setdefault(math.floor(point["Timestamp"] / PERIOD) * PERIOD, []).append(point)
        assert found(start, now) == wanted


def test_another_list_in_its_place_is_read_anew(points: list[Any]) -> None:
    from ministack.services import cloudwatch

    points += [{"Timestamp": at, "Value": 1.0, "Count": 1.0} for at in range(20)]
    assert sum(map(len, found(0, 50).values())) == 20
    key = next(k for k in cloudwatch._metrics if k[0] == "Points")
    cloudwatch._metrics[key] = points[15:]
    assert sum(map(len, found(0, 50).values())) == 5
