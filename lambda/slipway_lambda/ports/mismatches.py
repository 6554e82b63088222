"""Where wrong answers to golden records are counted."""

from typing import Protocol

from slipway_lambda.contracts.golden import MISMATCHES, NAMESPACE, dimensions
from slipway_lambda.ports.clients import client


class Mismatches(Protocol):
    """Counts."""

    def publish(self, endpoint: str, wrong: int) -> None:
        """So many wrong answers in one probe; 0 is published too."""


class CloudWatchMismatches:
    """The real one."""

    def publish(self, endpoint: str, wrong: int) -> None:
        client("cloudwatch").put_metric_data(
            Namespace=NAMESPACE,
            MetricData=[
                {
                    "MetricName": MISMATCHES,
                    "Dimensions": [{"Name": k, "Value": v} for k, v in dimensions(endpoint).items()],
                    "Value": float(wrong),
                    "Unit": "Count",
                    # Of a metric at the usual resolution an alarm cannot have periods under a minute.
                    "StorageResolution": 1,
                }
            ],
        )
