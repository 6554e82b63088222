"""CloudWatch: what each of an endpoint's fleets answered, minute by minute."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from slipway_lambda.ports.clients import client

MOST_MINUTES = 1440
"""Points of one metric that the service gives in one answer."""


@dataclass(frozen=True)
class Minute:
    """Requests to one fleet in one minute, and those of them that the model answered with 4XX and with 5XX."""

    requests: int
    client_errors: int
    server_errors: int


class Fleets(Protocol):
    """Tells an endpoint's fleets apart by their endpoint configs."""

    def by_minute(self, endpoint: str, variant: str, config: str, start: float, end: float) -> Mapping[int, Minute]:
        """Minutes in which the fleet was asked, by their start in epoch seconds; of the last day before `end`."""


class CloudWatchFleets:
    """The real ones."""

    def by_minute(self, endpoint: str, variant: str, config: str, start: float, end: float) -> Mapping[int, Minute]:
        last = int(end) // 60 * 60 + 60
        first = max(int(start) // 60 * 60, last - 60 * MOST_MINUTES)
        names = {"EndpointName": endpoint, "VariantName": variant, "EndpointConfigName": config}
        requests = _sums("Invocations", names, first, last)
        if not requests:
            return {}
        refused = _sums("Invocation4XXErrors", names, first, last)
        failed = _sums("Invocation5XXErrors", names, first, last)
        return {m: Minute(n, min(refused.get(m, 0), n), min(failed.get(m, 0), n)) for m, n in requests.items() if n}


def _sums(metric: str, dimensions: Mapping[str, str], first: int, last: int) -> dict[int, int]:
    """By minute. A metric that is late leaves minutes out."""
    answer: dict[str, Any] = client("cloudwatch").get_metric_statistics(
        Namespace="AWS/SageMaker",
        MetricName=metric,
        Dimensions=[{"Name": k, "Value": v} for k, v in dimensions.items()],
        StartTime=datetime.fromtimestamp(first, tz=UTC),
        EndTime=datetime.fromtimestamp(last, tz=UTC),
        Period=60,
        Statistics=["Sum"],
    )
    return {int(p["Timestamp"].timestamp()): int(p["Sum"]) for p in answer["Datapoints"]}
