"""Scheduled actions: other bounds at a due time, and a capacity within them at once."""

from typing import Any

from rehearsal.adapter import scope_of_request
from rehearsal.autoscaling.capacity import Capacity
from rehearsal.autoscaling.scaling import Scaling
from rehearsal.autoscaling.store import Record, Store, key_of
from rehearsal.runtime import Runtime
from rehearsal.sagemaker.errors import invalid


def refuse_wrong(params: dict[str, Any]) -> None:
    """Raise ServiceError for a schedule that cannot be read."""
    schedule = str(params.get("Schedule") or "")
    if not schedule.startswith(("at(", "rate(", "cron(")) or not schedule.endswith(")"):
        raise invalid(f"Invalid schedule expression: {schedule}. It is at(), rate() or cron()")


def run_due(runtime: Runtime, store: Store, capacity: Capacity, scaling: Scaling) -> None:
    """Carry out, in every scope, what has become due since the last look."""
    for scope in store.scopes():
        scaling.quietly(scope, _run_here, runtime, store, capacity, scaling)


def _run_here(runtime: Runtime, store: Store, capacity: Capacity, scaling: Scaling) -> None:
    from rehearsal.bus.schedules import due_times

    state, now = store.state(scope_of_request()), runtime.clock.now()
    for action in list(state.actions.values()):
        schedule = {
            "ScheduleExpression": action["Schedule"],
            "ScheduleExpressionTimezone": action.get("Timezone"),
            "StartDate": action.get("StartTime"),
            "EndDate": action.get("EndTime"),
        }
        times = due_times(schedule, float(action["_looked_at"]), now)
        with store.lock:
            action["_looked_at"] = now
        target = state.targets.get(key_of(action))
        if times and target is not None and not (target.get("SuspendedState") or {}).get("ScheduledScalingSuspended"):
            _apply(action, target, store, capacity, scaling)


def _apply(action: Record, target: Record, store: Store, capacity: Capacity, scaling: Scaling) -> None:
    bounds = action.get("ScalableTargetAction") or {}
    with store.lock:
        target |= {name: int(bounds[name]) for name in ("MinCapacity", "MaxCapacity") if name in bounds}
    cause = f"scheduled action name {action['ScheduledActionName']} was triggered"
    try:
        current = capacity.read(target).current
    except ValueError:
        return
    wanted = min(max(current, int(target["MinCapacity"])), int(target["MaxCapacity"]))
    if wanted != current:
        scaling.scale(target, wanted, cause)
