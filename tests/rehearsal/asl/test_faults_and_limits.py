"""Faults that can be asked for, quotas, and bad definitions."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from rehearsal.asl import definition, expressions, values
from rehearsal.asl import run as run_module

FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:echo"
PASS = {"Type": "Pass", "End": True}
TASK = {"Type": "Task", "Resource": FUNCTION, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}], "End": True}


@pytest.mark.parametrize(
    ("row", "status", "error"),
    [
        pytest.param("D01", "FAILED", "States.DataLimitExceeded", marks=pytest.mark.fault("D01")),
        pytest.param("D02", "FAILED", "States.Runtime", marks=pytest.mark.fault("D02")),
        pytest.param("D03", "TIMED_OUT", "States.Timeout", marks=pytest.mark.fault("D03")),
        pytest.param("D04", "ABORTED", "Operator", marks=pytest.mark.fault("D04")),
        pytest.param("D05", "FAILED", "States.Runtime", marks=pytest.mark.fault("D05")),
    ],
)
def test_a_fault_ends_the_execution_and_no_catcher_of_all_holds_it(
    bench: Any, row: str, status: str, error: str
) -> None:
    bench.faults.arm(row, 1, {"machine": "machine", "state": "T"})
    states = {"A": {"Type": "Pass", "Next": "T"}, "T": TASK, "Z": PASS}
    record = bench.run(states)
    assert (record["status"], record["error"]) == (status, error)
    assert bench.run(states)["status"] == "SUCCEEDED"  # once means once


@pytest.mark.fault("D12")
def test_a_choice_can_be_made_to_match_nothing(bench: Any) -> None:
    bench.faults.arm("D12", None, {"state": "C"})
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.n", "IsPresent": True, "Next": "Z"}], "Default": "Z"}
    assert bench.run({"C": choice, "Z": PASS}, {"n": 1})["error"] == "States.NoChoiceMatched"
    bench.faults.clear()
    assert bench.run({"C": choice, "Z": PASS}, {"n": 1})["status"] == "SUCCEEDED"


def test_a_fault_of_another_machine_or_state_does_not_strike(bench: Any) -> None:
    bench.faults.arm("D02", 1, {"machine": "other"})
    bench.faults.arm("D02", 1, {"state": "Other"})
    assert bench.run({"A": PASS})["status"] == "SUCCEEDED"


@pytest.mark.fault("D05")
def test_a_loop_fails_when_its_history_is_full(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "HISTORY_EVENTS", 300)
    record = bench.run({"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}})
    assert (record["status"], record["error"]) == ("FAILED", "States.Runtime")
    assert "maximum number of history events" in record["cause"]
    assert len(record["events"]) == 300
    assert record["events"][-1]["type"] == "ExecutionFailed"


def test_the_limit_is_that_of_the_service() -> None:
    assert (values.HISTORY_EVENTS, values.PAYLOAD_BYTES, values.DEFINITION_BYTES) == (25_000, 262_144, 1_048_576)
    assert not values.too_large("é" * 131_072)
    assert values.too_large("é" * 131_073)


def test_data_limit_is_caught_by_its_name_only(bench: Any) -> None:
    bench.host.functions["invoke"] = lambda _: "x" * 300_000

    def caught(name: str) -> dict[str, Any]:
        catch = [{"ErrorEquals": [name], "Next": "Z"}]
        found: dict[str, Any] = bench.run({"T": {**TASK, "Catch": catch}, "Z": PASS})
        return found

    assert caught("States.ALL")["status"] == caught("States.TaskFailed")["status"] == "FAILED"
    assert caught("States.DataLimitExceeded")["status"] == "SUCCEEDED"


def test_variables_are_limited(bench: Any) -> None:
    assign = {"v": "{% $join($map([1..3000], function($i) { $states.input.text })) %}"}
    state = {"Type": "Pass", "Assign": assign, "End": True}
    record = bench.run({"A": state}, {"text": "x" * 100}, QueryLanguage="JSONata")
    assert record["error"] == "States.DataLimitExceeded"


@pytest.mark.parametrize("expression", ["$f := function($n) { $f($n + 1) }; $f(1)", "1 +", "$error('no')"])
def test_an_expression_never_hangs_or_crashes_the_interpreter(
    bench: Any, expression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(expressions, "LIMIT_MILLISECONDS", 200)
    text = json.dumps(
        {"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {**PASS, "Output": f"{{% ({expression}) %}}"}}}
    )
    if definition.refused(text) is not None:
        assert expression == "1 +"
        return
    record = bench.run({"A": {**PASS, "Output": f"{{% ({expression}) %}}"}}, QueryLanguage="JSONata")
    assert record["error"] == "States.QueryEvaluationError"
    assert "EvaluationFailed" in [event["type"] for event in record["events"]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[]", "JSON object"),
        ("null", "JSON object"),
        ('{"StartAt":"A","StartAt":"A","States":{"A":{"Type":"Succeed"}}}', "duplicate"),
        ('{"a":' * 3000, "JSON"),
        ("[" * 200_000, "JSON|nested"),
        (json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed", "Comment": "x" * 1_048_576}}}), "larger"),
        ('{"StartAt":"A","States":{"A":[]}}', "object"),
        ('{"StartAt":["A"],"States":{"A":{"Type":"Succeed"}}}', "StartAt"),
        ('{"StartAt":"A","States":{"A":{"Type":["x"]}}}', "Type"),
        ('{"StartAt":"A","States":{"A":{"Type":"Pass","Next":["B"]}}}', "Next"),
        ('{"StartAt":"A","States":{"A":{"Type":"Choice","Choices":[1]}}}', "rule"),
        ('{"StartAt":"A","States":{"A":{"Type":"Choice","Choices":[null]}}}', "rule"),
        ('{"StartAt":"A","States":{"A":{"Type":"Parallel","Branches":[7],"End":true}}}', "StartAt"),
        ('{"StartAt":"A","States":{"A":{"Type":"Map","ItemProcessor":[],"End":true}}}', "StartAt"),
        ('{"StartAt":"A","States":{"A":{"Type":"Task","Resource":5,"Retry":[[]],"Catch":{},"End":true}}}', "Resource"),
        ('{"StartAt":"A","States":{"A":{"Type":"Pass","Assign":7,"Parameters":{"a.$":7},"End":true}}}', "Assign"),
        ('{"StartAt":"A","TimeoutSeconds":"x","States":{"A":{"Type":"Succeed"}}}', "TimeoutSeconds"),
        ('{"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":"soon","End":true}}}', "Seconds"),
        (
            '{"QueryLanguage":"JSONata","StartAt":"A","States":{"A":{"Type":"Pass","Output":"{% 1","End":true}}}',
            "end with",
        ),
    ],
)
def test_a_definition_of_any_shape_is_refused_in_words(text: str, words: str) -> None:
    import re

    refused = definition.refused(text)
    assert refused is not None
    assert re.search(words, refused), refused


WHOLE: dict[str, Any] = {
    "StartAt": "C",
    "TimeoutSeconds": 5,
    "States": {
        "C": {
            "Type": "Choice",
            "Choices": [
                {
                    "And": [{"Variable": "$.a", "IsNull": True}, {"Not": {"Variable": "$.b", "NumericEquals": 1}}],
                    "Next": "T",
                    "Assign": {"x.$": "$.a"},
                }
            ],
            "Default": "M",
        },
        "T": {
            "Type": "Task",
            "Resource": FUNCTION,
            "Parameters": {"a.$": "States.Array($.a, 1)"},
            "TimeoutSeconds": 9,
            "Retry": [{"ErrorEquals": ["E"], "BackoffRate": 1.5}],
            "Catch": [{"ErrorEquals": ["E"], "Next": "Z"}],
            "ResultPath": "$.r",
            "Credentials": {"RoleArn": "r"},
            "Next": "Z",
        },
        "M": {
            "Type": "Map",
            "ItemReader": {"Resource": "arn:aws:states:::s3:getObject", "Parameters": {"Bucket": "b"}},
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "I",
                "States": {"I": {"Type": "Wait", "Seconds": 1, "End": True}},
            },
            "Next": "P",
        },
        "P": {
            "Type": "Parallel",
            "QueryLanguage": "JSONata",
            "Arguments": "{% $states.input %}",
            "Branches": [{"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}],
            "Next": "Z",
        },
        "Z": {"Type": "Succeed"},
    },
}
JUNK: list[Any] = [
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    "$",
    "$.[",
    "{%",
    "{% 1 + %}",
    [],
    [None],
    {},
    {"a": {}},
    [["x"]],
    10**30,
]


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, inner in entries for found in _places(inner, (*path, key)))]


def _replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    if isinstance(value, dict):
        return {**value, path[0]: _replaced(value[path[0]], path[1:], new)}
    return [_replaced(item, path[1:], new) if index == path[0] else item for index, item in enumerate(value)]


def test_a_good_definition_spoilt_anywhere_is_judged_and_never_crashes_the_check() -> None:
    assert definition.refused(json.dumps(WHOLE)) is None
    refused = 0
    places = [place for place in _places(WHOLE) if place]
    for place in places:
        for junk in JUNK:
            refused += definition.refused(json.dumps(_replaced(WHOLE, place, junk))) is not None
    assert refused > len(places) * len(JUNK) * 0.7


def test_every_diagnostic_names_its_place() -> None:
    text = json.dumps(
        {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B", "Color": 1}, "C": {"Type": "Succeed"}}}
    )
    found = {(one.code, one.location) for one in definition.diagnose(text)}
    assert found == {
        ("SCHEMA_VALIDATION_FAILED", "/States/A/Color"),
        ("MISSING_TRANSITION_TARGET", "/States/A"),
        ("UNREACHABLE_STATE", "/States/C"),
    }


def test_values_are_never_changed_in_place(bench: Any, kinds: Callable[..., list[str]]) -> None:
    given = {"deep": {"list": [1, 2]}}
    record = bench.run(
        {
            "A": {"Type": "Pass", "Result": 5, "ResultPath": "$.deep.list[0]", "Next": "B"},
            "B": {
                "Type": "Pass",
                "Parameters": {"now.$": "$.deep.list", "then.$": "$$.Execution.Input.deep.list"},
                "End": True,
            },
        },
        given,
    )
    assert json.loads(record["output"]) == {"now": [5, 2], "then": [1, 2]}
    assert kinds(record)[0] == "ExecutionStarted"


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ("nonsense", "InvalidOutput"),
        ("[" * 100_000, "InvalidOutput"),
        ('"' + "x" * 262_144 + '"', "ValidationException"),
    ],
)
def test_what_comes_back_for_a_token_is_checked(bench: Any, output: str, code: str) -> None:
    from rehearsal.asl.errors import RequestError

    bench.engine.tokens.wait("t")
    with pytest.raises(RequestError) as refused:
        bench.engine.tokens.success("t", output)
    assert refused.value.code == code
    for token, expected in (("stranger", "InvalidToken"), ("closed", "TaskTimedOut")):
        bench.engine.tokens.wait("closed")
        bench.engine.tokens.close("closed")
        with pytest.raises(RequestError) as unknown:
            bench.engine.tokens.heartbeat(token)
        assert unknown.value.code == expected
