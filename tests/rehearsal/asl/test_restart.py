"""A cloud that is killed and started again goes on with every execution from the state it was in; so does a redrive."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from rehearsal.asl.errors import RequestError, StatesError

JOB = "arn:aws:states:::sagemaker:createTrainingJob.sync"
TOKEN = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:echo"


def one(name: str, state: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": name, "States": {name: {**state, "End": True}}}


def test_a_wait_ends_when_it_would_have(bench: Any, until: Callable[..., Any]) -> None:
    states = {
        "A": {"Type": "Pass", "Assign": {"x.$": "$.n"}, "Next": "W"},
        "W": {"Type": "Wait", "Seconds": 100, "Next": "B"},
        "B": {"Type": "Pass", "Parameters": {"x.$": "$x", "start.$": "$$.Execution.StartTime"}, "End": True},
    }
    run = bench.start(states, {"n": 7})
    until(bench.entered("W"))
    bench.host.clock.advance(60)
    other = bench.restarted()
    again = other.only()
    bench.host.clock.advance(39)
    assert again.record["status"] == "RUNNING"
    bench.host.clock.advance(1)
    record = other.ended(again)
    assert json.loads(record["output"]) == {"x": 7, "start": run.record["startDate"]}
    assert [event["id"] for event in record["events"]] == list(range(1, len(record["events"]) + 1))
    assert [event["type"] for event in record["events"]].count("WaitStateEntered") == 1


def test_branches_that_are_done_are_not_run_again_and_jobs_are_awaited(bench: Any, until: Callable[..., Any]) -> None:
    counted: list[int] = []
    bench.host.functions["invoke"] = lambda given: counted.append(1) or given
    parallel = {
        "Type": "Parallel",
        "Branches": [
            one("F", {"Type": "Task", "Resource": FUNCTION}),
            one("J", {"Type": "Task", "Resource": JOB, "Parameters": {"name": "j"}}),
            one("W", {"Type": "Wait", "Seconds": 10}),
        ],
        "End": True,
    }
    run = bench.start({"P": parallel}, {"n": 1})
    until(lambda: "TaskSubmitted" in json.dumps(run.record["events"]))
    until(bench.entered("W"))
    until(lambda: "LambdaFunctionSucceeded" in json.dumps(run.record["events"]) and run.frame.children[0].done)
    other = bench.restarted()
    bench.host.jobs["j"] = {"status": "Completed"}
    bench.host.clock.advance(10)
    record = other.ended(other.only())
    assert json.loads(record["output"]) == [{"n": 1}, {"status": "Completed"}, {"n": 1}]
    assert counted == [1]
    assert len([call for call in bench.host.calls if call.resource.sync]) == 1
    assert bench.host.cancelled in ([], ["j"])  # the process that is gone may have said so to its own host


def test_a_token_is_still_good_and_a_retry_still_waits(bench: Any, until: Callable[..., Any]) -> None:
    tokens: list[str] = []
    failures = [StatesError("E", "")]

    def send(given: Any) -> Any:
        if failures:
            raise failures.pop()
        tokens.append(given["b"])
        return {}

    bench.host.functions["sendMessage"] = send
    state = {
        "Type": "Task",
        "Resource": TOKEN,
        "Parameters": {"b.$": "$$.Task.Token"},
        "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 50}],
        "End": True,
    }
    run = bench.start({"T": state})
    until(lambda: run.frame.retries == {0: 1} and run.frame.work and "retry_at" in run.frame.work)
    second = bench.restarted()
    again = second.only()
    assert not tokens
    bench.host.clock.advance(50)
    until(lambda: tokens and again.frame.work and "response" in again.frame.work)
    third = second.restarted()
    until(lambda: tokens[0] in third.engine.tokens._open)
    third.engine.tokens.success(tokens[0], '{"ok": 1}')
    assert json.loads(third.ended(third.only() if third.engine.runs else _ended(third))["output"]) == {"ok": 1}
    assert len(tokens) == 1


def _ended(bench: Any) -> Any:
    raise AssertionError("the execution ended before its token came")


def test_a_task_that_was_being_called_is_called_again_and_told_so(bench: Any, until: Callable[..., Any]) -> None:
    import threading

    first = threading.Event()

    def call(given: Any) -> Any:
        if not first.is_set():
            first.set()
            threading.Event().wait(2)
        return given

    bench.host.functions["invoke"] = call
    bench.start({"T": {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 600, "End": True}}, {"n": 1})
    assert first.wait(5)
    other = bench.restarted()
    record = next(iter(bench.host.records.values()))
    until(lambda: bench.host.records[record["executionArn"]]["status"] == "SUCCEEDED")
    assert [call.resumed for call in bench.host.calls] == [False, True]
    assert not other.engine.runs


@pytest.mark.parametrize("mode", ["INLINE", "DISTRIBUTED"])
def test_a_map_goes_on_with_the_items_that_are_left(bench: Any, until: Callable[..., Any], mode: str) -> None:
    done: list[int] = []

    def work(given: Any) -> Any:
        done.append(given)
        return given * 10

    bench.host.functions["invoke"] = work
    config = {"Mode": mode, **({"ExecutionType": "STANDARD"} if mode == "DISTRIBUTED" else {})}
    inner = {
        "ProcessorConfig": config,
        "StartAt": "C",
        "States": {
            "C": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericLessThan": 2, "Next": "T"}], "Default": "W"},
            "W": {"Type": "Wait", "Seconds": 100, "Next": "T"},
            "T": {"Type": "Task", "Resource": FUNCTION, "End": True},
        },
    }
    bench.start({"M": {"Type": "Map", "ItemProcessor": inner, "End": True}}, [0, 1, 2, 3])

    def waiting() -> int:
        events = [event for run in list(bench.engine.runs.values()) for event in list(run.record["events"])]
        return sum(event["type"] == "WaitStateEntered" for event in events)

    until(lambda: sorted(done) == [0, 1] and waiting() == 2)
    until(lambda: len(bench.engine.runs) == (1 if mode == "INLINE" else 3))
    other = bench.restarted()
    run = other.only()
    bench.host.clock.advance(100)
    record = other.ended(run)
    assert json.loads(record["output"]) == [0, 10, 20, 30]
    assert sorted(done) == [0, 1, 2, 3]


@pytest.mark.fault("D15")
def test_a_redrive_goes_on_in_the_state_that_failed_with_no_doubled_effect(
    bench: Any, kinds: Callable[..., list[str]]
) -> None:
    effects: list[str] = []
    bench.host.functions["invoke"] = lambda given: effects.append(given["who"]) or given
    bench.faults.arm("D15", 1, {"state": "B"})

    def task(who: str, **more: Any) -> dict[str, Any]:
        return {"Type": "Task", "Resource": FUNCTION, "Parameters": {"who": who}, "ResultPath": None, **more}

    run = bench.start(
        {
            "A": task("a", Next="P"),
            "P": {
                "Type": "Parallel",
                "ResultPath": None,
                "Branches": [one("B", task("b")), one("C", task("c"))],
                "Next": "D",
            },
            "D": task("d", End=True),
        },
        {"n": 1},
    )
    record = bench.ended(run)
    assert (record["status"], record["error"]) == ("FAILED", "States.TaskFailed")
    before = effects.count("c")
    bench.engine.redrive(record)
    again = bench.only() if bench.engine.runs else None
    if again is not None:
        bench.ended(again)
    assert record["status"] == "SUCCEEDED"
    assert (record["redriveCount"], json.loads(record["output"])) == (1, {"n": 1})
    assert effects.count("a") == 1
    assert effects.count("b") == 2  # the fault struck after the side effect: the task itself must be safe to run twice
    assert effects.count("c") == 1 or before == 0
    assert kinds(record).count("ExecutionRedriven") == 1
    with pytest.raises(RequestError, match="cannot be redriven"):
        bench.engine.redrive(record)


def test_a_redrive_is_refused_after_fourteen_days(bench: Any) -> None:
    record = bench.run({"F": {"Type": "Fail", "Error": "E"}})
    assert bench.engine.redrivable(record) is None
    bench.host.clock.advance(14 * 86_400 + 1)
    with pytest.raises(RequestError) as refused:
        bench.engine.redrive(record)
    assert refused.value.code == "ExecutionNotRedrivable"


def test_what_failed_can_still_be_redriven_after_a_restart(bench: Any) -> None:
    outcomes = [StatesError("E", "once")]

    def call(given: Any) -> Any:
        if outcomes:
            raise outcomes.pop()
        return given

    bench.host.functions["invoke"] = call
    record = bench.run({"T": {"Type": "Task", "Resource": FUNCTION, "End": True}}, {"n": 1})
    other = bench.restarted()
    other.engine.redrive(record)
    while other.engine.runs:
        other.ended(next(iter(other.engine.runs.values()), other))
    assert (record["status"], record["output"]) == ("SUCCEEDED", '{"n":1}')
