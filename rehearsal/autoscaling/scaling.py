"""What policies and scheduled actions do: another capacity, its activity, and the rests between."""

import logging
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from rehearsal.adapter import scope_of_request
from rehearsal.alarms import datapoints
from rehearsal.autoscaling import policies
from rehearsal.autoscaling.capacity import DIMENSIONS, Capacity
from rehearsal.autoscaling.store import Record, Store, key_of, named
from rehearsal.emulator import within
from rehearsal.host import Scope
from rehearsal.runtime import Runtime

_log = logging.getLogger("slipway.autoscaling")
_KEPT_ACTIVITIES = 1000  # the service keeps six weeks of them


class Scaling:
    """Alarms ask (`asked`), the timer carries out (`tick`): never while an alarm's lock is held."""

    def __init__(self, runtime: Runtime, store: Store, capacity: Capacity) -> None:
        self._runtime, self._store, self._capacity = runtime, store, capacity
        self._queue: deque[tuple[Scope, str, str]] = deque()

    def asked(self, policy_arn: str, alarm: Mapping[str, Any]) -> None:
        """An alarm names this policy as its action."""
        self._queue.append((scope_of_request(), policy_arn, str(alarm["AlarmName"])))

    def tick(self) -> None:
        """Carry out what alarms asked for, what is scheduled, and see which activities have ended."""
        waiting, self._queue = self._queue, deque()
        for scope, arn, alarm in waiting:
            self.quietly(scope, self._follow, arn, alarm)
        for scope in self._store.scopes():
            self.quietly(scope, self._finish)

    @staticmethod
    def quietly(scope: Scope, work: Callable[..., None], *arguments: Any) -> None:
        """Work in a scope."""
        try:
            within(scope, work, *arguments)
        except Exception:  # one target's fault must not stop the others, nor the timer
            _log.exception("scaling in %s %s", scope.account, scope.region)

    def _follow(self, arn: str, alarm_name: str) -> None:
        state = self._store.state(scope_of_request())
        policy = state.policies.get(arn)
        alarm = self._runtime.alarms.find(alarm_name)
        target = state.targets.get(key_of(policy)) if policy else None
        if policy is None or target is None or alarm is None or alarm["StateValue"] != "ALARM":
            return
        try:
            reading = self._capacity.read(target)
        except ValueError as error:
            self._told(target, "Failed", f"Failed to read the capacity: {error}", _cause(policy, alarm))
            return
        if reading.changing:
            return  # asked again in a minute, while the alarm stays
        wanted = self._wanted(policy, alarm, reading.current)
        if wanted is None:
            return
        bounded = min(max(wanted, int(target["MinCapacity"])), int(target["MaxCapacity"]))
        if not self._allowed(policy, target, reading.current, bounded):
            return
        if self.scale(target, bounded, _cause(policy, alarm)):
            now = self._runtime.clock.now()
            rest = {"_out_at": now, "_out_from": reading.current} if bounded > reading.current else {"_in_at": now}
            with self._store.lock:
                policy |= rest

    def _wanted(self, policy: Record, alarm: Mapping[str, Any], current: int) -> int | None:
        value = next(
            (point.value for point in datapoints(alarm, self._runtime.clock.now()) if point.value is not None), None
        )
        if value is None:
            return None
        steps = policy.get("StepScalingPolicyConfiguration")
        if steps:
            return policies.stepped(steps, self._base(policy, current), value - float(alarm["Threshold"]))
        target = float(policy["TargetTrackingScalingPolicyConfiguration"]["TargetValue"])
        over = alarm["ComparisonOperator"] == "GreaterThanThreshold"
        wanted = policies.tracked(self._base(policy, current) if over else current, value, target)
        return max(wanted, current) if over else min(wanted, current)

    def _base(self, policy: Record, current: int) -> int:
        """While a scale-out rests, what it added counts as part of the next: reckoned from before it."""
        resting = self._runtime.clock.now() - policy.get("_out_at", -1e18) < policies.cooldown_seconds(policy, out=True)
        return min(int(policy["_out_from"]), current) if resting else current

    def _allowed(self, policy: Record, target: Record, current: int, wanted: int) -> bool:
        now, suspended = self._runtime.clock.now(), target.get("SuspendedState") or {}
        if wanted == current:
            return False
        if wanted > current:
            return not suspended.get("DynamicScalingOutSuspended", False)
        if suspended.get("DynamicScalingInSuspended", False):
            return False
        last = max(policy.get("_in_at", -1e18), policy.get("_out_at", -1e18))
        return now - last >= policies.cooldown_seconds(policy, out=False) and self._all_agree(policy)

    def _all_agree(self, policy: Record) -> bool:
        """Several target tracking policies of one target scale in only when all of them would."""
        if policy["PolicyType"] != "TargetTrackingScaling":
            return True
        for other in self._store.state(scope_of_request()).policies.values():
            if key_of(other) != key_of(policy) or other["PolicyType"] != "TargetTrackingScaling":
                continue
            lows = [one["AlarmName"] for one in other.get("Alarms") or [] if "-AlarmLow-" in one["AlarmName"]]
            if any(self._runtime.alarms.state(name) != "ALARM" for name in lows):
                return False
        return True

    def scale(self, target: Record, wanted: int, cause: str) -> bool:
        """Set a capacity and tell it as an activity; whether the resource took it."""
        noun = DIMENSIONS[target["ScalableDimension"]].noun
        try:
            self._capacity.write(target, wanted)
        except ValueError as error:
            self._told(target, "Failed", f"Failed to set {noun} to {wanted}. Reason: {error}", cause, wanted)
            return False
        words = f"Successfully set {noun} to {wanted}. Waiting for change to be fulfilled by "
        self._told(target, "InProgress", f"{words}{target['ServiceNamespace']}.", cause, wanted)
        return True

    def _told(self, target: Record, status: str, message: str, cause: str, wanted: int | None = None) -> None:
        noun = DIMENSIONS[target["ScalableDimension"]].noun
        now = self._runtime.clock.now()
        activity = {
            "ActivityId": str(uuid.uuid4()),
            **named(target),
            "Description": f"Setting {noun} to {wanted}." if wanted is not None else f"Reading {noun}.",
            "Cause": cause,
            "StartTime": now,
            "StatusCode": status,
            "StatusMessage": message,
            **({"EndTime": now} if status == "Failed" else {}),
            **({"_wanted": wanted} if wanted is not None else {}),
        }
        with self._store.lock:
            activities = self._store.state(scope_of_request()).activities
            activities.append(activity)
            del activities[:-_KEPT_ACTIVITIES]

    def _finish(self) -> None:
        """Activities whose capacity has come to rest."""
        for activity in list(self._store.state(scope_of_request()).activities):
            if activity["StatusCode"] != "InProgress":
                continue
            noun, wanted = DIMENSIONS[activity["ScalableDimension"]].noun, activity.get("_wanted")
            namespace = activity["ServiceNamespace"]
            try:
                reading = self._capacity.read(activity)
            except ValueError as error:
                reading = None
                ended = {"StatusCode": "Failed", "StatusMessage": f"Failed to set {noun} to {wanted}. Reason: {error}"}
            if reading is not None and reading.changing:
                continue
            if reading is not None and reading.current == wanted:
                words = f"Successfully set {noun} to {wanted}. Change successfully fulfilled by {namespace}."
                ended = {"StatusCode": "Successful", "StatusMessage": words}
            elif reading is not None:
                words = f"Failed to set {noun} to {wanted}: it is {reading.current}"
                ended = {"StatusCode": "Unfulfilled", "StatusMessage": words}
            with self._store.lock:
                activity |= {**ended, "EndTime": self._runtime.clock.now()}


def _cause(policy: Record, alarm: Mapping[str, Any]) -> str:
    return f"monitor alarm {alarm['AlarmName']} in state {alarm['StateValue']} triggered policy {policy['PolicyName']}"
