"""Trials on the deployed definitions: what becomes of good ones, bad ones, and those that are cut off."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from release_proof.machine import AFTER, BEFORE, Bench, Fault, visited
from release_proof.scenarios import overtaken
from release_proof.trial_scenarios import (
    BACK,
    JUDGE,
    PUT,
    SHARE,
    TAKE,
    beside,
    cut_off,
    hurried,
    taken_back,
    tried,
    unanswered_share,
    unanswered_trial,
    unvisited,
    worse,
)
from slipway_lambda.contracts.trial import CHALLENGER


@pytest.fixture(params=["shadow", "ab"])
def one(request: pytest.FixtureRequest, trials: dict[str, dict[str, Any]]) -> Bench:
    """A fresh account with a machine that has a trial."""
    return Bench(trials[request.param])


@pytest.fixture
def ab(trials: dict[str, dict[str, Any]]) -> Bench:
    """The same, by shares."""
    return Bench(trials["ab"])


def outcome(bench: Bench) -> str:
    return str(bench.account.notices[-1]["outcome"])


def version(bench: Bench) -> int:
    return int(bench.account.fact("live")["version"])


def assert_champion_alone(bench: Bench) -> None:
    account = bench.account
    assert (version(bench), account.live_config) == (1, account.fact("live")["config"])
    assert not beside(bench)
    assert not account.fact("halt")
    assert list(account.sagemaker.configs) == [account.live_config]


def test_a_good_challenger_goes_through_its_trial_and_the_shift(one: Bench) -> None:
    tried(one)
    record = one.run("approval")
    path = Counter(visited(record))
    assert path[PUT] == path["Update the endpoint"] == 1
    assert path[SHARE] == (2 if '"strategy":"ab"' in record["output"] else 0)
    assert (outcome(one), version(one), beside(one)) == ("released", 2, False)
    written = one.account.fact(f"release#{record['name']}")
    assert written["trial_requests"] == 10_000
    assert "trial" in written
    left = set(one.account.sagemaker.configs)
    assert left == {h["config"] for h in one.account.fact("live")["verified"]}, "the trial's config is cleaned up"


def test_first_versions_and_ways_back_have_no_trial(one: Bench) -> None:
    one.account.sagemaker.approve(1)
    assert PUT not in visited(one.run("approval"))
    one.account.sagemaker.approve(2)
    one.run("approval")
    record = one.run("rollback", version=1)
    assert (PUT in visited(record), version(one)) == (False, 1)
    assert '"strategy":"all_at_once"' in record["output"]


@pytest.mark.parametrize("scenario", [worse, unvisited, taken_back])
@pytest.mark.fault("A01")
@pytest.mark.fault("A14")
def test_a_challenger_without_a_good_verdict_leaves_the_champion_alone(
    one: Bench, scenario: Callable[[Bench], None]
) -> None:
    scenario(one)
    record = one.run("approval")
    assert outcome(one) == "rolled_back"
    assert "Update the endpoint" not in visited(record)
    assert_champion_alone(one)
    assert one.account.fact("attempt#2")["outcome"] == "failed"


@pytest.mark.fault("A11")
def test_a_challenger_loses_its_share_before_the_fleets_are_changed(ab: Bench) -> None:
    worse(ab)
    weights = {}

    def note(execution: str, state: str, when: str) -> None:
        if (state, when) == (BACK, BEFORE):
            assert ab.account.sagemaker.endpoint
            of = ab.account.sagemaker.endpoint["ProductionVariants"]
            weights.update({v["VariantName"]: v["CurrentWeight"] for v in of})

    ab.host.around = note
    path = visited(ab.run("approval"))
    assert path.index(TAKE) < path.index(BACK)
    assert weights == {"main": 100, CHALLENGER: 0}
    assert_champion_alone(ab)


@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.fault("D06")
def test_a_share_that_could_not_be_taken_does_not_keep_the_champion_away(ab: Bench, when: str) -> None:
    worse(ab)
    ab.host.faults = [Fault(TAKE, "States.TaskFailed", when)]
    path = visited(ab.run("approval"))
    assert path.count(TAKE) == 1
    assert BACK in path
    assert_champion_alone(ab)


@pytest.mark.parametrize("scenario", [unanswered_trial, unanswered_share])
@pytest.mark.fault("D06")
def test_a_change_whose_answer_was_lost_is_followed(ab: Bench, scenario: Callable[[Bench], None]) -> None:
    scenario(ab)
    ab.run("approval")
    assert (outcome(ab), version(ab)) == ("released", 2)


@pytest.mark.parametrize("state", [PUT, SHARE])
@pytest.mark.fault("A08")
def test_a_change_that_is_refused_ends_the_trial(ab: Bench, state: str) -> None:
    tried(ab)
    ab.host.faults = [Fault(state, "SageMaker.ResourceLimitExceededException")]
    ab.run("approval")
    assert outcome(ab) == ("refused" if state == PUT else "rolled_back")
    assert_champion_alone(ab)


@pytest.mark.fault("A05")
def test_a_trial_that_never_settles_is_given_up(one: Bench) -> None:
    tried(one)
    one.account.sagemaker.fate = lambda action: "stuck" if action == "trial" else "good"
    one.run("approval")
    assert outcome(one) == "halted"


@pytest.mark.fault("A03")
def test_a_mixed_fleet_in_a_trial_halts_automation(one: Bench) -> None:
    tried(one)
    one.account.sagemaker.fate = lambda action: "rollback_fails" if action == "trial" else "good"
    one.run("approval")
    assert outcome(one) == "halted"


@pytest.mark.fault("D03")
@pytest.mark.fault("D04")
@pytest.mark.fault("D15")
def test_a_trial_that_was_cut_off_is_gone_on_with_by_the_next_sweep(one: Bench) -> None:
    cut_off(one)
    assert beside(one)
    assert not one.account.lock_owner
    record = one.run("reconcile")
    assert PUT not in visited(record), "it runs already"
    assert (version(one), beside(one)) == (2, False)
    assert outcome(one) == "released"


@pytest.mark.fault("D04")
def test_a_trial_that_was_cut_off_twice_is_ended_and_the_champion_serves_alone(one: Bench) -> None:
    cut_off(one)

    def stop(execution: str, state: str, when: str) -> None:
        if (state, when) == (JUDGE, BEFORE):
            one.running(execution).end("ABORTED")

    one.host.around = stop
    one.run("reconcile")
    one.host.around = lambda *_: None
    one.account.notices.clear()
    one.run("reconcile")
    assert outcome(one) == "rolled_back"
    assert "A trial was cut off" in one.account.notices[-1]["cause"]
    assert_champion_alone(one)
    assert one.account.fact("attempt#2")["outcome"] == "started"
    one.sweep(2)
    assert_champion_alone(one)


@pytest.mark.fault("D04")
def test_a_trial_that_was_cut_off_and_has_raised_an_alarm_is_ended(one: Bench) -> None:
    """The pre-flight refuses it, and then nobody would be left to judge it."""
    cut_off(one)
    one.account.alarm = "ALARM"
    one.run("reconcile")
    assert outcome(one) == "rolled_back"
    assert "already in ALARM" in one.account.notices[-1]["cause"]
    assert_champion_alone(one)


def test_a_newer_version_is_tried_in_the_place_of_one_that_was_cut_off(one: Bench) -> None:
    cut_off(one)
    one.account.sagemaker.approve(3)
    one.run("approval")
    assert (outcome(one), version(one), beside(one)) == ("released", 3, False)
    assert len(one.account.sagemaker.configs) == 2


@pytest.mark.fault("C05")
def test_an_approval_that_is_withdrawn_in_a_trial_ends_it(one: Bench) -> None:
    tried(one)

    def withdraw(execution: str, state: str, when: str) -> None:
        if (state, when) == (PUT, AFTER):
            one.account.sagemaker.packages[2]["ModelApprovalStatus"] = "Rejected"

    one.host.around = withdraw
    one.run("approval")
    assert "withdrawn" in one.account.notices[-1]["cause"]
    assert_champion_alone(one)


@pytest.mark.fault("D18")
def test_a_trial_whose_lock_went_to_another_touches_nothing_more(one: Bench) -> None:
    overtaken(one)
    record = one.run("approval")
    assert outcome(one) == "lock_lost"
    assert not {SHARE, "Update the endpoint", "Roll back to blue"} & set(visited(record))
    assert beside(one), "for who has the lock now"
    one.sweep(2)
    assert (version(one), beside(one)) == (2, False)


@pytest.mark.fault("A28")
def test_an_abort_wins_over_a_wish_to_promote(one: Bench) -> None:
    hurried(one)
    ask = one.host.around
    asked: list[str] = []

    def both(execution: str, state: str, when: str) -> None:
        ask(execution, state, when)
        if (state, when) == (JUDGE, BEFORE) and not asked:
            at = ("endpoint#flight-delays-dev", "lock")
            one.account.ledger.items[at] |= {"abort_by": {"S": "eva"}, "abort_reason": {"S": "no"}}
            asked.append(execution)

    one.host.around = both
    one.run("approval")
    assert one.account.notices[-1]["cause"] == "Aborted by eva: no"
    assert_champion_alone(one)


def test_one_wish_is_one_step(ab: Bench) -> None:
    hurried(ab)
    steps: list[float] = []

    def note(execution: str, state: str, when: str, ask: Any = ab.host.around) -> None:
        ask(execution, state, when)
        if (state, when) == (SHARE, BEFORE):
            steps.append(ab.clock.now())

    ab.host.around = note
    ab.run("approval")
    assert len(steps) == 2
    assert steps[1] - steps[0] >= 300, "the second one took its least time"
    assert outcome(ab) == "released"


def test_a_wish_that_cannot_be_taken_out_of_the_lock_is_not_followed(ab: Bench) -> None:
    hurried(ab)
    ab.host.faults = [Fault("Take the wish out of the lock", "DynamoDB.InternalServerErrorException")]
    ab.run("approval")
    assert SHARE not in {a.state for a in ab.host.attempts}
    assert_champion_alone(ab)
