"""Recorded runs of the real machine are paths of the model; a wrong model, or a wrong machine, is found out."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from release_proof.following import NotAPathError, task_of
from release_proof.machine import AFTER, BEFORE, Fault
from release_proof.protocol import Setting
from release_proof.random_runs import ALL, RandomRun
from release_proof.tasks import TASKS
from release_proof.trying import JUDGE, PUT, SHARE, TRIAL_CONFIG

STORIES, SAMPLE = 400, 12
TRIAL_STORIES, TRIAL_SAMPLE = 240, 4
TRYING = replace(ALL, trial=True)


def test_runs_of_the_machine_are_paths_of_the_model(
    definition: dict[str, Any], full: bool, figure: Callable[..., None]
) -> None:
    _replay("", definition, ALL, STORIES if full else SAMPLE, figure, full=full, least=1000 if full else SAMPLE)


@pytest.mark.parametrize("strategy", ["shadow", "ab"])
def test_runs_of_a_machine_with_trials_are_paths_of_the_model(
    strategy: str, trials: dict[str, dict[str, Any]], full: bool, figure: Callable[..., None]
) -> None:
    """Without wishes to promote, which the model leaves out."""
    stories = TRIAL_STORIES if full else TRIAL_SAMPLE
    _replay(f"{strategy}: ", trials[strategy], TRYING, stories, figure, full=False, least=stories)


@pytest.mark.parametrize("strategy", ["shadow", "ab"])
def test_every_task_of_a_trial_is_followed_in_the_model(
    strategy: str, definition: dict[str, Any], trials: dict[str, dict[str, Any]], figure: Callable[..., None]
) -> None:
    """A change whose answer is lost, one that is refused, a config that is there already; in turn."""
    own = {n for n, state in trials[strategy]["States"].items() if state["Type"] == "Task"} - set(definition["States"])
    met: set[str] = set()
    for place in (TRIAL_CONFIG, PUT, SHARE):
        for when in (BEFORE, AFTER):
            run = RandomRun(trials[strategy], 0, TRYING)
            run.sagemaker.fate = lambda _: "good"
            one_live(run)
            run.bench.host.faults = [Fault(place, "States.TaskFailed", when)]
            run.begin("approval")
            run.go_on()
            met |= run.follower.met
    known = {task_of(n) for n in own} & set(TASKS)
    figure(f"{strategy}: replay: tasks of a trial met", len(known & met), f"all {sorted(known - met)}", known <= met)


def test_a_wrong_model_of_a_trial_is_found_out(trials: dict[str, dict[str, Any]]) -> None:
    def withdrawn_in_its_trial(run: RandomRun) -> None:
        one_live(run)
        run.until(run.begin("approval"), JUDGE)
        run.withdraw(2)

    wrong = replace(TRYING, dropped="trial_goes_back_to_the_champion")
    assert not found_out(withdrawn_in_its_trial, trials["ab"], TRYING)
    assert found_out(withdrawn_in_its_trial, trials["ab"], wrong)


def _replay(
    name: str,
    definition: dict[str, Any],
    setting: Setting,
    stories: int,
    figure: Callable[..., None],
    *,
    full: bool,
    least: int,
) -> None:
    executions = steps = 0
    met: set[str] = set()
    wrong = []
    for seed in range(stories):
        run = RandomRun(definition, seed, setting)
        try:
            run.play()
        except NotAPathError as error:
            wrong.append(f"seed {seed}: {error}")
        executions += run.executions
        steps += run.follower.steps
        met |= run.follower.met
    figure(f"{name}replay: executions followed", f"{executions:,} in {stories} stories", f">= {least:,}",
           executions >= least)  # fmt: skip
    figure(f"{name}replay: steps that the model has, too", f"{steps:,}", "all", not wrong)
    figure(
        f"{name}replay: stories that are no path of the model", len(wrong), f"0 {wrong[:1] or ''}".strip(), not wrong
    )
    known = {task_of(n) for n, state in definition["States"].items() if state["Type"] == "Task"} & set(TASKS)
    missed = sorted(known - met)
    figure(
        f"{name}replay: tasks met", len(met), f"all {len(known)} in make proof {missed or ''}", not missed or not full
    )


Story = Callable[[RandomRun], None]


def found_out(story: Story, definition: dict[str, Any], setting: Setting = ALL) -> bool:
    """Whether the story, of which every other step is a path, is none."""
    run = RandomRun(definition, 0, setting)
    run.sagemaker.fate = lambda _: "good"
    try:
        story(run)
        run.go_on()
    except NotAPathError:
        return True
    finally:
        run.abandon()
    return False


def one_live(run: RandomRun) -> None:
    """Version 1 is live, version 2 approved."""
    run.approve(1)
    run.begin("approval")
    run.go_on()
    run.approve(2)


def withdrawn(run: RandomRun) -> None:
    """While the endpoint shifts."""
    one_live(run)
    run.until(run.begin("approval"), "Let it work")
    run.withdraw(2)


def answers_wrong(run: RandomRun) -> None:
    """Version 2 does not pass its smoke test."""
    one_live(run)
    run.account.wrong_answers = {2}
    run.begin("approval")


def rolls_back(run: RandomRun) -> None:
    """SageMaker takes version 2 back and says InService."""
    one_live(run)
    run.sagemaker.fate = lambda action: "rolls_back" if action == "update" else "good"
    run.begin("approval")


def aborted(run: RandomRun) -> None:
    """While the endpoint shifts."""
    one_live(run)
    run.until(run.begin("approval"), "Let it work")
    run.wish()


def older(run: RandomRun) -> None:
    """The newest version is live and its approval withdrawn, and the one before is what is approved."""
    one_live(run)
    run.begin("approval")
    run.go_on()
    run.withdraw(2)
    run.begin("approval")


def overtaken(run: RandomRun) -> None:
    """A slow execution's lock goes to another."""
    one_live(run)
    slow = run.begin("approval")
    run.until(slow, "Let it work")
    run.outstay()
    other = run.begin("operator 2")
    run.until(other, "Read the registry again")
    run.until(slow, "Was it aborted meanwhile?")


def refused(run: RandomRun) -> None:
    """An alarm is raised before anything begins."""
    one_live(run)
    run.account.alarm = "ALARM"
    run.begin("approval")


@pytest.mark.parametrize("story", [withdrawn, answers_wrong, rolls_back, aborted, older, overtaken, refused])
def test_the_stories_themselves_are_paths(definition: dict[str, Any], story: Story) -> None:
    assert not found_out(story, definition)


@pytest.mark.parametrize(
    ("guard", "story"),
    [
        ("approval_is_looked_at_again", withdrawn),
        ("failure_makes_the_last_good_live", answers_wrong),
        ("wish_to_abort_is_looked_for", aborted),
        ("older_versions_are_superseded", older),
        ("lock_is_renewed_before_each_change", overtaken),
    ],
)
def test_a_wrong_model_is_found_out(definition: dict[str, Any], guard: str, story: Story) -> None:
    """One that lacks a guard which the machine has says other steps than the machine takes."""
    assert found_out(story, definition, replace(ALL, dropped=guard))


def _renews_anybodys_lock(states: dict[str, Any]) -> None:
    states["Was it aborted meanwhile?"]["Arguments"]["ConditionExpression"] = "attribute_not_exists(nothing)"


def _takes_in_service_for_success(states: dict[str, Any]) -> None:
    states["Is it live?"]["Choices"][0]["Condition"] = "{% true %}"


def _keeps_the_lock(states: dict[str, Any]) -> None:
    states["Note the refusal"]["Next"] = "How did it end?"


def _hears_no_wish(states: dict[str, Any]) -> None:
    states["Was it aborted meanwhile?"]["Assign"]["abort"] = {"by": "", "reason": ""}


@pytest.mark.parametrize(
    ("spoil", "story"),
    [
        (_renews_anybodys_lock, overtaken),
        (_takes_in_service_for_success, rolls_back),
        (_keeps_the_lock, refused),
        (_hears_no_wish, aborted),
    ],
)
def test_a_wrong_machine_is_found_out(
    definition: dict[str, Any], spoil: Callable[[dict[str, Any]], None], story: Story
) -> None:
    spoilt = copy.deepcopy(definition)
    spoil(spoilt["States"])
    assert found_out(story, spoilt)
