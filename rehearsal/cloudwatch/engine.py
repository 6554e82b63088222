"""Alarms of every account and region, kept in the emulator's tables and brought up to date on cloud time."""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.alarms import judge, period_seconds
from rehearsal.cloudwatch import composite
from rehearsal.cloudwatch.notify import AGAIN_SECONDS, Notifier
from rehearsal.emulator import within
from rehearsal.host import Scope
from rehearsal.runtime import Runtime

_log = logging.getLogger("slipway.alarms")
_STATE = ("StateValue", "StateReason", "StateReasonData", "StateUpdatedTimestamp")


class Alarms:
    """One for the cloud. Its methods without a scope work in the account and region of the present request."""

    def __init__(self, runtime: Runtime) -> None:
        self.clock = runtime.clock
        self.notifier = Notifier(runtime)
        self.lock = threading.RLock()

    def everywhere(self) -> None:
        """Look at all alarms, as CloudWatch does without being asked."""
        from ministack.services import cloudwatch

        tables = (cloudwatch._alarms, cloudwatch._composite_alarms)
        for account, region in {(key[0], key[1]) for table in tables for key in list(table._data)}:
            within(Scope(account, region), self.here)

    def here(self) -> None:
        """All alarms of this account and region."""
        from ministack.services import cloudwatch

        for alarm in [*cloudwatch._alarms.values(), *cloudwatch._composite_alarms.values()]:
            try:
                self.evaluate(alarm)
            except Exception:  # one alarm's fault must not stop the others, nor the timer
                _log.exception("alarm %s cannot be evaluated", alarm.get("AlarmName"))

    def find(self, name: str) -> dict[str, Any] | None:
        """An alarm of either kind."""
        from ministack.services import cloudwatch

        found: dict[str, Any] | None = cloudwatch._alarms.get(name) or cloudwatch._composite_alarms.get(name)
        return found

    def state(self, name: str) -> str | None:
        """The state now, not that of the last look."""
        alarm = self.find(name)
        if alarm is None:
            return None
        self.evaluate(alarm)
        return str(alarm["StateValue"])

    def evaluate(self, alarm: dict[str, Any]) -> None:
        """Bring one alarm up to date. A state that SetAlarmState gave stands until the next evaluation is due."""
        with self.lock:
            now = self.clock.now()
            if now < alarm.get("_held_until", 0.0):
                return
            alarm.pop("_held_until", None)
            if "AlarmRule" in alarm:
                composite.evaluate(self, alarm)
                return
            verdict = judge(alarm, now)
            if verdict.state != alarm["StateValue"]:
                self.move(alarm, verdict.state, verdict.reason, verdict.data)
            elif alarm["StateValue"] == "ALARM" and now - alarm.get("_acted", 0.0) >= AGAIN_SECONDS:
                self.notifier.act(alarm, alarm, only_scaling=True)

    def move(
        self, alarm: dict[str, Any], new: str, reason: str, data: Mapping[str, Any] | None, *, act: bool = True
    ) -> None:
        """Change the state, tell it, act, and look at the composite alarms above."""
        with self.lock:
            before = {name: alarm.get(name) for name in _STATE}
            now = self.clock.now()
            alarm |= {"StateValue": new, "StateReason": reason, "StateUpdatedTimestamp": now}
            alarm["StateTransitionedTimestamp"] = now
            alarm["StateReasonData"] = json.dumps(data) if data else None
            if "AlarmRule" in alarm:
                act = composite.may_act(self, alarm, before)
            self.notifier.changed(alarm, before)
            if act:
                self.notifier.act(alarm, before)
            composite.evaluate_parents(self, alarm["AlarmName"])

    def set_state(self, alarm: dict[str, Any], new: str, reason: str, data: Mapping[str, Any] | None) -> None:
        """What SetAlarmState does: the state lasts until the alarm is evaluated next."""
        with self.lock:
            cycle = 10.0 if "AlarmRule" not in alarm and period_seconds(alarm) < 60 else 60.0
            if "AlarmRule" in alarm:
                alarm["_held_until"] = 1e18  # until one of its children changes
            else:
                alarm["_held_until"] = (self.clock.now() // cycle + 1) * cycle
            if new != alarm["StateValue"]:
                self.move(alarm, new, reason, data)
            else:
                alarm |= {"StateReason": reason, "StateUpdatedTimestamp": self.clock.now()}

    def each(self, change: Callable[[dict[str, Any]], None], names: list[str]) -> None:
        """Change the alarms of these names that exist."""
        with self.lock:
            for name in names:
                if (alarm := self.find(name)) is not None:
                    change(alarm)
