"""Metric math: operators, functions and their treatment of missing data points, and what is refused."""

from typing import Any

import pytest

from rehearsal.metric_math import Context, MathError, Series, evaluate

M1 = Series("errors", 60, {0: 1.0, 60: 3.0, 180: 7.0})
M2 = Series("requests", 60, {0: 2.0, 60: 0.0, 120: 5.0})
CONTEXT = Context({"m1": M1, "m2": M2, "e1": 4.0}, {"m1": M1, "m2": M2}, (0, 60, 120, 180), 60)

VECTORS: list[tuple[str, Any]] = [
    # operators: precedence, numbers with series, series with series only where both have data
    ("1 + 2 * 3", 7.0),
    ("(1 + 2) * 3", 9.0),
    ("2 ^ 3 ^ 1", 8.0),
    ("-m1", {0: -1.0, 60: -3.0, 180: -7.0}),
    ("-2 ^ 2", -4.0),
    ("2 ^ -1", 0.5),
    ("m1 + 1", {0: 2.0, 60: 4.0, 180: 8.0}),
    ("10 - m1", {0: 9.0, 60: 7.0, 180: 3.0}),
    ("m1 + m2 * 2", {0: 5.0, 60: 3.0}),
    ("100 * m1 / m2", {0: 50.0}),
    ("m1 * e1", {0: 4.0, 60: 12.0, 180: 28.0}),
    # comparison and logic
    ("m1 > 2", {0: 0.0, 60: 1.0, 180: 1.0}),
    ("m1 >= 3", {0: 0.0, 60: 1.0, 180: 1.0}),
    ("m1 < m2", {0: 1.0, 60: 0.0}),
    ("m1 <= 1", {0: 1.0, 60: 0.0, 180: 0.0}),
    ("m2 == 0", {0: 0.0, 60: 1.0, 120: 0.0}),
    ("m2 != 0", {0: 1.0, 60: 0.0, 120: 1.0}),
    ("m1 > 2 AND m2 == 0", {0: 0.0, 60: 1.0}),
    ("m1 > 2 && m2 == 0", {0: 0.0, 60: 1.0}),
    ("m1 > 5 OR m2 > 1", {0: 1.0, 60: 0.0}),
    ("m1 > 5 || m2 > 1", {0: 1.0, 60: 0.0}),
    # IF
    ("IF(m1 > 2, m1, 0)", {0: 0.0, 60: 3.0, 180: 7.0}),
    ("IF(m1 > 2, 1)", {60: 1.0, 180: 1.0}),
    ("IF(e1 > 2, m1, m2)", {0: 1.0, 60: 3.0, 180: 7.0}),
    ("IF(e1 < 2, m1, m2)", {0: 2.0, 60: 0.0, 120: 5.0}),
    ("IF(FILL(m2, 0) > 0, 100 * m1 / m2, 0)", {0: 50.0, 60: 0.0, 180: 0.0}),
    # missing data
    ("FILL(m1, 0)", {0: 1.0, 60: 3.0, 120: 0.0, 180: 7.0}),
    ("FILL(m1, REPEAT)", {0: 1.0, 60: 3.0, 120: 3.0, 180: 7.0}),
    ("FILL(m1, LINEAR)", {0: 1.0, 60: 3.0, 120: 5.0, 180: 7.0}),
    ("FILL(m2, LINEAR)", {0: 2.0, 60: 0.0, 120: 5.0}),
    ("FILL(m1, m2)", {0: 1.0, 60: 3.0, 120: 5.0, 180: 7.0}),
    ("DATAPOINT_COUNT(m1)", 3.0),
    # of one series a number, of several a series
    ("SUM(m1)", 11.0),
    ("AVG(m1)", 11.0 / 3),
    ("MIN(m1)", 1.0),
    ("MAX(m1)", 7.0),
    ("STDDEV(m2)", (38 / 9) ** 0.5),
    ("m1 - AVG(m1)", {0: 1 - 11 / 3, 60: 3 - 11 / 3, 180: 7 - 11 / 3}),
    ("SUM([m1, m2])", {0: 3.0, 60: 3.0, 120: 5.0, 180: 7.0}),
    ("AVG(METRICS())", {0: 1.5, 60: 1.5, 120: 5.0, 180: 7.0}),
    ("MAX([m1, FILL(m2, 9)])", {0: 2.0, 60: 3.0, 120: 5.0, 180: 9.0}),
    ("MIN(METRICS())", {0: 1.0, 60: 0.0, 120: 5.0, 180: 7.0}),
    ('SUM(METRICS("1"))', {0: 1.0, 60: 3.0, 180: 7.0}),
    ("METRIC_COUNT(METRICS())", 2.0),
    ("METRIC_COUNT(REMOVE_EMPTY([m1, IF(m1 > 99, 1)]))", 1.0),
    # along time
    ("RATE(m1)", {60: 2 / 60, 180: 4 / 120}),
    ("DIFF(m1)", {60: 2.0, 180: 4.0}),
    ("DIFF_TIME(m1)", {60: 60.0, 180: 120.0}),
    ("RUNNING_SUM(m1)", {0: 1.0, 60: 4.0, 180: 11.0}),
    ("PERIOD(m1)", 60.0),
    ("m1 / PERIOD(m1)", {0: 1 / 60, 60: 3 / 60, 180: 7 / 60}),
    ("TIME_SERIES(5)", {0: 5.0, 60: 5.0, 120: 5.0, 180: 5.0}),
    ("MINUTE(m1)", {0: 0.0, 60: 1.0, 180: 3.0}),
    ("EPOCH(m1)", {0: 0.0, 60: 60.0, 180: 180.0}),
    ("DAY(m1)", {0: 4.0, 60: 4.0, 180: 4.0}),
    # by value
    ("ABS(0 - m1)", {0: 1.0, 60: 3.0, 180: 7.0}),
    ("CEIL(m1 / 2)", {0: 1.0, 60: 2.0, 180: 4.0}),
    ("FLOOR(m1 / 2)", {0: 0.0, 60: 1.0, 180: 3.0}),
    ("LOG10(m2 * 50)", {0: 2.0, 120: pytest.approx(2.39794)}),
    # order
    ("FIRST(SORT(METRICS(), SUM, DESC))", {0: 1.0, 60: 3.0, 180: 7.0}),
    ("LAST(SORT(METRICS(), MAX, DESC))", {0: 2.0, 60: 0.0, 120: 5.0}),
    ("METRIC_COUNT(SORT(METRICS(), AVG, ASC, 1))", 1.0),
    ("FIRST(SLICE(METRICS(), 1, 2))", {0: 2.0, 60: 0.0, 120: 5.0}),
]


@pytest.mark.parametrize(("expression", "expected"), VECTORS, ids=[vector[0] for vector in VECTORS])
def test_an_expression_gives(expression: str, expected: Any) -> None:
    value = evaluate(expression, CONTEXT)
    found = dict(value.points) if isinstance(value, Series) else value
    assert found == (pytest.approx(expected) if not isinstance(expected, dict) else expected)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("SEARCH('{AWS/Lambda} Errors', 'Sum')", "does not run SEARCH"),
        ("ANOMALY_DETECTION_BAND(m1)", "does not run ANOMALY_DETECTION_BAND"),
        ("m1 +", "Unexpected 'end of expression'"),
        ("m1 m2", "Unexpected 'm2'"),
        ("(m1", "Unexpected 'end of expression'"),
        ("m1 # 2", "Unexpected character '#'"),
        ("m9 * 2", "the id 'm9' is not among the queries"),
        ("MEDIAN(m1)", "there is no function MEDIAN"),
        ("AVG(m1, m2)", "AVG takes one argument, not 2"),
        ("METRICS() + METRICS()", "between two arrays"),
        ("'text' + 1", "does not work on text"),
        ("IF(METRICS(), 1, 2)", "IF works on"),
        ("FILL(m1)", "FILL takes two arguments"),
        ("SORT(METRICS(), MEDIAN, ASC)", "SORT takes"),
        ("1 / 0", "division by zero"),
        ("RATE(5)", "a time series is due"),
        ("(" * 200 + "1" + ")" * 200, "nested too deeply"),
    ],
)
def test_a_wrong_expression_is_refused_in_words(expression: str, words: str) -> None:
    with pytest.raises(MathError) as caught:
        evaluate(expression, CONTEXT)
    assert words in str(caught.value)


def test_a_long_sum_is_worked_out_or_refused_but_never_a_crash() -> None:
    assert evaluate("+".join(["1"] * 300), CONTEXT) == 300.0
    with pytest.raises(MathError):
        evaluate("+".join(["1"] * 20_000), CONTEXT)
