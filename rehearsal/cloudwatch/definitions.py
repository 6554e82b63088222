"""What PutMetricAlarm and PutCompositeAlarm accept, and the record they make of it."""

from collections.abc import Mapping
from typing import Any

from rehearsal.adapter import scope_of_request
from rehearsal.alarms import COMPARE
from rehearsal.cloudwatch import statistics
from rehearsal.cloudwatch.notify import REFUSED
from rehearsal.cloudwatch.series import refuse_wrong
from rehearsal.metric_math import MathError
from rehearsal.sagemaker.errors import ServiceError

_DAY, _WEEK = 86_400, 604_800
_ACTIONS = ("OKActions", "AlarmActions", "InsufficientDataActions")
_SHORT_PERIODS = (10, 20, 30)
_KEPT_OF_BEFORE = (
    "StateValue",
    "StateReason",
    "StateReasonData",
    "StateUpdatedTimestamp",
    "StateTransitionedTimestamp",
    "_acted",
)


def wrong(message: str) -> ServiceError:
    """CloudWatch's answer to parameters that do not fit together."""
    return ServiceError("ValidationError", message)


def not_run(what: str) -> ServiceError:
    """A feature of the service that the embedded cloud lacks: never a silent success."""
    return wrong(f"The embedded cloud does not run {what}. Leave it out of the rehearsal, or try it on a real account.")


def metric_alarm(params: Mapping[str, Any], before: Mapping[str, Any] | None, now: float) -> dict[str, Any]:
    """The record of a metric alarm; an alarm that was there keeps its state."""
    record = {key: value for key, value in params.items() if key != "Tags"}
    if record.get("ThresholdMetricId") or record["ComparisonOperator"] not in COMPARE:
        raise not_run("alarms on anomaly detection bands")
    for extra in ("EvaluationCriteria", "EvaluationInterval", "EvaluationWindow", "WarmUpConfiguration"):
        if record.get(extra):
            raise not_run(f"alarms with {extra}")
    if record.get("Threshold") is None:
        raise wrong("Threshold is required for alarms that are not based on anomaly detection")
    if bool(record.get("MetricName")) == bool(record.get("Metrics")):
        raise wrong("Exactly one of MetricName and Metrics must be specified")
    _refuse_actions(record)
    periods = int(record["EvaluationPeriods"])
    if int(record.get("DatapointsToAlarm") or periods) > periods:
        raise wrong("DatapointsToAlarm must be less than or equal to EvaluationPeriods")
    period = _queries(record) if record.get("Metrics") else _own_metric(record)
    longest = _WEEK if period >= 3600 else _DAY
    if period * periods > longest:
        raise wrong(
            f"Metrics cannot be checked across more than {'seven days' if longest == _WEEK else 'a day'} "
            f"(EvaluationPeriods * Period must be <= {longest})."
        )
    if record.get("TreatMissingData", "missing") not in ("breaching", "notBreaching", "ignore", "missing"):
        raise wrong("TreatMissingData must be breaching, notBreaching, ignore or missing")
    if record.get("EvaluateLowSampleCountPercentile") not in (None, "", "evaluate", "ignore"):
        raise wrong("EvaluateLowSampleCountPercentile must be evaluate or ignore")
    return _finished(record, before, now)


def composite_alarm(
    params: Mapping[str, Any], before: Mapping[str, Any] | None, known: frozenset[str], now: float
) -> dict[str, Any]:
    """The record of a composite alarm over alarms that exist (`known` names)."""
    from ministack.services import cloudwatch

    record = {key: value for key, value in params.items() if key != "Tags"}
    _refuse_actions(record, composite=True)
    try:
        references = cloudwatch._rule_refs(cloudwatch._parse_alarm_rule(record["AlarmRule"]))
    except ValueError as fault:
        raise wrong(str(fault)) from None
    missing = [
        reference if reference.startswith("arn:") else _arn(reference)
        for reference in dict.fromkeys(references)
        if cloudwatch._rule_ref_name(reference) not in known
    ]
    if missing:
        raise wrong(
            f"Could not save the composite alarm as alarms [{', '.join(missing)}] in the alarm rule do not exist"
        )
    suppressor = record.get("ActionsSuppressor")
    if suppressor and (suppressor.rpartition(":alarm:")[2] or suppressor) not in known:
        raise wrong(f"Could not save the composite alarm as the actions suppressor {suppressor} does not exist")
    for name in ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod"):
        if suppressor and record.get(name) is None:
            raise wrong(f"{name} is required with ActionsSuppressor")
        if not suppressor and record.get(name) is not None:
            raise wrong(f"{name} needs an ActionsSuppressor")
    return _finished(record, before, now)


def _arn(name: str) -> str:
    scope = scope_of_request()
    return f"arn:aws:cloudwatch:{scope.region}:{scope.account}:alarm:{name}"


def _finished(record: dict[str, Any], before: Mapping[str, Any] | None, now: float) -> dict[str, Any]:
    record |= {"AlarmArn": _arn(record["AlarmName"]), "AlarmConfigurationUpdatedTimestamp": now}
    record["ActionsEnabled"] = bool(record.get("ActionsEnabled", True))
    for name in _ACTIONS:
        record[name] = list(record.get(name) or [])
    fresh = {
        "StateValue": "INSUFFICIENT_DATA",
        "StateReason": "Unchecked: Initial alarm creation",
        "StateUpdatedTimestamp": now,
        "StateTransitionedTimestamp": now,
    }
    kept = {name: before[name] for name in _KEPT_OF_BEFORE if name in before} if before else fresh
    return record | kept


def _refuse_actions(record: Mapping[str, Any], *, composite: bool = False) -> None:
    for action in (one for name in _ACTIONS for one in record.get(name) or []):
        if action.startswith(REFUSED):
            raise not_run(f"the alarm action {action}")
        allowed = ("arn:aws:sns:", "arn:aws:lambda:") if composite else (
            "arn:aws:sns:", "arn:aws:lambda:", "arn:aws:autoscaling:",
        )  # fmt: skip
        if not action.startswith(allowed):
            raise wrong(f"Invalid arn syntax: {action}")


def _own_metric(record: dict[str, Any]) -> int:
    if not record.get("Namespace"):
        raise wrong("Namespace is required with MetricName")
    if bool(record.get("Statistic")) == bool(record.get("ExtendedStatistic")):
        raise wrong("Exactly one of Statistic and ExtendedStatistic must be specified")
    extended = record.get("ExtendedStatistic")
    if extended and (not statistics.known(extended) or extended in statistics.BASIC):
        raise wrong(f"The value {extended} for parameter ExtendedStatistic is not supported.")
    if record.get("Period") is None:
        raise wrong("Period is required with MetricName")
    _refuse_period(int(record["Period"]))
    return int(record["Period"])


def _refuse_period(period: int) -> None:
    if period not in _SHORT_PERIODS and (period < 60 or period % 60):
        raise wrong("Period must be 10, 20, 30 or a multiple of 60")


def _queries(record: dict[str, Any]) -> int:
    queries = record["Metrics"]
    for name in ("Period", "Namespace", "Statistic", "ExtendedStatistic", "Dimensions", "Unit"):
        if record.get(name):
            raise wrong(f"{name} cannot be specified together with Metrics")
    returned = [query for query in queries if query.get("ReturnData", True)]
    if len(returned) != 1:
        raise wrong("Exactly one element of the metrics list should return data.")
    identities = [query["Id"] for query in queries]
    if len(set(identities)) != len(identities):
        raise wrong("The values for parameter id in the metrics list must be unique.")
    periods = set()
    for query in queries:
        refuse_query(query)
        if query.get("MetricStat"):
            periods.add(int(query["MetricStat"]["Period"]))
    if len(periods) > 1:
        raise wrong("All metrics of an alarm must have the same period")
    try:
        refuse_wrong(queries)
    except MathError as fault:
        raise wrong(str(fault)) from None
    return max(periods or {int(query.get("Period") or 60) for query in queries})


def refuse_query(query: Mapping[str, Any]) -> None:
    """One MetricDataQuery: its id, either a metric or an expression, a known statistic, this account."""
    if not query["Id"][:1].islower() or not query["Id"].replace("_", "a").isalnum():
        raise wrong(f"The value {query['Id']} for parameter Id must begin with a lower case letter.")
    if bool(query.get("MetricStat")) == bool(query.get("Expression")):
        raise wrong(f"Either MetricStat or Expression must be specified for the query {query['Id']}")
    if query.get("AccountId") not in (None, scope_of_request().account):
        raise not_run("queries of another account's metrics (AccountId)")
    stat = query.get("MetricStat")
    if stat:
        if not statistics.known(stat["Stat"]):
            raise wrong(f"The value {stat['Stat']} for parameter Stat is not supported.")
        _refuse_period(int(stat["Period"]))
