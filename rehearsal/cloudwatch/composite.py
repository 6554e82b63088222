"""Composite alarms: their rule over other alarms, and the alarm that suppresses their actions."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rehearsal.alarms import stamp

if TYPE_CHECKING:
    from rehearsal.cloudwatch.engine import Alarms

_NEVER = 1e18  # records hold JSON values


def evaluate(alarms: "Alarms", alarm: dict[str, Any]) -> None:
    """Follow the rule; then let go, or hold on to, actions that wait for the suppressor."""
    from ministack.services import cloudwatch

    new = cloudwatch._composite_rule_state(alarm)
    if new != alarm["StateValue"]:
        children = triggers(alarm, new)
        latest = max(children, key=lambda one: one["StateUpdatedTimestamp"], default=None)
        alarms.move(alarm, new, _reason(alarm, latest, new), _data(children))
    else:
        _suppression(alarms, alarm)


def evaluate_parents(alarms: "Alarms", name: str) -> None:
    """The composite alarms whose rule names this one. A cycle ends where nothing changes any more."""
    from ministack.services import cloudwatch

    for parent in list(cloudwatch._composite_alarms.values()):
        if parent["AlarmName"] != name and name in cloudwatch._composite_children(parent):
            moved = parent.setdefault("_moving", False)
            if moved:  # a rule that comes back to itself is looked at again at the next evaluation
                continue
            parent["_moving"] = True
            try:
                parent.pop("_held_until", None)
                evaluate(alarms, parent)
            finally:
                parent["_moving"] = False


def triggers(alarm: Mapping[str, Any], new: str) -> list[dict[str, Any]]:
    """The children whose condition in the rule agrees with the new state."""
    from ministack.services import cloudwatch

    found = []
    for name in cloudwatch._matching_children(alarm, new):
        child = cloudwatch._alarms.get(name) or cloudwatch._composite_alarms.get(name)
        if child is not None:
            found.append(child)
    return found


def _reason(alarm: Mapping[str, Any], child: Mapping[str, Any] | None, new: str) -> str:
    if child is None:
        return f"{alarm['AlarmArn']} was created and its alarm rule evaluates to {new}"
    at = datetime.fromtimestamp(child["StateUpdatedTimestamp"], UTC).strftime("%A %d %B, %Y %H:%M:%S")
    return f"{child['AlarmArn']} transitioned to {child['StateValue']} at {at} UTC"


def _data(children: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "triggeringAlarms": [
            {
                "arn": child["AlarmArn"],
                "state": {"value": child["StateValue"], "timestamp": stamp(child["StateUpdatedTimestamp"])},
            }
            for child in children
        ]
    }


def may_act(alarms: "Alarms", alarm: dict[str, Any], before: Mapping[str, Any]) -> bool:
    """Whether the actions of this change are due now; if not, they wait with the alarm for `_suppression`."""
    if not alarm.get("ActionsSuppressor"):
        return True
    suppressed = _suppressor_state(alarms, alarm) == "ALARM"
    # The wait and the extension are documented for ALARM; on the way out of it nothing is waited for.
    if not suppressed and alarm["StateValue"] != "ALARM":
        _let_go(alarm)
        return True
    by = "Alarm" if suppressed else "WaitPeriod"
    seconds = float(alarm.get("ActionsSuppressorWaitPeriod") or 0)
    until = _NEVER if suppressed else alarms.clock.now() + seconds
    if not suppressed and not seconds:
        return True
    _hold(alarm, by, until)
    alarm["_before"] = dict(before)
    return False


def _suppression(alarms: "Alarms", alarm: dict[str, Any]) -> None:
    by = alarm.get("ActionsSuppressedBy")
    if by is None:
        return
    now, suppressed = alarms.clock.now(), _suppressor_state(alarms, alarm) == "ALARM"
    if suppressed:
        if by != "Alarm":
            _hold(alarm, "Alarm", _NEVER)
        return
    if by == "Alarm":
        seconds = float(alarm.get("ActionsSuppressorExtensionPeriod") or 0)
        _hold(alarm, "ExtensionPeriod", now + seconds)
    if now >= alarm["_suppressed_until"]:
        before = alarm.pop("_before", alarm)
        _let_go(alarm)
        alarms.notifier.act(alarm, before)


def _suppressor_state(alarms: "Alarms", alarm: Mapping[str, Any]) -> str | None:
    name = str(alarm["ActionsSuppressor"])
    found = alarms.find(name.rpartition(":alarm:")[2] if name.startswith("arn:") else name)
    return None if found is None else str(found["StateValue"])


def _hold(alarm: dict[str, Any], by: str, until: float) -> None:
    alarm |= {
        "ActionsSuppressedBy": by,
        "ActionsSuppressedReason": f"Actions suppressed by {by}",
        "_suppressed_until": until,
    }


def _let_go(alarm: dict[str, Any]) -> None:
    for name in ("ActionsSuppressedBy", "ActionsSuppressedReason", "_suppressed_until", "_before"):
        alarm.pop(name, None)
