"""The release protocol, searched: no invariant is violated, and each guard is needed."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from release_proof.droppable import SETTINGS
from release_proof.protocol import GUARDS, Budget, Setting
from release_proof.search import search
from release_proof.tasks import TASKS

WHOLE = Setting(endpoints=2, executions=3, budget=Budget(starts=3, operators=1, maintenance=1, expiries=1, aborts=1))
"""Two endpoints of one model group, three executions at a time, and every kind of trouble."""


@pytest.mark.parametrize("trial", [False, True], ids=["shift", "trial"])
def test_no_invariant_is_violated(trial: bool, full: bool, figure: Callable[..., None]) -> None:
    found = search(replace(WHOLE, trial=trial), most_states=400_000 if full else 10_000)
    kind = ", with trials" if trial else ""
    figure(f"model{kind}: states, two endpoints and three executions", found.states, ">= 100,000 in make proof",
           found.states >= (100_000 if full else 10_000))  # fmt: skip
    figure(f"model{kind}: violations", found.violated or 0, "0", not found.violated)


def test_every_guard_has_its_setting() -> None:
    assert set(SETTINGS) == set(GUARDS)


@pytest.mark.parametrize("guard", GUARDS)
def test_dropping_a_guard_leads_to_a_violation(guard: str, full: bool, figure: Callable[..., None]) -> None:
    setting = SETTINGS[guard]
    without = search(replace(setting, dropped=guard), most_states=200_000)
    figure(f"model without {guard}", f"{len(without.path)} steps to: {without.violated}", "a counterexample",
           bool(without.violated))  # fmt: skip
    kept = search(setting, most_states=150_000 if full else without.states)
    assert not kept.violated, kept.path


def test_a_guard_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="'lokc' is no guard"):
        Setting(dropped="lokc")


def test_the_model_knows_the_tasks_of_the_machine(trials: dict[str, dict[str, dict[str, dict[str, str]]]]) -> None:
    """One with trials has the others' tasks too."""
    tasks = {name for name, state in trials["ab"]["States"].items() if state["Type"] == "Task"}
    assert set(TASKS) - {"Tell", "Note that it was told"} <= tasks
