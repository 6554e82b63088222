"""Recorded runs of the real machine are paths of the model; a wrong model, or a wrong machine, is found out."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from release_proof.following import NotAPathError
from release_proof.protocol import Setting
from release_proof.random_runs import ALL, RandomRun
from release_proof.tasks import TASKS

STORIES, SAMPLE = 400, 12


def test_runs_of_the_machine_are_paths_of_the_model(
    definition: dict[str, Any], full: bool, figure: Callable[..., None]
) -> None:
    stories, executions, steps = STORIES if full else SAMPLE, 0, 0
    met: set[str] = set()
    wrong = []
    for seed in range(stories):
        run = RandomRun(definition, seed)
        try:
            run.play()
        except NotAPathError as error:
            wrong.append(f"seed {seed}: {error}")
        executions += run.executions
        steps += run.follower.steps
        met |= run.follower.met
    enough = executions >= (1000 if full else SAMPLE)
    figure("replay: executions followed", f"{executions:,} in {stories} stories", ">= 1,000 in make proof", enough)
    figure("replay: steps that the model has, too", f"{steps:,}", "all", not wrong)
    figure("replay: stories that are no path of the model", len(wrong), f"0 {wrong[:1] or ''}".strip(), not wrong)
    missed = sorted(set(TASKS) - met)
    figure("replay: tasks met", len(met), f"all {len(TASKS)} in make proof {missed or ''}", not missed or not full)


def found_out(definition: dict[str, Any], setting: Setting) -> bool:
    """Whether a story among the first hundred is no path."""
    for seed in range(100):
        try:
            RandomRun(definition, seed, setting).play()
        except NotAPathError:
            return True
    return False


@pytest.mark.parametrize(
    "guard", ["approval_is_looked_at_again", "success_needs_the_live_config", "halt_stops_automation"]
)
def test_a_wrong_model_is_found_out(definition: dict[str, Any], guard: str) -> None:
    """A model that lacks what the machine has says other steps than the machine takes."""
    assert found_out(definition, replace(ALL, dropped=guard))


def _renews_anybodys(states: dict[str, Any]) -> None:
    states["Was it aborted meanwhile?"]["Arguments"]["ConditionExpression"] = "attribute_not_exists(nothing)"


def _believes_anything(states: dict[str, Any]) -> None:
    states["Is it live?"]["Default"] = "Is it still approved?"


def _keeps_the_lock(states: dict[str, Any]) -> None:
    states["Was the endpoint touched?"]["Default"] = "How did it end?"


@pytest.mark.parametrize("spoil", [_renews_anybodys, _believes_anything, _keeps_the_lock])
def test_a_wrong_machine_is_found_out(definition: dict[str, Any], spoil: Callable[[dict[str, Any]], None]) -> None:
    spoilt = copy.deepcopy(definition)
    spoil(spoilt["States"])
    assert found_out(spoilt, ALL)
