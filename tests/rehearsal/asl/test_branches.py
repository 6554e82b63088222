"""Parallel and Map: siblings end with the first failure, and every line of control tells its own story."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from rehearsal.asl.errors import StatesError

JOB = "arn:aws:states:::sagemaker:createTrainingJob.sync"
FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:echo"


def branch(*states: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    return {"StartAt": states[0][0], "States": dict(states)}


def test_a_failing_branch_stops_the_jobs_and_waits_of_its_siblings(
    bench: Any, until: Callable[..., Any], kinds: Callable[..., list[str]]
) -> None:
    def fail(_: Any) -> Any:
        until(lambda: "TaskSubmitted" in [event["type"] for event in bench.only().record["events"]])
        raise StatesError("Boom", "bang")

    bench.host.functions["invoke"] = fail
    record = bench.run(
        {
            "P": {
                "Type": "Parallel",
                "Branches": [
                    branch(("J", {"Type": "Task", "Resource": JOB, "Parameters": {"name": "j"}, "End": True})),
                    branch(("W", {"Type": "Wait", "Seconds": 999, "Next": "W2"}), ("W2", {"Type": "Succeed"})),
                    branch(("F", {"Type": "Task", "Resource": FUNCTION, "End": True})),
                ],
                "Catch": [{"ErrorEquals": ["States.BranchFailed"], "Next": "Caught"}],
                "End": True,
            },
            "Caught": {"Type": "Pass", "End": True},
        }
    )
    assert json.loads(record["output"]) == {"Error": "Boom", "Cause": "bang"}
    until(lambda: bench.host.cancelled == ["j"])
    told = kinds(record)
    assert {"TaskStateAborted", "WaitStateAborted"} <= set(told)
    assert told.index("WaitStateAborted") < told.index("ParallelStateFailed") < told.index("ParallelStateExited")
    assert told.count("TaskStateAborted") == 1  # what failed by itself is not said to be aborted


def test_each_event_follows_one_of_its_own_line_of_control(bench: Any) -> None:
    record = bench.run(
        {
            "P": {
                "Type": "Parallel",
                "Branches": [
                    branch(("A", {"Type": "Pass", "Next": "A2"}), ("A2", {"Type": "Pass", "End": True})),
                    branch(
                        (
                            "M",
                            {
                                "Type": "Map",
                                "ItemsPath": "$.items",
                                "MaxConcurrency": 2,
                                "Iterator": branch(("I", {"Type": "Pass", "End": True})),
                                "End": True,
                            },
                        )
                    ),
                ],
                "End": True,
            }
        },
        {"items": [1, 2, 3]},
    )
    events = {event["id"]: event for event in record["events"]}
    assert sorted(events) == list(range(1, len(events) + 1))
    assert all(event["previousEventId"] < event["id"] for event in events.values())

    def before(kind: str, name: str = "") -> set[str]:
        def named(event: dict[str, Any]) -> bool:
            return not name or name in json.dumps(event)

        return {events[e["previousEventId"]]["type"] for e in events.values() if e["type"] == kind and named(e)}

    assert before("PassStateEntered", '"A"') == {"ParallelStateStarted"}
    assert before("PassStateEntered", '"A2"') == {"PassStateExited"}
    assert before("MapIterationStarted") == {"MapStateStarted"}
    assert before("PassStateEntered", '"I"') == {"MapIterationStarted"}
    assert before("MapStateSucceeded") == {"MapIterationSucceeded"}
    assert before("ParallelStateExited") == {"ParallelStateSucceeded"}


def test_a_failing_iteration_aborts_the_others(bench: Any, kinds: Callable[..., list[str]]) -> None:
    inner = {
        "StartAt": "C",
        "States": {
            "C": {"Type": "Choice", "Choices": [{"Variable": "$", "NumericEquals": 0, "Next": "F"}], "Default": "W"},
            "F": {"Type": "Wait", "Seconds": 0, "Next": "F2"},
            "F2": {"Type": "Fail", "Error": "Zero"},
            "W": {"Type": "Wait", "Seconds": 999, "End": True},
        },
    }
    record = bench.run({"M": {"Type": "Map", "ItemProcessor": inner, "End": True}}, [1, 2, 0])
    told = kinds(record)
    assert (record["status"], record["error"]) == ("FAILED", "Zero")
    assert told.count("MapIterationAborted") == told.count("MapIterationStarted") - 1
    assert told[-3:] == ["MapIterationAborted", "MapStateFailed", "ExecutionFailed"] or told[-2:] == [
        "MapStateFailed",
        "ExecutionFailed",
    ]


def test_stopping_an_execution_reaches_the_innermost_job(bench: Any, until: Callable[..., Any]) -> None:
    job = {"Type": "Task", "Resource": JOB, "Parameters": {"name.$": "$"}, "End": True}
    run = bench.start({"M": {"Type": "Map", "ItemProcessor": branch(("J", job)), "End": True}}, ["a", "b"])
    until(lambda: len(bench.host.jobs) == 2)
    bench.engine.stop(run.record, "Operator", "enough")
    until(lambda: sorted(bench.host.cancelled) == ["a", "b"])
    assert (run.record["status"], run.record["error"]) == ("ABORTED", "Operator")
    assert run.record["events"][-1]["type"] == "ExecutionAborted"


@pytest.mark.parametrize("most", [1, 3])
def test_no_more_iterations_run_than_allowed(bench: Any, most: int) -> None:
    import threading

    running, seen, lock = [0], [0], threading.Lock()
    gate = threading.Barrier(most)

    def work(given: Any) -> Any:
        with lock:
            running[0] += 1
            seen[0] = max(seen[0], running[0])
        gate.wait(5)
        with lock:
            running[0] -= 1
        return given

    bench.host.functions["invoke"] = work
    task = branch(("T", {"Type": "Task", "Resource": FUNCTION, "End": True}))
    state = {"Type": "Map", "MaxConcurrency": most, "ItemProcessor": task, "End": True}
    assert bench.output({"M": state}, list(range(6))) == list(range(6))
    assert seen == [most]


def test_a_distributed_map_writes_what_became_of_its_items(bench: Any) -> None:
    inner = {
        "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
        "StartAt": "C",
        "States": {
            "C": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 2, "Next": "F"}], "Default": "S"},
            "F": {"Type": "Fail", "Error": "Two"},
            "S": {"Type": "Succeed"},
        },
    }
    bench.host.bucket.objects["in.jsonl"] = b'{"n":1}\n{"n":2}\n\n{"n":3}\n'
    state = {
        "Type": "Map",
        "ItemReader": {
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "JSONL"},
            "Parameters": {"Bucket": "b", "Key": "in.jsonl"},
        },
        "ToleratedFailureCount": 1,
        "ItemProcessor": inner,
        "ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b", "Prefix": "out"}},
        "End": True,
    }
    output = bench.output({"M": state})
    objects = bench.host.bucket.objects
    manifest = json.loads(objects[output["ResultWriterDetails"]["Key"]])
    results = {
        status: json.loads(objects[files[0]["Key"]]) if files else []
        for status, files in manifest["ResultFiles"].items()
    }
    assert [json.loads(one["Output"]) for one in results["SUCCEEDED"]] == [{"n": 1}, {"n": 3}]
    assert [one["Error"] for one in results["FAILED"]] == ["Two"]
    (map_run,) = bench.host.map_runs.values()
    counts = {name: map_run["itemCounts"][name] for name in ("total", "succeeded", "failed", "pending", "running")}
    assert counts == {"total": 3, "succeeded": 2, "failed": 1, "pending": 0, "running": 0}
    children = [record for record in bench.host.records.values() if record.get("mapRunArn") == map_run["mapRunArn"]]
    assert sorted(child["status"] for child in children) == ["FAILED", "SUCCEEDED", "SUCCEEDED"]
