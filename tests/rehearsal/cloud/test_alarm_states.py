"""Alarm states by the documented tables for missing data (3 data points of an evaluation range of 5; oldest first).

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

from typing import Any

import pytest

from rehearsal.alarms import state

TREATS = ("missing", "ignore", "breaching", "notBreaching")
POINTS = {"0": 0.0, "X": 10.0, "-": None}
NO_DATA = ("INSUFFICIENT_DATA", "RETAINED", "ALARM", "OK")


def alarm(needed: int, treat: str, periods: int = 3) -> dict[str, Any]:
    return {
        "EvaluationPeriods": periods,
        "DatapointsToAlarm": needed,
        "TreatMissingData": treat,
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": 5,
        "StateValue": "RETAINED",
    }


def states(points: str, needed: int, periods: int = 3) -> tuple[str, ...]:
    newest_first = [POINTS[point] for point in reversed(points.split())]
    return tuple(state(alarm(needed, treat, periods), newest_first) for treat in TREATS)


DOCUMENTED = [
    # "Datapoints to Alarm 3 out of 3"
    ("0 - X - X", 3, ("OK", "OK", "OK", "OK")),
    ("- - - - 0", 3, ("OK", "OK", "OK", "OK")),
    ("- - - - -", 3, NO_DATA),
    ("0 X X - X", 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("- - X - -", 3, ("ALARM", "RETAINED", "ALARM", "OK")),
    # "2 out of 3"
    ("0 - X - X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("0 0 X 0 X", 2, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("0 - X - -", 2, ("OK", "OK", "ALARM", "OK")),
    ("- - - - 0", 2, ("OK", "OK", "ALARM", "OK")),
    ("- - - X -", 2, ("ALARM", "RETAINED", "ALARM", "OK")),
]
OTHERS = [
    # A breach that is younger than M of N does not raise a premature alarm where missing data are missing.
    ("- - - - X", 3, ("RETAINED", "RETAINED", "ALARM", "OK")),
    ("- - - X X", 3, ("RETAINED", "RETAINED", "ALARM", "OK")),
    ("- - X X X", 3, ("ALARM", "ALARM", "ALARM", "ALARM")),
    ("X X 0 0 X", 2, ("OK", "OK", "OK", "OK")),
    ("X X X 0 0", 2, ("OK", "OK", "OK", "OK")),
    ("- - - - -", 1, NO_DATA),
]


@pytest.mark.parametrize(("points", "needed", "expected"), DOCUMENTED)
def test_state_follows_the_documented_table(points: str, needed: int, expected: tuple[str, ...]) -> None:
    assert states(points, needed) == expected


@pytest.mark.parametrize(("points", "needed", "expected"), OTHERS)
def test_state_beside_the_documented_examples(points: str, needed: int, expected: tuple[str, ...]) -> None:
    assert states(points, needed) == expected


@pytest.mark.parametrize(
    ("operator", "value", "breaches"),
    [
        ("GreaterThanThreshold", 5.0, False),
        ("GreaterThanThreshold", 5.1, True),
        ("GreaterThanOrEqualToThreshold", 5.0, True),
        ("LessThanThreshold", 5.0, False),
        ("LessThanThreshold", 4.9, True),
        ("LessThanOrEqualToThreshold", 5.0, True),
    ],
)
def test_each_comparison(operator: str, value: float, breaches: bool) -> None:
    found = state({**alarm(1, "missing", 1), "ComparisonOperator": operator}, [value])
    assert found == ("ALARM" if breaches else "OK")
