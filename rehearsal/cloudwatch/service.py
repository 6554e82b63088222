"""CloudWatch's alarm and metric actions in front of the emulator's service, which keeps the dashboards and tags."""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from rehearsal.adapter import Response
from rehearsal.cloudwatch import definitions, listing, metrics, wire
from rehearsal.cloudwatch.definitions import wrong
from rehearsal.cloudwatch.engine import Alarms
from rehearsal.cloudwatch.notify import record_history
from rehearsal.runtime import Runtime
from rehearsal.sagemaker.errors import ServiceError

_REFUSED = ("PutAnomalyDetector", "PutInsightRule", "PutMetricStream", "PutManagedInsightRules")
Handler = Callable[..., Awaitable[Response]]


class CloudWatch:
    """Answers the actions that it has; hands all others to `original`."""

    def __init__(self, original: Handler, runtime: Runtime) -> None:
        self._original, self._runtime = original, runtime
        self.alarms = Alarms(runtime)
        self._actions: dict[str, Callable[[dict[str, Any]], Mapping[str, Any] | None]] = {
            "PutMetricData": self._put_metric_data,
            "GetMetricData": metrics.get_data,
            "GetMetricStatistics": metrics.get_statistics,
            "ListMetrics": lambda params: listing.list_metrics(params, runtime.clock.now()),
            "PutMetricAlarm": self.put_metric_alarm,
            "PutCompositeAlarm": self.put_composite_alarm,
            "DescribeAlarms": self._describe,
            "DescribeAlarmsForMetric": self._describe_for_metric,
            "DescribeAlarmHistory": self._history,
            "DeleteAlarms": self.delete_alarms,
            "SetAlarmState": self._set_state,
            "EnableAlarmActions": lambda params: self._enable(params, enabled=True),
            "DisableAlarmActions": lambda params: self._enable(params, enabled=False),
        }

    async def handle_request(
        self, method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
    ) -> Response:
        """One request, authenticated and authorised already."""
        raw = body.encode() if isinstance(body, str) else body or b""
        action, protocol = wire.action_of(path, headers, raw, query), wire.protocol_of(headers)
        try:
            if action in _REFUSED:
                raise definitions.not_run(action)
            if action not in self._actions:
                return await self._original(method, path, headers, body, query)
            params = wire.decoded(action, protocol, raw, query)
            answer = await self._runtime.in_thread(self._actions[action], params)
        except ServiceError as error:
            return wire.refused(error, protocol)
        return wire.encoded(action, protocol, answer or {})

    def _put_metric_data(self, params: dict[str, Any]) -> None:
        metrics.put(params, self._runtime.clock.now())
        self.alarms.here()

    def put_metric_alarm(self, params: dict[str, Any]) -> None:
        """Create or change an alarm and evaluate it at once."""
        from ministack.services import cloudwatch

        with self.alarms.lock:
            before = cloudwatch._alarms.get(params["AlarmName"])
            record = definitions.metric_alarm(params, before, self._runtime.clock.now())
            self._keep(cloudwatch._alarms, record, before, params.get("Tags"))
            self.alarms.evaluate(record)

    def put_composite_alarm(self, params: dict[str, Any]) -> None:
        """Create or change a composite alarm and evaluate its rule at once."""
        from ministack.services import cloudwatch

        with self.alarms.lock:
            before = cloudwatch._composite_alarms.get(params["AlarmName"])
            known = frozenset((*cloudwatch._alarms.keys(), *cloudwatch._composite_alarms.keys()))
            record = definitions.composite_alarm(params, before, known, self._runtime.clock.now())
            self._keep(cloudwatch._composite_alarms, record, before, params.get("Tags"))
            self.alarms.evaluate(record)

    def _keep(
        self, table: Any, record: dict[str, Any], before: Mapping[str, Any] | None, tags: list[dict[str, str]] | None
    ) -> None:
        from ministack.services import cloudwatch

        other = cloudwatch._alarms if table is cloudwatch._composite_alarms else cloudwatch._composite_alarms
        if record["AlarmName"] in other:
            raise wrong(f"An alarm of another type with the name {record['AlarmName']} exists already")
        table[record["AlarmName"]] = record
        if before is None and tags:
            cloudwatch._resource_tags[record["AlarmArn"]] = {tag["Key"]: tag["Value"] for tag in tags}
        verb = "updated" if before else "created"
        shown = {key: value for key, value in record.items() if not key.startswith(("_", "State"))}
        data = {"type": "Update" if before else "Create", "version": "1.0", f"{verb}Alarm": shown}
        record_history(record, "ConfigurationUpdate", f'Alarm "{record["AlarmName"]}" {verb}', data)

    def delete_alarms(self, params: dict[str, Any]) -> None:
        """Names that are not there are ignored; an alarm that a composite one needs is kept."""
        from ministack.services import cloudwatch

        names = list(dict.fromkeys(params["AlarmNames"]))
        with self.alarms.lock:
            composites = [name for name in names if name in cloudwatch._composite_alarms]
            if len(composites) > 1:
                raise wrong(
                    f"Cannot delete [{len(composites)}] Composite Alarms as only one composite alarm delete is "
                    "allowed in single request"
                )
            for name in names:
                for parent in cloudwatch._composite_alarms.values():
                    if parent["AlarmName"] not in names and name in cloudwatch._composite_children(parent):
                        raise wrong(f"Cannot delete {name} as there are composite alarm(s) depending on it.")
            for name in names:
                record = cloudwatch._alarms.pop(name, None) or cloudwatch._composite_alarms.pop(name, None)
                if record is not None:
                    cloudwatch._resource_tags.pop(record["AlarmArn"], None)
                    record_history(record, "ConfigurationUpdate", f'Alarm "{name}" deleted', {"type": "Delete"})

    def _describe(self, params: dict[str, Any]) -> dict[str, Any]:
        from ministack.services import cloudwatch

        kinds = params.get("AlarmTypes") or ["MetricAlarm"]
        names, prefix = params.get("AlarmNames"), params.get("AlarmNamePrefix")
        parents, children = params.get("ParentsOfAlarmName"), params.get("ChildrenOfAlarmName")
        if names and prefix:
            raise wrong("AlarmNamePrefix and AlarmNames cannot both be specified")
        chosen: list[tuple[str, dict[str, Any]]] = []
        for kind, table in (("MetricAlarm", cloudwatch._alarms), ("CompositeAlarm", cloudwatch._composite_alarms)):
            chosen += [(kind, record) for record in list(table.values()) if kind in kinds or children or parents]

        def asked(record: Mapping[str, Any]) -> bool:
            name = record["AlarmName"]
            return (
                (not names or name in names)
                and (not prefix or name.startswith(prefix))
                and params.get("StateValue") in (None, record["StateValue"])
                and _acts_on(record, params.get("ActionPrefix"))
                and (not parents or ("AlarmRule" in record and parents in cloudwatch._composite_children(record)))
                and (not children or name in _children_of(children))
            )

        found = sorted(((kind, one) for kind, one in chosen if asked(one)), key=lambda pair: pair[1]["AlarmName"])
        token, most = params.get("NextToken"), int(params.get("MaxRecords") or 50)
        if token:
            found = [pair for pair in found if pair[1]["AlarmName"] >= token]
        page = found[:most]
        return {
            "MetricAlarms": [one for kind, one in page if kind == "MetricAlarm"],
            "CompositeAlarms": [one for kind, one in page if kind == "CompositeAlarm"],
            "NextToken": found[most][1]["AlarmName"] if len(found) > most else None,
        }

    @staticmethod
    def _describe_for_metric(params: dict[str, Any]) -> dict[str, Any]:
        from ministack.services import cloudwatch

        def of(record: Mapping[str, Any]) -> bool:
            return (
                record.get("MetricName") == params["MetricName"]
                and record.get("Namespace") == params["Namespace"]
                and _pairs(record.get("Dimensions")) == _pairs(params.get("Dimensions"))
                and all(
                    params.get(name) in (None, record.get(name))
                    for name in ("Period", "Statistic", "ExtendedStatistic", "Unit")
                )
            )

        return {"MetricAlarms": [record for record in cloudwatch._alarms.values() if of(record)]}

    @staticmethod
    def _history(params: dict[str, Any]) -> dict[str, Any]:
        from ministack.services import cloudwatch

        kinds = params.get("AlarmTypes") or ["MetricAlarm"]
        start, end = params.get("StartDate", 0.0), params.get("EndDate", 1e18)
        items = []
        for number, item in enumerate(list(cloudwatch._history_entries())):
            at = cloudwatch._parse_ts(item["Timestamp"])
            if (
                item.get("AlarmType", "MetricAlarm") in kinds
                and params.get("AlarmName") in (None, item["AlarmName"])
                and params.get("HistoryItemType") in (None, item["HistoryItemType"])
                and start <= at <= end
            ):
                items.append((number, {**item, "Timestamp": at}))
        if params.get("ScanBy") != "TimestampAscending":
            items.reverse()
        token, most = params.get("NextToken"), int(params.get("MaxRecords") or 50)
        if token:
            if not token.isdigit():
                raise ServiceError("InvalidNextToken", f"Invalid NextToken : {token}")
            first = next((index for index, (number, _) in enumerate(items) if number == int(token)), len(items))
            items = items[first:]
        return {
            "AlarmHistoryItems": [item for _, item in items[:most]],
            "NextToken": str(items[most][0]) if len(items) > most else None,
        }

    def _set_state(self, params: dict[str, Any]) -> None:
        alarm = self.alarms.find(params["AlarmName"])
        if alarm is None:
            raise ServiceError("ResourceNotFound", f"Alarm {params['AlarmName']} not found", 404)
        try:
            data = json.loads(params["StateReasonData"]) if params.get("StateReasonData") else None
        except ValueError:
            raise ServiceError("InvalidFormat", "StateReasonData is not JSON") from None
        self.alarms.set_state(alarm, params["StateValue"], params["StateReason"], data)

    def _enable(self, params: dict[str, Any], *, enabled: bool) -> None:
        self.alarms.each(lambda alarm: alarm.update(ActionsEnabled=enabled), params["AlarmNames"])


def _pairs(dimensions: Any) -> set[tuple[str, str]]:
    return {(one["Name"], one["Value"]) for one in dimensions or []}


def _acts_on(record: Mapping[str, Any], prefix: str | None) -> bool:
    names = ("OKActions", "AlarmActions", "InsufficientDataActions")
    return not prefix or any(action.startswith(prefix) for name in names for action in record.get(name) or [])


def _children_of(name: str) -> list[str]:
    from ministack.services import cloudwatch

    parent = cloudwatch._composite_alarms.get(name)
    return list(cloudwatch._composite_children(parent)) if parent else []
