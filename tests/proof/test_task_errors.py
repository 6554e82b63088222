"""Every Task of the release machine x every error it can raise x {once, always, once after its effect}.

What is safe: the execution ends; a failed end is told; the lock is free at once, or after its time if giving it back
was what failed; a success is one; and when the fault is gone, sweeps leave an endpoint that serves a verified version,
no lock, and no config or model that nothing needs. A halt is a safe end only where it is told and recorded.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from rehearsal.asl.resources import parse
from release_proof.account import ENDPOINT
from release_proof.errors import errors_of, integration
from release_proof.machine import AFTER, BEFORE, Bench, Fault, visited
from release_proof.scenarios import ALL, SCALING, Place, begin, canary, first, mixed, places, silently_rolled_back
from release_proof.trial_scenarios import ALL_WITH_TRIALS, unanswered_share
from slipway_lambda.contracts.scaling import live_count

KINDS = {"once": (BEFORE, 1), "always": (BEFORE, 10**6), "after the effect": (AFTER, 1)}
HALTING = {
    "Halt automation",
    "Tell: halted",
    "Note that it was told: halted",
    "What is live now?",
    "Roll back to blue",
    "Delete the endpoint of a failed first release",
}
TROUBLED = 4 * 3600 + 1800
"""Longer than any lock lasts."""
CHANGING = (
    "Update the endpoint",
    "Create the endpoint",
    "Roll back to blue",
    "Put the challenger beside the champion",
    "Give the challenger its next share",
    "Take its share from the challenger",
)


@dataclass(frozen=True)
class Case:
    """One run."""

    place: Place
    integration: str
    error: str
    kind: str


@pytest.fixture(scope="module")
def cases(definition: dict[str, Any]) -> list[Case]:
    """All of them."""
    return list(_cases(definition))


@pytest.fixture(scope="module")
def scaling_cases(scaling_definition: dict[str, Any]) -> list[Case]:
    """All of a machine whose endpoint scales."""
    return list(_cases(scaling_definition, SCALING))


def _cases(definition: dict[str, Any], scenarios: Sequence[Callable[[Bench], None]] = ALL) -> Iterator[Case]:
    paths = {}
    for scenario in scenarios:
        one = Bench(definition)
        scenario(one)
        paths[scenario] = visited(begin(one, scenario))
    for place in places(definition, paths):
        state = definition["States"][place.state]
        resource = parse(state["Resource"])
        assert resource is not None
        arguments = state["Arguments"]
        function = arguments["FunctionName"].split(".")[1] if resource.is_function else ""
        conditional = "ConditionExpression" in arguments
        for error in errors_of(resource, function, conditional=conditional):
            for kind in KINDS:
                yield Case(place, integration(resource, function), error, kind)


def faults_of(definition: dict[str, Any], case: Case, halts: Counter[str]) -> list[str]:
    """What is not safe about the case, in words. Raises if the fault was never met."""
    one = Bench(definition)
    case.place.scenario(one)
    when, times = KINDS[case.kind]
    fault = Fault(case.place.state, case.error, when, times)
    one.host.faults = [fault, *one.host.faults]
    account, told_before = one.account, len(one.account.notices)
    record = begin(one, case.place.scenario)
    found = list(_right_after(one, record, told_before))
    one.host.faults = []
    account.alarm, account.requests, account.trial_requests, account.trial_failures = "OK", 100, 10_000, 0
    halted = bool(account.fact("halt")) or account.status == "UpdateRollbackFailed"
    if halted and not account.notices:
        found.append("halted, and nobody was told")
    halts[case.place.state] += halted
    one.clock.sleep(definition["TimeoutSeconds"] / 2)  # longer than any lock lasts
    one.sweep(3)
    found += list(_in_the_end(one, halted=halted))
    assert fault.struck, f"the fault was never met: {case}"
    return found


def _right_after(one: Bench, record: dict[str, Any], told_before: int) -> Iterator[str]:
    account, told = one.account, one.account.notices[told_before:]
    if record["status"] == "RUNNING":
        yield "it did not end"
    mine = [n for n in told if n["execution"] == record["executionArn"]]
    if record["status"] != "SUCCEEDED" and not mine:
        yield "a failed end that nobody was told"
    if len(mine) > 1 and not any(a.outcome == "lost" or a.state.startswith("Note that") for a in _failures(one)):
        yield f"told {len(mine)} times"
    kept = account.lock_owner == record["executionArn"]
    if kept and not any(a.state == "Give the lock back" for a in _failures(one)):
        yield f"the lock is still held by {account.lock_owner}"
    if record["status"] == "SUCCEEDED":
        outcome = json.loads(record["output"])
        version = outcome["version"]
        if outcome["outcome"] == "released" and not account.live_config.startswith(f"{ENDPOINT}-v{version}-"):
            yield f"said released, and {account.live_config} is live"
    others = account.lock_owner not in ("", record["executionArn"])  # who has the lock restores it
    if not others and not any(a.state == "Restore scaling" for a in _failures(one)):
        yield from _scaling(one)
    if mine and mine[0]["outcome"] == "refused" and _shifts(one, record["executionArn"]):
        yield "said refused (nothing was touched) although it changed the endpoint"


def _failures(one: Bench) -> list[Any]:
    return [a for a in one.host.attempts if a.outcome != "ok"]


def _shifts(one: Bench, execution: str) -> bool:
    return any(
        a.execution == execution and a.state in CHANGING and a.outcome in ("ok", "lost") for a in one.host.attempts
    )


def _in_the_end(one: Bench, *, halted: bool) -> Iterator[str]:
    account = one.account
    if account.lock_owner:
        yield f"the lock is never freed: {account.lock_owner}"
    if halted:  # a person's turn: nothing is deleted or changed until then
        return
    live = account.fact("live")
    if live and (account.status != "InService" or account.live_config != live.get("config")):
        yield f"the endpoint is {account.status} on {account.live_config}, the ledger says {live.get('config')}"
    if not live and account.status:
        yield f"nothing was ever verified, and an endpoint is {account.status}"
    needed = {h["config"] for h in live.get("verified", [])}
    yield from _scaling(one)
    if orphans := set(account.sagemaker.configs) - needed:
        yield f"orphaned configs {sorted(orphans)}"
    if orphans := set(account.sagemaker.models) - needed:
        yield f"orphaned models {sorted(orphans)}"


def _scaling(one: Bench) -> Iterator[str]:
    """The scalable target is there, and the fleet as large as it was (A24, A25)."""
    account, spec = one.account, one.spec
    if not spec.scaling or account.status in ("", "Creating", "Failed", "Deleting"):
        return
    if differs := account.scalings.not_as(spec.scaling, ENDPOINT, spec.variant):
        yield differs
    count = live_count(account.sagemaker.endpoint or {}, spec.variant)
    if one.scaled_to and count != one.scaled_to:
        yield f"{count} instances serve, and {one.scaled_to} were needed"


SAMPLE = 40


def test_every_error_of_every_task_ends_safely(
    definition: dict[str, Any], cases: list[Case], full: bool, figure: Callable[..., None]
) -> None:
    _all_safe("", definition, cases, full=full, figure=figure)


@pytest.mark.parametrize("strategy", ["shadow", "ab"])
def test_every_error_of_every_task_of_a_trial_ends_safely(
    strategy: str,
    definition: dict[str, Any],
    trials: dict[str, dict[str, Any]],
    full: bool,
    figure: Callable[..., None],
) -> None:
    """Every case of the tasks that only a trial has; of those it shares with the canary's machine, which has its own
    table, one case of each state and kind.
    """
    machine = trials[strategy]
    scenarios = [s for s in ALL_WITH_TRIALS if strategy == "ab" or s is not unanswered_share]
    dice, chosen = random.Random(strategy), list[Case]()
    shared: dict[tuple[str, str], list[Case]] = {}
    for case in _cases(machine, scenarios):
        if case.place.state not in definition["States"]:
            chosen.append(case)
        else:
            shared.setdefault((case.place.state, case.kind), []).append(case)
    chosen += [dice.choice(found) for found in shared.values()]
    _all_safe(f"{strategy}: ", machine, chosen, full=full, figure=figure, sample=SAMPLE // 4)


def _all_safe(
    name: str,
    definition: dict[str, Any],
    cases: list[Case],
    *,
    full: bool,
    figure: Callable[..., None],
    sample: int = SAMPLE,
) -> None:
    unsafe: list[str] = []
    runs: Counter[str] = Counter()
    halts: Counter[str] = Counter()
    for case in cases if full else random.Random(4).sample(cases, sample):
        runs[case.integration] += 1
        if faults := faults_of(definition, case, halts):
            unsafe.append(f"{case}: {'; '.join(faults)}")
    for one in sorted(runs):
        errors = {c.error for c in cases if c.integration == one}
        figure(f"{name}task errors: {one}", f"{runs[one]} runs of {len(errors)} errors", "every one safe", True)
    total, safe = sum(runs.values()), sum(runs.values()) - len(unsafe)
    states = len({c.place.state for c in cases})
    figure(f"{name}task errors: Task states met", states, "all of the definition's", states == tasks_in(definition))
    figure(f"{name}task errors: safe ends", f"{safe} of {total}", f"all {unsafe[:3] or ''}".strip(), not unsafe)
    # A mixed fleet, and the failure of the very step that would make the last good version live: a person's turn.
    assert {state for state, count in halts.items() if count} <= HALTING, halts


@pytest.mark.fault("A24")
@pytest.mark.fault("A25")
def test_every_error_of_every_task_leaves_an_endpoint_that_scales_as_declared(
    scaling_definition: dict[str, Any], scaling_cases: list[Case], full: bool, figure: Callable[..., None]
) -> None:
    unsafe: list[str] = []
    chosen = scaling_cases if full else random.Random(5).sample(scaling_cases, SAMPLE)
    own = [c for c in scaling_cases if "scaling" in c.place.state and c not in chosen]
    for case in (chosen := [*chosen, *own]):
        if faults := faults_of(scaling_definition, case, Counter()):
            unsafe.append(f"{case}: {'; '.join(faults)}")
    safe = f"{len(chosen) - len(unsafe)} of {len(chosen)}"
    figure("task errors of a machine that scales: safe ends", safe, f"all {unsafe[:3] or ''}".strip(), not unsafe)


def tasks_in(definition: dict[str, Any]) -> int:
    """How many Task states there are."""
    return sum(state["Type"] == "Task" for state in definition["States"].values())


def ends(bench: Callable[[], Bench], scenario: Callable[[Bench], None], *faults: Fault) -> tuple[Bench, str]:
    """A release in the scenario with these faults; the outcome it told."""
    one = bench()
    scenario(one)
    one.host.faults = list(faults)
    one.run("approval")
    one.host.faults = []
    return one, str(one.account.notices[-1]["outcome"])


@pytest.mark.fault("D06")
def test_update_whose_answer_is_lost_is_followed_to_its_end(bench: Callable[[], Bench]) -> None:
    one, outcome = ends(bench, canary, Fault("Update the endpoint", "States.TaskFailed", AFTER))
    assert outcome == "released"
    assert one.account.fact("live")["version"] == 2
    assert sum(a.state == "Update the endpoint" and a.outcome == "lost" for a in one.host.attempts) == 1


@pytest.mark.fault("D06")
def test_creation_whose_answer_is_lost_is_followed_to_its_end(bench: Callable[[], Bench]) -> None:
    one, outcome = ends(bench, first, Fault("Create the endpoint", "States.Timeout", AFTER))
    assert outcome == "released"
    assert one.account.status == "InService"


def test_what_turned_back_is_not_called_untouched(bench: Callable[[], Bench]) -> None:
    lost = Fault("Update the endpoint", "States.TaskFailed", AFTER)
    _, outcome = ends(bench, canary, lost, Fault("Did the change begin?", "States.TaskFailed"))
    assert outcome == "rolled_back"


@pytest.mark.fault("A08")
def test_first_creation_that_is_refused_halts_nothing_and_leaves_nothing(bench: Callable[[], Bench]) -> None:
    one, outcome = ends(bench, first, Fault("Create the endpoint", "SageMaker.ResourceLimitExceededException"))
    assert outcome == "refused"
    assert not one.account.fact("halt")
    assert not one.account.sagemaker.configs
    assert not one.account.sagemaker.models
    assert one.run("operator", version=1)["status"] == "SUCCEEDED"


@pytest.mark.fault("D10")
def test_sweep_makes_up_for_a_clean_up_that_failed(bench: Callable[[], Bench]) -> None:
    one, _ = ends(bench, silently_rolled_back, Fault("Clean up what is left", "Lambda.Unknown"))
    assert len(one.account.sagemaker.configs) == 2
    one.sweep()
    assert list(one.account.sagemaker.configs) == [one.account.live_config]


@pytest.mark.fault("A03")
def test_sweep_deletes_nothing_of_a_mixed_fleet(bench: Callable[[], Bench]) -> None:
    one, outcome = ends(bench, mixed)
    assert outcome == "halted"
    assert one.account.sagemaker.endpoint is not None
    one.account.sagemaker.endpoint["EndpointStatus"] = "InService"  # as a person left it, with the halt still there
    one.sweep()
    assert len(one.account.sagemaker.configs) == 2


@pytest.mark.fault("C01")
def test_failed_version_that_is_refused_later_is_still_one_that_failed(bench: Callable[[], Bench]) -> None:
    one, _ = ends(bench, silently_rolled_back)
    one.account.alarm = "ALARM"
    one.run("operator", version=2)
    one.account.alarm = "OK"
    assert one.account.fact("attempt#2")["outcome"] == "failed"
    assert json.loads(one.run("reconcile")["output"])["outcome"] == "nothing"
