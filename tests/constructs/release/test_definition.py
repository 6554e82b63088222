"""Properties of the machine's definition that hold for every state."""

import re
from collections.abc import Callable
from typing import Any

import pytest

PAUSE = "Let the trial run"
TRIALS: dict[str, dict[str, Any]] = {
    "canary": {},
    "shadow": {"strategy": "shadow", "trial": {"seconds": 3600}},
    "ab": {"strategy": "ab", "trial": {"seconds": 604800, "weights_percent": [1, 2, 5, 10, 20, 30, 40, 50, 75, 99]}},
}


@pytest.fixture(scope="module", params=TRIALS)
def definition(request: pytest.FixtureRequest, released_by: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """The machine of each kind of strategy: one that SageMaker shifts by itself, and both that have a trial."""
    return released_by(**TRIALS[request.param])


def test_every_task_has_a_time_limit_retries_and_a_way_out(definition: dict[str, Any]) -> None:
    tasks = {n: s for n, s in definition["States"].items() if s["Type"] == "Task"}
    assert len(tasks) > 20
    for name, state in tasks.items():
        limit = state.get("TimeoutSeconds", 0)
        assert limit > 0 if name != PAUSE else limit == "{% $trial.pause_seconds %}", name
        assert state.get("Retry"), name
        assert any("States.ALL" in c["ErrorEquals"] for c in state.get("Catch", [])), name


@pytest.mark.fault("D12")
def test_every_choice_has_a_default(definition: dict[str, Any]) -> None:
    assert all("Default" in s for s in definition["States"].values() if s["Type"] == "Choice")


def test_every_state_is_reached_and_every_next_exists(definition: dict[str, Any]) -> None:
    states, seen, open_ = definition["States"], set(), [definition["StartAt"]]
    while open_:
        name = open_.pop()
        if name not in seen:
            seen.add(name)
            open_ += re.findall(r"'(?:Next|Default)': '([^']+)'", str(states[name]))
    assert seen == set(states)


def test_every_wait_counts_down_something_that_a_choice_looks_at(definition: dict[str, Any]) -> None:
    waits = {n: s for n, s in definition["States"].items() if s["Type"] == "Wait"}
    for name, state in definition["States"].items():
        if state.get("Resource", "").endswith(".waitForTaskToken"):
            over = next(c for c in state["Catch"] if c["ErrorEquals"] == ["States.Timeout"])
            waits[f"{name}, in vain"] = over
    conditions = " ".join(
        c["Condition"] for s in definition["States"].values() if s["Type"] == "Choice" for c in s["Choices"]
    )
    for name, state in waits.items():
        ((counter, value),) = state["Assign"].items()
        assert value == f"{{% ${counter} - 1 %}}", name
        assert re.search(rf"\${counter} (<=|>) 0", conditions), name


@pytest.mark.fault("D05")
def test_longest_run_stays_far_below_the_history_limit(definition: dict[str, Any]) -> None:
    begin = definition["States"]["Begin"]["Assign"]
    polls = sum(begin[c] for c in ("looks", "recovery_looks", "patience", "traffic_patience", "lock_patience", "news"))
    polls += begin.get("trial_settling", 0)
    assert polls * 14 + begin.get("trial_looks", 0) * 18 + 600 < 15_000  # far from the service's 25,000


def test_every_variable_is_named_at_the_beginning_or_assigned_before(definition: dict[str, Any]) -> None:
    text = str(definition["States"])
    assigned = {v for s in definition["States"].values() for v in _assigned(s)}
    local = {v for form in (r"\$(\w+)\s*:=", r"function\(\$(\w+)\)") for v in re.findall(form, text)}
    used = set(re.findall(r"(?<![\w$])\$([a-z_]\w*)(?!\w*\()", text)) - {"states"}
    assert used - local <= assigned


def _assigned(state: dict[str, Any]) -> set[str]:
    holders = [state, *state.get("Choices", []), *state.get("Catch", [])]
    return {v for h in holders for v in h.get("Assign", {})}


@pytest.mark.fault("D03")
def test_the_machine_has_a_time_limit_that_leaves_room_for_a_release_after_waiting(
    definition: dict[str, Any],
) -> None:
    begin = definition["States"]["Begin"]["Assign"]
    longest_wait = begin["lock_patience"] * definition["States"]["Let the other release end"]["Seconds"]
    shift = begin["looks"] * definition["States"]["Let it work"]["TimeoutSeconds"]
    recovery = begin["recovery_looks"] * definition["States"]["Let it settle"]["TimeoutSeconds"]
    trial = begin["spec"].get("trial", {}).get("seconds", 0)
    trial += begin.get("trial_settling", 0) * definition["States"]["Let it work"]["TimeoutSeconds"]
    assert definition["TimeoutSeconds"] > longest_wait + trial + shift + recovery


@pytest.mark.fault("A11")
def test_the_pause_of_a_trial_ends_with_news_and_leads_to_its_judge(definition: dict[str, Any]) -> None:
    if PAUSE in definition["States"]:
        state = definition["States"][PAUSE]
        assert state["Resource"].endswith(":dynamodb:updateItem.waitForTaskToken")
        assert state["Next"] == "Judge the trial"


@pytest.mark.fault("D05")
def test_a_trial_of_any_length_stays_far_below_the_history_limit(definition: dict[str, Any]) -> None:
    begin = definition["States"]["Begin"]["Assign"]
    # A wait for news 6, the judge's call 5, a choice 2, golden records 5; while it settles, no golden records.
    assert begin.get("trial_looks", 0) * 18 + begin.get("trial_settling", 0) * 13 < 7_500
