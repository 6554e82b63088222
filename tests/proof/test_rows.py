"""Faults of Step Functions and Lambda that meet a release, on the definition that is deployed."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from release_proof.machine import AFTER, Bench, Fault
from release_proof.scenarios import canary


def changes(one: Bench) -> int:
    """How often the endpoint was updated."""
    return sum(a.state == "Update the endpoint" and a.outcome in ("ok", "lost") for a in one.host.attempts)


@pytest.mark.parametrize(
    "error",
    [
        pytest.param("States.DataLimitExceeded", marks=pytest.mark.fault("D01")),
        pytest.param("States.Runtime", marks=pytest.mark.fault("D02")),
    ],
)
@pytest.mark.parametrize("state", ["Read the version", "Verify what is live", "What is live now?"])
def test_what_nothing_catches_is_settled_told_once_and_taken_up_by_the_sweep(
    bench: Callable[[], Bench], error: str, state: str
) -> None:
    one = bench()
    canary(one)
    one.account.wrong_answers = {2} if state == "What is live now?" else set()
    one.host.faults = [Fault(state, error)]
    record = one.run("approval")
    assert (record["status"], record["error"]) == ("FAILED", error)
    assert [n["execution"] for n in one.account.notices] == [record["executionArn"]]
    assert one.account.lock_owner == ""
    assert one.account.fact(f"release#{record['name']}")["outcome"] == "failed"
    one.host.faults = []
    one.sweep(2)
    live = one.account.fact("live")
    assert live["version"] == (1 if one.account.wrong_answers else 2)
    assert one.account.live_config == live["config"]


@pytest.mark.fault("D07")
@pytest.mark.parametrize("state", ["Plan the release", "Check before the shift", "Verify what is live", "Clean up"])
def test_a_throttled_function_is_called_again(bench: Callable[[], Bench], state: str) -> None:
    one = bench()
    canary(one)
    one.host.faults = [Fault(state, "Lambda.TooManyRequestsException", times=3)]
    assert json.loads(one.run("approval")["output"])["outcome"] == "released"
    assert one.host.faults[0].struck == 3


@pytest.mark.fault("D08")
def test_an_event_of_a_bad_end_that_comes_three_times_is_told_once(bench: Callable[[], Bench]) -> None:
    one = bench()
    canary(one)
    one.host.faults = [Fault("Verify what is live", "States.Runtime")]
    record = one.run("approval")
    one.settle(record)
    one.settle(record)
    assert len(one.account.notices) == 1


@pytest.mark.fault("D15")
def test_a_redriven_execution_finds_its_lock_gone_and_changes_nothing(bench: Callable[[], Bench]) -> None:
    one = bench()
    canary(one)
    one.host.faults = [Fault("Verify what is live", "States.Runtime", times=1)]
    record = one.run("approval")
    one.engine.redrive(record)
    run = one.engine.runs.get(record["executionArn"])
    assert run is None or run.over.wait(30)
    assert record["error"] == "ReleaseLockLost"
    assert changes(one) == 1
    one.sweep()
    assert one.account.fact("live")["version"] == 2
    assert changes(one) == 1


@pytest.mark.fault("D14")
def test_stages_that_no_longer_take_an_old_executions_words_stop_it_and_a_person_is_told(
    bench: Callable[[], Bench],
) -> None:
    """The definition stays that of the start, the functions do not: they refuse what they do not know by its name."""
    one = bench()
    canary(one)
    one.host.faults = [Fault(state, "BadEventError") for state in ("Verify what is live", "What is live now?")]
    record = one.run("approval")
    assert json.loads(record["cause"])["outcome"] == "halted"
    assert len(one.account.notices) == 1
    assert one.account.lock_owner == ""
    assert len(one.account.sagemaker.configs) == 2  # the way back stays


@pytest.mark.fault("C08")
def test_a_package_that_another_changes_at_the_same_time_is_marked_in_the_end(bench: Callable[[], Bench]) -> None:
    one = bench()
    canary(one)
    one.host.faults = [Fault("Mark the lifecycle stage", "SageMaker.ConflictException", times=3)]
    assert one.run("approval")["status"] == "SUCCEEDED"
    assert one.account.sagemaker.packages[2]["ModelLifeCycle"]["StageStatus"] == "Approved"


@pytest.mark.fault("D13")
def test_an_execution_that_does_the_same_again_has_no_effect(bench: Callable[[], Bench]) -> None:
    one = bench()
    canary(one)
    one.host.faults = [Fault("Give the lock back", "States.TaskFailed", AFTER, 1)]
    one.run("approval")
    one.run("approval")
    assert changes(one) == 1


@pytest.mark.fault("D16")
def test_a_token_that_is_lost_is_missed_for_a_minute_at_most(definition: dict[str, Any]) -> None:
    """What waits for one goes on by itself to the same look that the token would have led to."""
    tasks = [s for s in definition["States"].values() if s["Type"] == "Task"]
    assert not [s for s in tasks if ":activity:" in s["Resource"] or s["Resource"].endswith(".sync")]
    waiting = [s for s in tasks if s["Resource"].endswith(".waitForTaskToken")]
    assert len(waiting) == 2
    for state in waiting:
        (over,) = (c for c in state["Catch"] if "States.Timeout" in c["ErrorEquals"])
        assert over["Next"] == state["Next"]
        assert state["TimeoutSeconds"] <= 60
        assert not [
            r for r in state["Retry"] if "States.Timeout" in r["ErrorEquals"] or "States.ALL" in r["ErrorEquals"]
        ]


@pytest.mark.fault("D17")
def test_machines_that_failed_together_do_not_come_back_together(definition: dict[str, Any]) -> None:
    retriers = [(n, r) for n, s in definition["States"].items() for r in s.get("Retry", []) if r["MaxAttempts"]]
    assert len(retriers) > 40
    assert {n for n, r in retriers if r.get("JitterStrategy") != "FULL"} == set()
