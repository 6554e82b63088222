"""What follows a change of state: history, the EventBridge event, and the alarm's actions."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.adapter import scope_of_request
from rehearsal.alarms import metric_stat, stamp
from rehearsal.emulator import EmulatorHost
from rehearsal.iam.delivery import deliver
from rehearsal.runtime import Runtime

FIELD = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}
# Scaling goes on once a minute for as long as the alarm stays; all other actions follow a change only.
AGAIN_SECONDS = 60.0
# Action ARNs that CloudWatch takes and the embedded cloud has nothing behind.
REFUSED = ("arn:aws:ssm:", "arn:aws:ssm-incidents:", "arn:aws:automate:", "arn:aws:swf:", "arn:aws:aiops:")
# Whose policy must let CloudWatch in, and by which name it calls.
_CALLS_AS = {"sns": "cloudwatch.amazonaws.com", "lambda": "lambda.alarms.cloudwatch.amazonaws.com"}
_log = logging.getLogger("slipway.alarms")


class Notifier:
    """Carries out what alarms ask for. `scale(policy_arn, alarm)` is Application Auto Scaling's."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self.scale: Callable[[str, Mapping[str, Any]], None] | None = None

    def changed(self, alarm: dict[str, Any], before: Mapping[str, Any]) -> None:
        """Tell the history and the bus; `before` is the alarm's state fields until now."""
        record_history(
            alarm,
            "StateUpdate",
            f"Alarm updated from {before['StateValue']} to {alarm['StateValue']}",
            {
                "version": "1.0",
                "oldState": _state_of_history(before),
                "newState": _state_of_history(alarm),
            },
        )
        EmulatorHost(self._runtime).publish(
            "aws.cloudwatch",
            "CloudWatch Alarm State Change",
            [alarm["AlarmArn"]],
            detail(alarm, before),
            scope_of_request(),
        )

    def act(self, alarm: dict[str, Any], before: Mapping[str, Any], *, only_scaling: bool = False) -> None:
        """Call every action of the state the alarm is in; a failure is written to the history, as CloudWatch does."""
        alarm["_acted"] = self._runtime.clock.now()
        if not alarm.get("ActionsEnabled", True):
            return
        for action in alarm.get(FIELD[alarm["StateValue"]]) or []:
            scaling = action.startswith("arn:aws:autoscaling:")
            if only_scaling and not scaling:
                continue
            try:
                self._one(action, alarm, before)
            except Exception as error:
                _log.exception("alarm %s: action %s", alarm["AlarmName"], action)
                self._tell(alarm, action, "Failed", str(error))
            else:
                self._tell(alarm, action, "Succeeded", "")

    def _one(self, action: str, alarm: dict[str, Any], before: Mapping[str, Any]) -> None:
        from ministack.core.responses import new_uuid
        from ministack.services import eventbridge, sns

        scope = scope_of_request()
        if service := _CALLS_AS.get(action.split(":")[2]):
            deliver(self._runtime.authority, service, alarm["AlarmArn"], action, scope)
        if action.startswith("arn:aws:lambda:"):
            event = {
                "source": "aws.cloudwatch",
                "alarmArn": alarm["AlarmArn"],
                "accountId": scope.account,
                "time": stamp(alarm["StateUpdatedTimestamp"]),
                "region": scope.region,
                "alarmData": detail(alarm, before),
            }
            eventbridge._dispatch_to_lambda(action, json.dumps(event))
        elif action.startswith("arn:aws:sns:"):
            subject = f'{alarm["StateValue"]}: "{alarm["AlarmName"]}" in {scope.region}'[:100]
            if action not in sns._topics:
                raise ValueError(f"Resource with ARN {action} does not exist")
            sns._fanout(action, new_uuid(), json.dumps(_message(alarm, before, scope)), subject)
        elif action.startswith("arn:aws:autoscaling:") and self.scale is not None:
            self.scale(action, alarm)

    @staticmethod
    def _tell(alarm: Mapping[str, Any], action: str, outcome: str, error: str) -> None:
        data: dict[str, Any] = {"actionState": outcome, "notificationResource": action, "stateUpdateTimestamp": 0}
        data["stateUpdateTimestamp"] = int(alarm["StateUpdatedTimestamp"] * 1000)
        record_history(
            alarm,
            "Action",
            f"{'Successfully executed' if outcome == 'Succeeded' else 'Failed to execute'} action {action}",
            data | ({"error": error} if error else {}),
        )


def record_history(alarm: Mapping[str, Any], kind: str, summary: str, data: Mapping[str, Any]) -> None:
    """Append one item to the alarm history of the account and region."""
    from ministack.services import cloudwatch

    cloudwatch._history_entries().append(
        {
            "AlarmName": alarm["AlarmName"],
            "AlarmType": "CompositeAlarm" if "AlarmRule" in alarm else "MetricAlarm",
            "Timestamp": cloudwatch._ts_iso(cloudwatch.time.time()),
            "HistoryItemType": kind,
            "HistorySummary": summary,
            "HistoryData": json.dumps(data),
        }
    )


def detail(alarm: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """The event's detail: both states and the alarm's configuration."""
    return {
        "alarmName": alarm["AlarmName"],
        "state": _state(alarm, suppressed=True),
        "previousState": _state(before),
        "configuration": _configuration(alarm),
    }


def _state(alarm: Mapping[str, Any], *, suppressed: bool = False) -> dict[str, Any]:
    found = {
        "value": alarm["StateValue"],
        "reason": alarm.get("StateReason", ""),
        "timestamp": stamp(alarm["StateUpdatedTimestamp"]),
    }
    if alarm.get("StateReasonData"):
        found["reasonData"] = alarm["StateReasonData"]
    if suppressed and alarm.get("ActionsSuppressedBy"):
        found["actionsSuppressedBy"] = alarm["ActionsSuppressedBy"]
        found["actionsSuppressedReason"] = alarm.get("ActionsSuppressedReason", "")
    return found


def _state_of_history(alarm: Mapping[str, Any]) -> dict[str, Any]:
    found = {"stateValue": alarm["StateValue"], "stateReason": alarm.get("StateReason", "")}
    if alarm.get("StateReasonData"):
        found["stateReasonData"] = json.loads(alarm["StateReasonData"])
    return found


def _configuration(alarm: Mapping[str, Any]) -> dict[str, Any]:
    if "AlarmRule" in alarm:
        return {
            name[:1].lower() + name[1:]: alarm[name]
            for name in (
                "AlarmRule",
                "ActionsSuppressor",
                "ActionsSuppressorWaitPeriod",
                "ActionsSuppressorExtensionPeriod",
            )
            if alarm.get(name) is not None
        }
    found: dict[str, Any] = {"description": alarm["AlarmDescription"]} if alarm.get("AlarmDescription") else {}
    if alarm.get("MetricName"):
        found["metrics"] = [{"id": "m1", "metricStat": _lower_stat(metric_stat(alarm)), "returnData": True}]
    else:
        found["metrics"] = [_lower_query(query) for query in alarm.get("Metrics") or []]
    return found


def _lower_stat(stat: Mapping[str, Any]) -> dict[str, Any]:
    metric = stat["Metric"]
    return {
        "metric": {
            "namespace": metric["Namespace"],
            "name": metric["MetricName"],
            "dimensions": {item["Name"]: item["Value"] for item in metric.get("Dimensions") or []},
        },
        "period": int(stat["Period"]),
        "stat": stat["Stat"],
        **({"unit": stat["Unit"]} if stat.get("Unit") else {}),
    }


def _lower_query(query: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"id": query["Id"]}
    if query.get("MetricStat"):
        found["metricStat"] = _lower_stat(query["MetricStat"])
    else:
        found["expression"] = query["Expression"]
    if query.get("Label"):
        found["label"] = query["Label"]
    return found | {"returnData": bool(query.get("ReturnData", True))}


def _message(alarm: Mapping[str, Any], before: Mapping[str, Any], scope: Any) -> dict[str, Any]:
    """The notification's text."""
    found = {
        "AlarmName": alarm["AlarmName"],
        "AlarmDescription": alarm.get("AlarmDescription"),
        "AWSAccountId": scope.account,
        "AlarmConfigurationUpdatedTimestamp": stamp(alarm["AlarmConfigurationUpdatedTimestamp"]),
        "NewStateValue": alarm["StateValue"],
        "NewStateReason": alarm["StateReason"],
        "StateChangeTime": stamp(alarm["StateUpdatedTimestamp"]),
        "Region": scope.region,
        "AlarmArn": alarm["AlarmArn"],
        "OldStateValue": before["StateValue"],
        **{name: alarm.get(name) or [] for name in ("OKActions", "AlarmActions", "InsufficientDataActions")},
    }
    if "AlarmRule" in alarm:
        children = json.loads(alarm.get("StateReasonData") or "{}").get("triggeringAlarms", [])
        return found | {"AlarmRule": alarm["AlarmRule"], "TriggeringChildren": children}
    trigger = {
        "Period": alarm.get("Period"),
        "EvaluationPeriods": alarm["EvaluationPeriods"],
        "DatapointsToAlarm": alarm.get("DatapointsToAlarm"),
        "ComparisonOperator": alarm["ComparisonOperator"],
        "Threshold": alarm["Threshold"],
        "TreatMissingData": alarm.get("TreatMissingData", "missing"),
        "EvaluateLowSampleCountPercentile": alarm.get("EvaluateLowSampleCountPercentile", ""),
    }
    if alarm.get("MetricName"):
        extended = alarm.get("ExtendedStatistic")
        trigger |= {
            "MetricName": alarm["MetricName"],
            "Namespace": alarm["Namespace"],
            "StatisticType": "ExtendedStatistic" if extended else "Statistic",
            **({"ExtendedStatistic": extended} if extended else {"Statistic": _upper(alarm.get("Statistic"))}),
            "Unit": alarm.get("Unit"),
            "Dimensions": [{"value": item["Value"], "name": item["Name"]} for item in alarm.get("Dimensions") or []],
        }
    else:
        trigger["Metrics"] = [_told_query(query) for query in alarm["Metrics"]]
    return found | {"Trigger": trigger}


def _upper(statistic: str | None) -> str:
    return {"SampleCount": "SAMPLE_COUNT"}.get(str(statistic), str(statistic).upper())


def _told_query(query: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in query.items() if not key.startswith("_")}
