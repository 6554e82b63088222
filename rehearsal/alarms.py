"""CloudWatch alarms as documented: own dimensions, a statistic for each period, M of N, missing data, cloud time."""

import math
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from rehearsal.adapter import scope_of_request
from rehearsal.cloudtime import CloudTimeModule
from rehearsal.emulator import EmulatorHost, within
from rehearsal.host import Scope
from rehearsal.runtime import Runtime

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
# These can only grow within a period, so a breach of an upper bound stands before the period ends.
_GROWING = ("Sum", "Maximum", "SampleCount")
# CloudWatch looks at more periods than it evaluates, so that one late data point is not "missing".
_EXTRA_PERIODS = 2


def module_time(_: ModuleType, runtime: Runtime) -> CloudTimeModule:
    """The module's `time` on cloud time."""
    return CloudTimeModule(runtime.clock)


def evaluate_alarm(_: Callable[..., None], runtime: Runtime) -> Callable[[dict[str, Any]], None]:
    """Bring one alarm's state up to date and act on a change."""
    from ministack.services import cloudwatch

    def evaluate(alarm: dict[str, Any]) -> None:
        if not alarm.get("MetricName"):
            return
        points = datapoints(alarm, cloudwatch, runtime.clock.now())
        old, new = alarm["StateValue"], state(alarm, points)
        if new == old:
            return
        seen = ", ".join(f"{point:g}" for point in points if point is not None) or "no data"
        reason = f"Threshold Crossed: [{seen}] {alarm['ComparisonOperator']} {alarm['Threshold']}"
        alarm.update(StateValue=new, StateReason=reason, StateUpdatedTimestamp=int(runtime.clock.now()))
        cloudwatch._record_history(alarm["AlarmName"], old, new, reason)
        cloudwatch._dispatch_alarm_actions(alarm, old, new, reason)
        cloudwatch._evaluate_parent_alarms(alarm)

    return evaluate


def datapoints(alarm: Mapping[str, Any], cloudwatch: Any, now: float) -> list[float | None]:
    """One value for each period of the evaluation range, newest first; None where there is no data."""
    period, periods = int(alarm["Period"]), int(alarm["EvaluationPeriods"])
    dimensions = cloudwatch._dims_key(cloudwatch._dims_from_list(alarm.get("Dimensions") or []))
    points = cloudwatch._metrics.get((alarm["Namespace"], alarm["MetricName"], dimensions)) or []
    statistic = alarm.get("ExtendedStatistic") or alarm.get("Statistic") or "Average"

    def value(start: float) -> float | None:
        inside = [point for point in points if start <= point["Timestamp"] < start + period]
        if not inside:
            return None
        found = cloudwatch._stat_value(cloudwatch._calc_stats(inside), statistic, inside)
        return None if found is None or math.isnan(found) else float(found)

    current = math.floor(now / period) * period
    values = [value(current - index * period) for index in range(1, periods + _EXTRA_PERIODS + 1)]
    partial = value(current)
    upper = str(alarm["ComparisonOperator"]).startswith("Greater") and statistic in _GROWING
    if partial is not None and upper and _COMPARE[alarm["ComparisonOperator"]](partial, float(alarm["Threshold"])):
        values = [partial, *values[:-1]]
    return values


def state(alarm: Mapping[str, Any], points: Sequence[float | None]) -> str:
    """The state that the documented tables for missing data give."""
    periods = int(alarm["EvaluationPeriods"])
    needed = int(alarm.get("DatapointsToAlarm") or periods)
    treat = alarm.get("TreatMissingData") or "missing"
    compare, threshold = _COMPARE[alarm["ComparisonOperator"]], float(alarm["Threshold"])
    breaches = [compare(point, threshold) for point in points if point is not None][:periods]
    missing = periods - len(breaches)
    if not breaches:
        nothing = {
            "missing": "INSUFFICIENT_DATA",
            "ignore": alarm["StateValue"],
            "breaching": "ALARM",
            "notBreaching": "OK",
        }
        return str(nothing[treat])
    breaching = sum(breaches) + (missing if treat == "breaching" else 0)
    if breaching >= needed:
        return "ALARM"
    if missing and all(breaches) and treat in ("missing", "ignore"):
        return "ALARM" if treat == "missing" else str(alarm["StateValue"])
    return "OK"


def dispatch(original: Callable[..., None], runtime: Runtime) -> Callable[..., None]:
    """Every change is an EventBridge event; actions may also be Lambda functions."""
    from ministack.services import eventbridge

    def act(alarm: dict[str, Any], old: str, new: str, reason: str) -> None:
        original(alarm, old, new, reason)
        at = runtime.clock.datetime().strftime("%Y-%m-%dT%H:%M:%S.000+0000")
        detail = {
            "alarmName": alarm["AlarmName"],
            "state": {"value": new, "reason": reason, "timestamp": at},
            "previousState": {"value": old},
            "configuration": _configuration(alarm),
        }
        scope = scope_of_request()
        EmulatorHost(runtime).publish(
            "aws.cloudwatch", "CloudWatch Alarm State Change", [alarm["AlarmArn"]], detail, scope
        )
        if not alarm.get("ActionsEnabled", True):
            return
        field = {"ALARM": "AlarmActions", "OK": "OKActions"}.get(new, "InsufficientDataActions")
        for action in alarm.get(field) or []:
            if action.startswith("arn:aws:lambda:"):
                import json

                event = {"source": "aws.cloudwatch", "alarmArn": alarm["AlarmArn"], "alarmData": detail}
                eventbridge._dispatch_to_lambda(action, json.dumps(event))

    return act


def _configuration(alarm: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"description": alarm.get("AlarmDescription", "")}
    if alarm.get("MetricName"):
        dimensions = {item["Name"]: item["Value"] for item in alarm.get("Dimensions") or []}
        metric = {"namespace": alarm["Namespace"], "name": alarm["MetricName"], "dimensions": dimensions}
        stat = alarm.get("ExtendedStatistic") or alarm.get("Statistic")
        found["metrics"] = [
            {"id": "m1", "metricStat": {"metric": metric, "period": alarm["Period"], "stat": stat}, "returnData": True}
        ]
    return found


def evaluate_everywhere() -> None:
    """Look at the alarms of every account and region, as CloudWatch does without being asked."""
    from ministack.services import cloudwatch

    for account, region in {(key[0], key[1]) for key in list(cloudwatch._alarms._data)}:
        within(Scope(account, region), cloudwatch._evaluate_all_alarms)
