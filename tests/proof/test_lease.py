"""The lock is a lease: no change of an endpoint comes later after its renewal than the lease lasts (D18)."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest

from release_proof.lease import (
    CHANGES,
    JUDGE,
    PAUSES,
    RENEWALS,
    TRIAL_CHANGES,
    TRIAL_RENEWALS,
    longest_ways,
    seconds,
)
from slipway_lambda.contracts.trial import MOST_PAUSE_SECONDS, Trial


def test_a_change_is_never_later_than_its_lease(definition: dict[str, Any], figure: Callable[..., None]) -> None:
    lease = definition["States"]["Begin"]["Assign"]["lease_seconds"]
    ways = longest_ways(definition)
    assert set(ways) >= CHANGES
    worst = max(ways, key=lambda name: ways[name])
    figure("lease: longest way from a renewal to a change it stands for, all retries used", f"{ways[worst]:,.0f} s",
           f"< {lease:,} s ({worst})", ways[worst] < lease)  # fmt: skip


@pytest.mark.fault("D18")
@pytest.mark.parametrize("strategy", ["shadow", "ab"])
def test_a_trial_keeps_its_lease_from_look_to_look(
    strategy: str, trials: dict[str, dict[str, Any]], figure: Callable[..., None]
) -> None:
    states = trials[strategy]["States"]
    lease = states["Begin"]["Assign"]["lease_seconds"]
    ways = longest_ways(trials[strategy], renewals=TRIAL_RENEWALS)
    looked = max(ways[pause] for pause in PAUSES) + seconds(states[JUDGE])
    assert set(ways) >= CHANGES | (TRIAL_CHANGES & set(states))
    figure(f"lease: longest way from a look of a {strategy} trial to the next", f"{looked:,.0f} s", f"< {lease:,} s",
           looked < lease)  # fmt: skip
    assert max(ways.values()) < lease
    assert "$lease_seconds" in states[JUDGE]["Arguments"]["Payload"]["lease_seconds"]
    without = longest_ways(trials[strategy], renewals=RENEWALS)
    assert without["Update the endpoint"] >= lease, "the judge's renewal is needed"


@pytest.mark.fault("D18")
@pytest.mark.parametrize("weights", [(), (10, 50), (5, 10, 25, 50)])
def test_no_pause_of_the_longest_trial_is_longer_than_the_lease_allows_for(weights: tuple[int, ...]) -> None:
    week = 7 * 86_400
    trial, elapsed = Trial(week, 100, weights, 300, 0.1, ()), 0
    while elapsed < week:  # at one share
        pause = trial.pause_seconds(elapsed, elapsed)
        assert pause <= MOST_PAUSE_SECONDS
        elapsed += pause


@pytest.mark.fault("D18")
@pytest.mark.parametrize(
    "renewal", ["Keep the lock meanwhile", "Was it aborted meanwhile?", "Is it still ours to put right?"]
)
def test_without_a_renewal_a_change_can_come_too_late(definition: dict[str, Any], renewal: str) -> None:
    """As an ordinary state, each of these leaves a loop without end before a change."""
    lease = definition["States"]["Begin"]["Assign"]["lease_seconds"]
    without = longest_ways(copy.deepcopy(definition), renewals=RENEWALS - {renewal})
    assert max(without.values()) >= lease


def test_a_lock_that_cannot_be_renewed_is_ours_for_as_long_as_going_back_takes(definition: dict[str, Any]) -> None:
    (rule,) = definition["States"]["Is it ours by the clock?"]["Choices"]
    (spare,) = re.findall(r"\+ (\d+)", rule["Condition"])
    ways = longest_ways(definition, renewals=frozenset({"Is it still ours to put right?"}))
    assert max(ways[name] for name in ("Roll back to blue", "Clean up what is left", "Halt automation")) < int(spare)


@pytest.mark.fault("D18")
def test_a_renewal_is_conditional_on_the_owner(definition: dict[str, Any]) -> None:
    for name in RENEWALS - {"Take the lock"}:
        arguments = definition["States"][name]["Arguments"]
        assert arguments["ConditionExpression"] == "#owner = :me", name
        assert "Execution.Id" in arguments["ExpressionAttributeValues"][":me"]["S"], name
        assert "$lease_seconds" in arguments["ExpressionAttributeValues"][":expires"]["N"], name
