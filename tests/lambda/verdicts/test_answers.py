"""A shadow's answers beside the champion's."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from slipway_lambda.verdicts.answers import AnswersCompared, compare_answers
from slipway_lambda.verdicts.findings import Finding
from slipway_lambda.verdicts.reading import UnreadableError, read

COUNT, MINIMUM = 1000, 500


def scores(seed: int = 1) -> list[float]:
    dice = random.Random(seed)
    return [round(dice.random(), 6) for _ in range(COUNT)]


OTHERS = scores(2)


def csv(value: float) -> str:
    return f"{value:.9g}\n"


Shadow = Callable[[int, float], str | None]


def compared(shadow: Shadow, *, disagreement_percent: float | None = None) -> AnswersCompared:
    """`shadow`: what it answers to the request with this number, where the champion gave this score."""
    pairs = [(csv(v), shadow(i, v)) for i, v in enumerate(scores())]
    return compare_answers(pairs, tolerance=0.05, disagreement_percent=disagreement_percent, minimum=MINIMUM)


def test_a_shadow_that_answers_a_little_better_is_not_worse() -> None:
    found = compared(lambda i, v: csv(v * 0.95 + 0.02), disagreement_percent=20)
    assert found.finding is Finding.NOT_WORSE, found.reason
    names = ["missing", "unreadable", "not_finite", "shape", "disagreement", "constant", "unrelated", "far"]
    assert [c.name for c in found.checks] == names
    assert found.reason == "1,000 answers of the shadow are as they may be."


@pytest.mark.fault("A13")
@pytest.mark.parametrize(
    ("shadow", "name", "said"),
    [
        pytest.param(lambda i, v: None if i % 20 == 0 else csv(v), "missing", "50 of 1,000", id="missing"),
        pytest.param(lambda i, v: "" if i % 20 == 0 else csv(v), "unreadable", "cannot be read", id="empty"),
        pytest.param(lambda i, v: '{"a": ' if i % 20 == 0 else csv(v), "unreadable", "cannot be read", id="cut"),
        pytest.param(lambda i, v: "nan" if i % 20 == 0 else csv(v), "not_finite", "NaN or infinite", id="NaN"),
        pytest.param(lambda i, v: "-inf" if i % 20 == 0 else csv(v), "not_finite", "NaN or infinite", id="infinite"),
        pytest.param(lambda i, v: f"{v},{1 - v}", "shape", "another shape", id="two numbers for one"),
        pytest.param(lambda i, v: json.dumps([v]), "shape", "another shape", id="JSON for CSV"),
        pytest.param(lambda i, v: "late", "shape", "another shape", id="a label for a score"),
        pytest.param(lambda i, v: csv(v) * 2, "shape", "another shape", id="two rows for one"),
        pytest.param(lambda i, v: "0.5", "constant", "one value in 100.0 %", id="constant"),
        pytest.param(lambda i, v: csv(OTHERS[i]), "unrelated", "unrelated", id="scores of other requests"),
        pytest.param(lambda i, v: csv(1 - v), "unrelated", "at most -1.00", id="upside down"),
        pytest.param(lambda i, v: csv(v + 5), "far", "interquartile ranges away", id="far away"),
    ],
)
def test_a_healthy_shadow_that_answers_wrongly_is_worse(shadow: Shadow, name: str, said: str) -> None:
    found = compared(shadow)
    assert found.finding is Finding.WORSE
    assert [c.name for c in found.checks if c.finding is Finding.WORSE] == [name]
    assert said in found.reason


def test_disagreement_is_judged_only_where_it_is_declared() -> None:
    def off(i: int, v: float) -> str:
        return csv(v + 0.1 if i % 5 == 0 else v)

    assert compared(off).finding is Finding.NOT_WORSE
    assert compared(off, disagreement_percent=25).finding is Finding.NOT_WORSE
    assert compared(off, disagreement_percent=19.5).finding is Finding.UNDECIDED  # 20 %: it may be chance
    found = compared(off, disagreement_percent=10)
    assert found.finding is Finding.WORSE
    assert "200 of 1,000 answers of the shadow (20.00 %) differ from the champion's by more than 0.05; 10 % may." in (
        found.reason
    )
    assert compared(off, disagreement_percent=100).finding is Finding.NOT_WORSE
    assert compared(off, disagreement_percent=0).finding is Finding.WORSE
    assert compared(lambda i, v: csv(v), disagreement_percent=0).finding is Finding.NOT_WORSE


def test_labels_disagree_where_they_differ() -> None:
    labels = [("late" if i % 3 else "early") for i in range(COUNT)]
    pairs: list[tuple[str, str | None]] = [(a, "late" if i % 2 else a) for i, a in enumerate(labels)]
    found = compare_answers(pairs, tolerance=0.0, disagreement_percent=5, minimum=MINIMUM)
    assert (found.finding, found.checks[4].measured) == (Finding.WORSE, pytest.approx(1 / 6, abs=0.01))
    assert compare_answers(pairs, tolerance=0, disagreement_percent=None, minimum=MINIMUM).finding is Finding.NOT_WORSE


def test_below_the_minimum_nothing_is_concluded() -> None:
    found = compare_answers([("0.5", None)] * 499, tolerance=0, disagreement_percent=None, minimum=500)
    assert (found.finding, found.reason) == (Finding.TOO_FEW, "499 answers of the champion: a verdict takes 500.")
    assert compare_answers([], tolerance=0, disagreement_percent=None, minimum=0).finding is Finding.TOO_FEW


def test_a_bad_answer_of_the_champion_is_not_held_against_the_shadow() -> None:
    pairs: list[tuple[str, str | None]] = [("nan", None), ("", "x")] * 300
    found = compare_answers(pairs, tolerance=0, disagreement_percent=None, minimum=500)
    assert found.finding is Finding.TOO_FEW
    assert "0 answers of the champion, and 600 that it answered badly itself" in found.reason
    good: list[tuple[str, str | None]] = [(csv(v), csv(v)) for v in scores()]
    assert compare_answers(pairs + good, tolerance=0, disagreement_percent=0, minimum=500).finding is Finding.NOT_WORSE


def test_a_rare_fault_is_no_reason_to_refuse() -> None:
    assert compared(lambda i, v: None if i < 5 else csv(v)).finding is Finding.NOT_WORSE
    few = compared(lambda i, v: None if i < 9 else csv(v))
    assert few.finding is Finding.UNDECIDED  # 0.9 % of so few may be chance
    assert "9 of 1,000 answers of the shadow (0.90 %) are missing; 0.5 % may." in few.reason


def test_a_champion_that_hardly_varies_proves_nothing_about_a_constant_shadow() -> None:
    pairs: list[tuple[str, str | None]] = [("1" if i % 20 == 0 else "0", "0") for i in range(COUNT)]
    assert compare_answers(pairs, tolerance=0, disagreement_percent=None, minimum=500).finding is Finding.NOT_WORSE


@pytest.mark.parametrize("shadow", [lambda i: 0.5, lambda i: OTHERS[i]], ids=["constant", "unrelated"])
def test_an_id_that_is_given_back_hides_nothing_else(shadow: Callable[[int], float]) -> None:
    pairs: list[tuple[str, str | None]] = [
        (json.dumps({"id": i, "score": v}), json.dumps({"id": i, "score": shadow(i)})) for i, v in enumerate(scores(1))
    ]
    assert compare_answers(pairs, tolerance=0, disagreement_percent=None, minimum=500).finding is Finding.WORSE


@pytest.mark.parametrize(
    ("text", "shape", "values"),
    [
        ("0.5\n", "CSV [1 [1 number]]", (0.5,)),
        ("1,2\n3,4", "CSV [2 [2 number]]", (1.0, 2.0, 3.0, 4.0)),
        ("a, 2", "CSV [1 [1 text, 1 number]]", ("a", 2.0)),
        ('{"predictions": [0.1, 0.2]}', "{predictions: [2 number]}", (0.1, 0.2)),
        ('{"b": null, "a": true}', "{a: text, b: null}", ("True", "None")),
        ('{"prediction": 1}\n{"prediction": 2}\n', "lines [2 {prediction: number}]", (1.0, 2.0)),
    ],
)
def test_answers_of_every_kind_of_container_are_read(text: str, shape: str, values: tuple[float | str, ...]) -> None:
    answer = read(text)
    assert (answer.shape, answer.values) == (shape, values)


@pytest.mark.parametrize(
    "text", ["", " \n", '{"a"', "[1, 2", "[" * 100_000, "[" + "9" * 400 + "]", "1" * (6 * 2**20 + 1)]
)
def test_what_is_no_answer_is_told_and_never_breaks_the_reader(text: str) -> None:
    with pytest.raises(UnreadableError):
        read(text)


@pytest.mark.fault("A13")
def test_one_value_for_all_is_found_also_beside_a_champion_with_a_favourite() -> None:
    champion = ["0.05"] * 950 + [f"0.{n}" for n in range(10, 60)]
    asked: dict[str, Any] = {"tolerance": 0.001, "disagreement_percent": None, "minimum": 500}
    still = compare_answers([(one, "0.5") for one in champion], **asked)
    assert (still.finding, "one value in 100.0 %" in still.reason) == (Finding.WORSE, True)
    alike = compare_answers([(one, "0.04" if one == "0.05" else one) for one in champion], **asked)
    assert alike.finding is Finding.NOT_WORSE
    # A rare class that the shadow never names is no proof.
    classes = compare_answers([("no" if n % 50 else "yes", "no") for n in range(1000)], **asked)
    assert classes.finding is Finding.NOT_WORSE
