"""Golden records against answers."""

import json
from typing import Any

import pytest

from slipway_lambda.contracts.release import SmokeTestFailedError
from slipway_lambda.smoke_test.golden import GoldenRecord, compare, read_golden

GOLDEN = GoldenRecord("text/csv", "1,AA", 0.5)


@pytest.mark.parametrize("answer", ["0.5", "0.5009\n", "0.4991"])
def test_answer_within_tolerance_passes(answer: str) -> None:
    compare(1, GOLDEN, answer, 0.001)


@pytest.mark.fault("A13")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("0.502", "the answer is 0.502, the evaluation's was 0.5"),
        ("nan", "the answer is nan"),
        ("inf", "the answer is inf"),
        ("late", "is not a number"),
        ("", "0 values"),
        ("0.5\n0.5", "2 values"),
        ("0.5,0.5", "2 values"),
    ],
)
def test_wrong_answer_names_the_record(answer: str, words: str) -> None:
    with pytest.raises(SmokeTestFailedError, match=rf"Golden record 7: .*{words}"):
        compare(7, GOLDEN, answer, 0.001)


def line(**more: Any) -> str:
    return json.dumps({"content_type": "text/csv", "body": "1,AA", "prediction": 0.5, **more})


def test_as_many_records_as_asked_are_read() -> None:
    assert len(read_golden("\n".join([line()] * 9), limit=4)) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no record"),
        ("\n\n", "holds no record"),
        ("{", "Line 1 .* is not a golden record"),
        (line() + "\n{}", "Line 2 .* is not a golden record"),
        (line(prediction=None), "Line 1 .* is not a golden record"),
        (line(prediction=float("nan")), "Line 1 .* expects nan"),
    ],
)
def test_golden_file_that_proves_nothing_fails(text: str, words: str) -> None:
    with pytest.raises(SmokeTestFailedError, match=words):
        read_golden(text, limit=25)
