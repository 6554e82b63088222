"""Statistics over values, counts and published sets."""

from typing import Any

import pytest

from rehearsal.cloudwatch.statistics import known, statistic

ONE_TO_TEN = [{"Value": float(value)} for value in range(1, 11)]
COUNTED = [{"Value": 1.0, "Count": 90.0}, {"Value": 100.0, "Count": 10.0}]
SET = [{"Value": 5.0, "_stat": {"SampleCount": 4, "Sum": 20, "Minimum": 2, "Maximum": 8}}]
SAME = [{"Value": 5.0, "_stat": {"SampleCount": 4, "Sum": 20, "Minimum": 5, "Maximum": 5}}]

VECTORS: list[tuple[list[dict[str, Any]], str, float | None]] = [
    (ONE_TO_TEN, "Sum", 55.0),
    (ONE_TO_TEN, "Average", 5.5),
    (ONE_TO_TEN, "Minimum", 1.0),
    (ONE_TO_TEN, "Maximum", 10.0),
    (ONE_TO_TEN, "SampleCount", 10.0),
    (ONE_TO_TEN, "p50", 5.5),
    (ONE_TO_TEN, "p0", 1.0),
    (ONE_TO_TEN, "p100", 10.0),
    (ONE_TO_TEN, "p90", 9.1),
    (ONE_TO_TEN, "tm90", 5.0),  # the mean without the highest tenth
    (ONE_TO_TEN, "ts90", 45.0),
    (ONE_TO_TEN, "tc90", 9.0),
    (ONE_TO_TEN, "wm90", (45 + 9) / 10),
    (ONE_TO_TEN, "TM(10%:90%)", 5.5),
    (ONE_TO_TEN, "TS(80%:)", 19.0),
    (ONE_TO_TEN, "TM(2:4)", 3.5),  # the lower bound is left out
    (ONE_TO_TEN, "TC(:3)", 3.0),
    (ONE_TO_TEN, "PR(:3)", 30.0),
    (ONE_TO_TEN, "PR(3:7)", 40.0),
    (ONE_TO_TEN, "IQM", 5.5),
    (COUNTED, "Average", 10.9),
    (COUNTED, "SampleCount", 100.0),
    (COUNTED, "p50", 1.0),
    (COUNTED, "p95", 100.0),
    (COUNTED, "tm90", 1.0),
    (COUNTED, "PR(50:)", 10.0),
    (SET, "Average", 5.0),
    (SET, "Maximum", 8.0),
    (SET, "p90", None),  # the samples of a set are not known
    (SAME, "p90", 5.0),  # unless they are all the same
    ([{"Value": -1.0}], "p50", None),  # percentiles are not available for negative values
    ([], "Sum", None),
]


@pytest.mark.parametrize(("points", "name", "expected"), VECTORS)
def test_a_statistic_of_a_period(points: list[dict[str, Any]], name: str, expected: float | None) -> None:
    assert statistic(points, name) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("name", "is_known"),
    [("p99.9", True), ("tm99", True), ("TM(2%:98%)", True), ("PR(:300)", True), ("IQM", True), ("Sum", True),
     ("p101", False), ("median", False), ("TM(:)", False), ("PR(10%:20%)", False), ("p", False)],
)  # fmt: skip
def test_only_statistics_of_cloudwatch_are_known(name: str, is_known: bool) -> None:
    assert known(name) is is_known
