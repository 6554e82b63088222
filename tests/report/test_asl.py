"""A definition and a history as a graph."""

from typing import Any

from slipway.report.asl import graph, walk
from slipway.report.facts import Path, State
from slipway.report.graph import draw, positions, ranks

MACHINE = {
    "StartAt": "Check",
    "States": {
        "Check": {"Type": "Task", "Next": "Both", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Tell"}]},
        "Both": {
            "Type": "Parallel",
            "Next": "Good?",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Tell"}],
            "Branches": [
                {"StartAt": "Train", "States": {"Train": {"Type": "Task", "End": True}}},
                {"StartAt": "Baseline", "States": {"Baseline": {"Type": "Task", "End": True}}},
            ],
        },
        "Good?": {"Type": "Choice", "Choices": [{"Next": "Wait"}], "Default": "Done"},
        "Wait": {"Type": "Wait", "Next": "Good?"},
        "Done": {"Type": "Succeed"},
        "Tell": {"Type": "Task", "Next": "Failed"},
        "Failed": {"Type": "Fail"},
    },
}


def event(id_: int, kind: str, name: str | None = None, before: int = 0) -> dict[str, Any]:
    out: dict[str, Any] = {"id": id_, "type": kind, "previousEventId": before}
    if name and kind.endswith("Entered"):
        out["stateEnteredEventDetails"] = {"name": name}
    elif name:
        out["stateExitedEventDetails"] = {"name": name}
    return out


GOOD = [
    event(1, "ExecutionStarted"),
    event(2, "TaskStateEntered", "Check", 1),
    event(3, "TaskSucceeded", None, 2),
    event(4, "TaskStateExited", "Check", 3),
    event(5, "ParallelStateEntered", "Both", 4),
    event(6, "TaskStateEntered", "Train", 5),
    event(7, "TaskStateEntered", "Baseline", 5),
    event(8, "TaskStateExited", "Baseline", 7),
    event(9, "TaskStateExited", "Train", 6),
    event(10, "ParallelStateExited", "Both", 9),
    event(11, "ChoiceStateEntered", "Good?", 10),
    event(12, "ChoiceStateExited", "Good?", 11),
    event(13, "WaitStateEntered", "Wait", 12),
    event(14, "WaitStateExited", "Wait", 13),
    event(15, "ChoiceStateEntered", "Good?", 14),
    event(16, "ChoiceStateExited", "Good?", 15),
    event(17, "SucceedStateEntered", "Done", 16),
]
BAD = [
    event(1, "ExecutionStarted"),
    event(2, "TaskStateEntered", "Check", 1),
    event(3, "LambdaFunctionFailed", None, 2),
    event(4, "TaskStateExited", "Check", 3),
    event(5, "TaskStateEntered", "Tell", 4),
    event(6, "TaskStateExited", "Tell", 5),
    event(7, "FailStateEntered", "Failed", 6),
    event(8, "ExecutionFailed", None, 7),
]


def test_branches_and_loops_are_followed() -> None:
    states, edges = graph(MACHINE, GOOD)
    taken = {(e.source, e.target) for e in edges if e.taken}
    assert taken == {
        ("Check", "Both"),
        ("Both", "Train"),
        ("Both", "Baseline"),
        ("Both", "Good?"),
        ("Good?", "Wait"),
        ("Wait", "Good?"),
        ("Good?", "Done"),
    }
    assert {s.name: s.visited for s in states}["Good?"] == 2
    assert not [s for s in states if s.failed]
    assert not [e for e in edges if e.kind == "catch"], "catches that were not taken are left out"


def test_a_failure_marks_its_state_its_catch_and_the_end() -> None:
    states, edges = graph(MACHINE, BAD)
    assert {s.name for s in states if s.failed} == {"Check", "Failed"}
    assert [(e.source, e.target) for e in edges if e.kind == "catch"] == [("Check", "Tell")]


def _unchained(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**e, "previousEventId": None} for e in history]


def test_a_history_without_a_chain_gives_the_same_path() -> None:
    assert graph(MACHINE, _unchained(GOOD)) == graph(MACHINE, GOOD)
    assert graph(MACHINE, _unchained(BAD)) == graph(MACHINE, BAD)


def test_a_history_whose_chain_is_broken_does_not_hang() -> None:
    assert walk([event(1, "TaskStateEntered", "Check", 1)], set())[1] == set()
    assert walk([event(5, "TaskFailed", None, 5)], set())[2] == set()
    looped = [event(1, "TaskStateEntered", "A"), event(2, "TaskFailed", None, 3), event(3, "TaskFailed", None, 2)]
    assert walk([*looped, event(4, "ExecutionFailed")], set())[2] == {"A"}


def test_a_failure_that_a_retry_made_good_is_none() -> None:
    history = [
        event(1, "TaskStateEntered", "Check"),
        event(2, "TaskFailed", None, 1),
        event(3, "TaskSucceeded", None, 2),
        event(4, "TaskStateExited", "Check", 3),
    ]
    assert walk(history, set())[2] == set()
    assert walk([*history[:2], event(3, "TaskStateExited", "Check", 2)], set())[2] == {"Check"}


def test_of_two_branches_the_one_that_failed_is_marked() -> None:
    history = [
        event(1, "ParallelStateEntered", "Both"),
        event(2, "TaskStateEntered", "Train", 1),
        event(3, "TaskStateEntered", "Baseline", 1),
        event(4, "TaskFailed", None, 2),
        event(5, "ExecutionFailed", None, 4),
    ]
    assert walk(history, set())[2] == {"Train"}


def test_a_state_stands_below_what_leads_to_it_even_with_loops() -> None:
    states, edges = graph(MACHINE, GOOD)
    rank = ranks(states, edges)
    assert rank["Check"] < rank["Both"] < rank["Train"]
    assert rank["Both"] < rank["Good?"] < rank["Done"]
    place = positions(states, edges)
    assert len(set(place.values())) == len(states), "no state lies on another"


def test_a_state_that_loops_to_itself_is_drawn() -> None:
    machine = {"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": [{"Next": "A"}], "Default": "B"}, "B": {}}}
    states, edges = graph(machine, [])
    assert ranks(states, edges) == {"A": 0, "B": 1}
    assert draw(Path("t", "e", "RUNNING", "", states, edges)).count("<rect") == 2


def test_a_wide_row_is_broken() -> None:
    states = tuple(State(f"s{n}", "Task") for n in range(12))
    assert max(x for x, _ in positions(states, ()).values()) < 1100
    assert draw(Path("t", "e", "RUNNING", "", (), ())) == ""
