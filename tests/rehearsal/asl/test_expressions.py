"""An expression that is evaluated over and over: parsed once, and every evaluation with values of its own."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from rehearsal.asl import expressions
from rehearsal.asl.errors import StatesError
from rehearsal.asl.expressions import Evaluator

TEXT = """{% (
    $twice := function($n) { $n * 2 };
    {'sum': $sum($list.$twice($)), 'all': $map($list, function($v, $i) { $v + $i }), 'last': $states.input.x[-1],
     'part': $map($list, $add(?, 1)), 'now': $millis(), 'order': $list^(>$)}
) %}"""


def evaluated(number: int) -> Any:
    variables = {"list": [number, number + 1], "add": None}
    text = TEXT.replace("$twice :=", "$add := function($a, $b) { $a + $b }; $twice :=")
    return Evaluator({"input": {"x": [0, number]}}, variables, float(number)).evaluate(text, "Output")


def expected(number: int) -> Any:
    return {
        "sum": 4 * number + 2, "all": [number, number + 2], "last": number, "part": [number + 1, number + 2],
        "now": number * 1000, "order": [number + 1, number],
    }  # fmt: skip


def test_each_evaluation_has_its_own_variables_input_and_clock() -> None:
    assert [evaluated(number) for number in range(20)] == [expected(number) for number in range(20)]


def test_threads_that_evaluate_the_same_one_do_not_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both hold the expression before either evaluates it, and are in the middle of it at once."""
    both, plain = threading.Barrier(2, timeout=10), expressions.functions

    def met(now: float) -> Any:
        found = plain(now)

        def millis() -> Any:
            both.wait()
            return found["millis"]()

        class Meeting(dict[str, Any]):
            """Registered in full by both before either evaluates."""

            def items(self) -> Any:
                yield from super().items()
                both.wait()

        return Meeting({**found, "millis": millis})

    assert evaluated(0) == expected(0)  # parsed by now, in another thread than theirs
    monkeypatch.setattr(expressions, "functions", met)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(evaluated, (1, 2))) == [expected(1), expected(2)]


def test_the_limit_is_of_each_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that ran too long leaves nothing behind for the next, and the limit in force is that of the moment."""
    text = "{% ($f := function($n) { $n > 0 ? $f($n - 1) : 'done' }; $f($left)) %}"
    assert Evaluator({}, {"left": 3}, 0.0).evaluate(text, "Output") == "done"
    monkeypatch.setattr(expressions, "LIMIT_MILLISECONDS", 50)
    with pytest.raises(StatesError, match="D1012"):
        Evaluator({}, {"left": 10**9}, 0.0).evaluate(text, "Output")
    monkeypatch.undo()
    assert Evaluator({}, {"left": 3}, 0.0).evaluate(text, "Output") == "done"


def test_one_that_cannot_be_parsed_fails_each_time() -> None:
    for _ in range(2):
        with pytest.raises(StatesError, match="threw an error"):
            Evaluator({}, {}, 0.0).evaluate("{% 1 + %}", "Output")
