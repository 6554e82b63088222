"""What must be true before anything is touched."""

from collections.abc import Mapping, Sequence

from slipway_lambda.contracts.release import AlarmNotReadyError, PreflightRefusedError
from slipway_lambda.ports.alarms import AlarmState


def check_alarms(
    wanted: Mapping[str, Mapping[str, str] | None], found: Sequence[AlarmState], *, judge_state: bool
) -> None:
    """Every alarm exists, is switched on, watches what it should, and is OK.

    `wanted`: dimensions by alarm name, None where they are the user's own business. `judge_state` False: the endpoint
    does not exist yet, so no alarm can say anything about it. Raises PreflightRefusedError with every fault at once;
    AlarmNotReadyError if only data is missing.
    """
    by_name = {a.name: a for a in found}
    faults = [f"alarm {n} does not exist" for n in wanted if n not in by_name]
    if not wanted:
        faults.append("no alarm is declared, so nothing could roll the release back")
    for alarm in (by_name[n] for n in wanted if n in by_name):
        if not alarm.actions_enabled:
            faults.append(f"alarm {alarm.name} has its actions disabled")
        dimensions = wanted[alarm.name]
        if dimensions is not None and alarm.dimensions != dict(dimensions):
            faults.append(f"alarm {alarm.name} watches {alarm.dimensions}, not {dict(dimensions)}")
        if judge_state and alarm.state == "ALARM":
            faults.append(
                f"alarm {alarm.name} is already in ALARM ({alarm.reason}) and would roll any release back at once"
            )
    if faults:
        raise PreflightRefusedError(
            f"The alarms cannot guard a release: {'; '.join(faults)}.",
            "Deploy the release stack anew if an alarm is missing or changed; else put right what raises it.",
        )
    waiting = [n for n in wanted if judge_state and by_name[n].state != "OK"]
    if waiting:
        raise AlarmNotReadyError(
            f"No data yet in {', '.join(waiting)}, and no data is not health.", "Wait for the alarm's first evaluation."
        )


def check_rollback_set(last_good: Mapping[str, object], missing: Sequence[str]) -> None:
    """What a rollback returns to must still exist, or there is no way back. Raises PreflightRefusedError."""
    if missing:
        raise PreflightRefusedError(
            f"There would be no way back to {last_good.get('config')}: {'; '.join(missing)}.",
            "Restore what is missing, or delete the endpoint and release the new version as a first creation.",
        )
