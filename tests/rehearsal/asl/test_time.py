"""Everything that waits does so on cloud time; real work also gets time on the wall."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from rehearsal.asl import deadline
from rehearsal.asl.errors import StatesError

FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:echo"
TOKEN = "arn:aws:states:::sqs:sendMessage.waitForTaskToken"
JOB = "arn:aws:states:::sagemaker:createTrainingJob.sync"


def test_retries_wait_as_long_as_they_say(bench: Any, until: Callable[..., Any]) -> None:
    times = []

    def fail(_: Any) -> Any:
        times.append(bench.host.clock.now())
        raise StatesError("E", "")

    bench.host.functions["invoke"] = fail
    retry = {"ErrorEquals": ["E"], "IntervalSeconds": 100, "BackoffRate": 3, "MaxDelaySeconds": 500, "MaxAttempts": 3}
    run = bench.start({"T": {"Type": "Task", "Resource": FUNCTION, "Retry": [retry], "End": True}})
    for number, seconds in ((1, 100), (2, 300), (3, 500)):
        until(lambda n=number: len(times) == n)
        bench.host.clock.advance(seconds - 1)
        time.sleep(0.02)
        assert len(times) == number
        bench.host.clock.advance(1)
    assert bench.ended(run)["error"] == "E"
    assert len(times) == 4


def test_full_jitter_spreads_retries(bench: Any) -> None:
    from rehearsal.asl.retry import delay_seconds

    entry = {"IntervalSeconds": 100, "BackoffRate": 1, "JitterStrategy": "FULL"}
    delays = [delay_seconds(entry, 0) for _ in range(200)]
    assert 0 <= min(delays) < 20 < 80 < max(delays) <= 100
    assert len({round(delay) for delay in delays}) > 30


@pytest.mark.fault("D16")
def test_a_missed_heartbeat_ends_the_wait_for_a_token(bench: Any, until: Callable[..., Any]) -> None:
    given: list[Any] = []
    bench.host.functions["sendMessage"] = lambda arguments: given.append(arguments) or {}
    state = {
        "Type": "Task",
        "Resource": TOKEN,
        "Parameters": {"MessageBody.$": "$$.Task.Token"},
        "HeartbeatSeconds": 60,
        "TimeoutSeconds": 3600,
        "End": True,
    }
    run = bench.start({"T": state})
    until(lambda: given)
    token = given[0]["MessageBody"]
    for _ in range(3):
        bench.host.clock.advance(50)
        bench.engine.tokens.heartbeat(token)
        time.sleep(0.06)
    assert run.record["status"] == "RUNNING"
    bench.host.clock.advance(61)
    assert bench.ended(run)["error"] == "States.HeartbeatTimeout"
    with pytest.raises(Exception, match="TaskTimedOut"):
        bench.engine.tokens.success(token, "{}")


@pytest.mark.fault("D16")
def test_a_lost_token_is_never_heard_and_times_out(bench: Any, until: Callable[..., Any]) -> None:
    bench.faults.arm("D16", 1, {"machine": "mach*", "state": "T"})
    given: list[Any] = []
    bench.host.functions["sendMessage"] = lambda arguments: given.append(arguments) or {}
    state = {
        "Type": "Task",
        "Resource": TOKEN,
        "Parameters": {"b.$": "$$.Task.Token"},
        "TimeoutSeconds": 60,
        "End": True,
    }
    run = bench.start({"T": state})
    until(lambda: given)
    bench.engine.tokens.success(given[0]["b"], "{}")
    time.sleep(0.1)
    assert run.record["status"] == "RUNNING"
    bench.host.clock.advance(60)
    assert bench.ended(run)["error"] == "States.Timeout"


def test_a_fast_clock_does_not_end_a_job_before_its_floor_on_the_wall(
    bench: Any, until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "WALL_FLOOR_SECONDS", 0.5)
    state = {"Type": "Task", "Resource": JOB, "Parameters": {"name": "j"}, "TimeoutSeconds": 3600, "End": True}
    run = bench.start({"T": state})
    until(lambda: "j" in bench.host.jobs)
    began = time.monotonic()
    bench.host.clock.advance(7200)
    assert bench.ended(run)["error"] == "States.Timeout"
    assert time.monotonic() - began > 0.3
    assert bench.host.cancelled == ["j"]


@pytest.mark.parametrize("limit", [{}, {"TimeoutSeconds": 3600}])
def test_a_job_that_began_while_its_execution_was_stopped_is_stopped_too(
    bench: Any, until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, limit: dict[str, int]
) -> None:
    called, release, call = threading.Event(), threading.Event(), bench.host.call
    monkeypatch.setattr(bench.host, "call", lambda given: (called.set(), release.wait(10), call(given))[-1])
    run = bench.start({"T": {"Type": "Task", "Resource": JOB, "Parameters": {"name": "j"}, **limit, "End": True}})
    until(called.is_set)
    run.end("ABORTED")
    release.set()
    until(lambda: bench.host.cancelled == ["j"])


def test_a_hanging_function_is_left_when_its_time_is_over(
    bench: Any, until: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "WALL_FLOOR_SECONDS", 0.0)
    called, release = threading.Event(), threading.Event()
    bench.host.functions["invoke"] = lambda _: (called.set(), release.wait(10))
    run = bench.start({"T": {"Type": "Task", "Resource": FUNCTION, "TimeoutSeconds": 5, "End": True}})
    assert called.wait(5)
    bench.host.clock.advance(5)
    assert bench.ended(run)["error"] == "States.Timeout"
    assert run.record["events"][-2]["type"] == "LambdaFunctionTimedOut"
    release.set()


@pytest.mark.fault("D03")
def test_an_execution_past_its_limit_ends_and_takes_its_waits_along(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deadline, "WALL_FLOOR_SECONDS", 0.0)
    run = bench.start({"W": {"Type": "Wait", "Seconds": 999, "End": True}}, TimeoutSeconds=60)
    bench.host.clock.advance(59)
    bench.engine.watch()
    assert run.record["status"] == "RUNNING"
    bench.host.clock.advance(1)
    bench.engine.watch()
    assert (run.record["status"], run.record["error"]) == ("TIMED_OUT", "States.Timeout")
    assert bench.host.changes[-1] == (run.record["name"], "TIMED_OUT")


def test_jsonata_limits_are_evaluated(bench: Any, until: Callable[..., Any]) -> None:
    state = {
        "Type": "Task",
        "Resource": TOKEN,
        "Arguments": {"b": "{% $states.context.Task.Token %}"},
        "TimeoutSeconds": "{% $states.input.n * 2 %}",
        "End": True,
    }
    bench.host.functions["sendMessage"] = lambda _: {}
    run = bench.start({"T": state}, {"n": 30}, QueryLanguage="JSONata")
    until(lambda: "TaskSubmitted" in json.dumps(run.record["events"]))
    bench.host.clock.advance(60)
    assert bench.ended(run)["error"] == "States.Timeout"


def test_an_activity_counts_from_when_a_worker_has_it(bench: Any, until: Callable[..., Any]) -> None:
    arn = "arn:aws:states:eu-west-1:111122223333:activity:work"
    run = bench.start({"T": {"Type": "Task", "Resource": arn, "TimeoutSeconds": 60, "End": True}}, {"n": 1})
    until(bench.entered("T"))
    bench.host.clock.advance(600)
    token, given = until(lambda: bench.engine.tokens.dequeue(arn, "me"))
    assert json.loads(given) == {"n": 1}
    bench.engine.tokens.success(token, '{"done": true}')
    assert json.loads(bench.ended(run)["output"]) == {"done": True}
    assert '"workerName": "me"' in json.dumps(run.record["events"])
