"""CloudWatch: the alarms that guard a release, and how much a fleet was asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from slipway_lambda.ports.clients import client

SETTINGS = (
    "AlarmName", "AlarmDescription", "ActionsEnabled", "OKActions", "AlarmActions", "InsufficientDataActions",
    "MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit", "EvaluationPeriods",
    "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData", "EvaluateLowSampleCountPercentile",
)  # fmt: skip
"""What PutMetricAlarm takes of what DescribeAlarms gives of a single metric's alarm, but for the dimensions."""


@dataclass(frozen=True)
class AlarmState:
    """`state`: OK, ALARM or INSUFFICIENT_DATA."""

    name: str
    state: str
    reason: str
    actions_enabled: bool
    dimensions: dict[str, str]


class Alarms(Protocol):
    """Reads alarms and metrics."""

    def describe(self, names: Sequence[str]) -> list[AlarmState]:
        """Those of the named metric alarms that exist."""

    def invocations(self, endpoint: str, variant: str, config: str, start: float, end: float) -> int:
        """Requests that the variant answered under one endpoint config, between two times in epoch seconds."""

    def aim(self, name: str, dimensions: Mapping[str, str]) -> None:
        """Make a metric alarm watch the same metric under other dimensions, and forget what it saw before."""


class CloudWatchAlarms:
    """The real ones."""

    def aim(self, name: str, dimensions: Mapping[str, str]) -> None:
        cloudwatch = client("cloudwatch")
        (alarm,) = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm"])["MetricAlarms"]
        kept = {k: alarm[k] for k in SETTINGS if alarm.get(k) is not None}
        cloudwatch.put_metric_alarm(**kept, Dimensions=[{"Name": k, "Value": v} for k, v in dimensions.items()])
        # A new definition keeps the old state: without data the next evaluation must speak first.
        cloudwatch.set_alarm_state(
            AlarmName=name, StateValue="INSUFFICIENT_DATA", StateReason="Aimed at a new fleet, not evaluated yet."
        )

    def describe(self, names: Sequence[str]) -> list[AlarmState]:
        answer = client("cloudwatch").describe_alarms(AlarmNames=list(names), AlarmTypes=["MetricAlarm"])
        return [_state(a) for a in answer["MetricAlarms"]]

    def invocations(self, endpoint: str, variant: str, config: str, start: float, end: float) -> int:
        # Whole minutes: the metric has one point a minute, at the minute's start.
        answer = client("cloudwatch").get_metric_statistics(
            Namespace="AWS/SageMaker",
            MetricName="Invocations",
            Dimensions=[
                {"Name": "EndpointName", "Value": endpoint},
                {"Name": "VariantName", "Value": variant},
                {"Name": "EndpointConfigName", "Value": config},
            ],
            StartTime=_minute(start),
            EndTime=_minute(end + 60),
            Period=_period(end - start),
            Statistics=["Sum"],
        )
        return int(sum(p["Sum"] for p in answer["Datapoints"]))


def _state(alarm: dict[str, Any]) -> AlarmState:
    return AlarmState(
        name=alarm["AlarmName"],
        state=alarm["StateValue"],
        reason=alarm.get("StateReason", ""),
        actions_enabled=alarm.get("ActionsEnabled", True),
        dimensions={d["Name"]: d["Value"] for d in alarm.get("Dimensions", [])},
    )


def _minute(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds - seconds % 60, tz=UTC)


def _period(span_seconds: float) -> int:
    """Whole minutes, so long that at most 1,440 points are asked for, as the service allows."""
    return max(60, 60 * (int(span_seconds / 60 / 1440) + 1))
