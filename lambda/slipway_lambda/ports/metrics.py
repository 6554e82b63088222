"""CloudWatch: how often a metric of zeroes and ones was told, and how often it was one."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from slipway_lambda.ports.clients import client

MINUTE = 60


@dataclass(frozen=True)
class Totals:
    """Values, and their sum."""

    samples: int
    sum: int


class Metrics(Protocol):
    """Reads metrics."""

    def totals(self, namespace: str, name: str, dimensions: Mapping[str, str], start: float, end: float) -> Totals:
        """Of the whole minutes between two times in epoch seconds; nothing of the minute that `start` lies in."""


class CloudWatchMetrics:
    """The real ones."""

    def totals(self, namespace: str, name: str, dimensions: Mapping[str, str], start: float, end: float) -> Totals:
        begin, until = -(-start // MINUTE) * MINUTE, (end // MINUTE + 1) * MINUTE
        if until <= begin:
            return Totals(0, 0)
        answer = client("cloudwatch").get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": k, "Value": v} for k, v in dimensions.items()],
            StartTime=datetime.fromtimestamp(begin, tz=UTC),
            EndTime=datetime.fromtimestamp(until, tz=UTC),
            # At most 1,440 points are given.
            Period=MINUTE * (int((until - begin) / MINUTE / 1440) + 1),
            Statistics=["SampleCount", "Sum"],
        )
        points = answer["Datapoints"]
        return Totals(round(sum(p["SampleCount"] for p in points)), round(sum(p["Sum"] for p in points)))
