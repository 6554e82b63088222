"""Alarm states by the documented tables for missing data (3 data points; newest first here)."""

from typing import Any

import pytest

from rehearsal.alarms import state

X, OK_POINT, NONE = 10.0, 0.0, None


def alarm(needed: int, treat: str) -> dict[str, Any]:
    return {
        "EvaluationPeriods": 3,
        "DatapointsToAlarm": needed,
        "TreatMissingData": treat,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 5,
        "StateValue": "RETAINED",
    }


CASES = [
    # points (newest first), M, {missing, ignore, breaching, notBreaching}
    ([X, NONE, OK_POINT, X, NONE], 3, ("OK", "OK", "OK", "OK")),
    ([OK_POINT, NONE, NONE, NONE, NONE], 3, ("OK", "OK", "OK", "OK")),
    ([NONE] * 5, 3, ("INSUFFICIENT_DATA", "RETAINED", "ALARM", "OK")),
    ([X, NONE, X, X, OK_POINT], 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ([NONE, NONE, X, NONE, NONE], 3, ("ALARM", "RETAINED", "ALARM", "OK")),
    ([NONE, X, NONE, OK_POINT, NONE], 2, ("OK", "OK", "ALARM", "OK")),
    ([X, X, OK_POINT, OK_POINT, OK_POINT], 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ([X, OK_POINT, OK_POINT, X, X], 2, ("OK", "OK", "OK", "OK")),
]


@pytest.mark.parametrize(("points", "needed", "expected"), CASES)
def test_state_follows_the_documented_table(points: list[float | None], needed: int, expected: tuple[str, ...]) -> None:
    treats = ("missing", "ignore", "breaching", "notBreaching")
    assert tuple(state(alarm(needed, treat), points) for treat in treats) == expected
