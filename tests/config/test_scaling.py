"""`endpoint.scaling`: limits that fit together, and a rollout that works at each number of instances between them."""

from typing import Any

import pytest
from pydantic import ValidationError

from slipway.config.endpoint import Endpoint
from slipway.config.rollout import Rollout
from slipway.config.shift import Shift, longest_shift, shift_clashes


def endpoint(low: int, high: int, count: int | None = None, **more: Any) -> Endpoint:
    scaling = {"min_instances": low, "max_instances": high, "invocations_per_instance": 600, **more}
    return Endpoint.model_validate({"instance_count": low if count is None else count, "scaling": scaling})


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (lambda: endpoint(5, 4), "is more than max_instances 4"),
        (lambda: endpoint(2, 4, 5), "is 5, outside scaling.min_instances 2 to scaling.max_instances 4"),
        (lambda: endpoint(2, 4, 1), "is 1, outside"),
        (lambda: endpoint(2, 4, invocations_per_instance=None), "aims at nothing"),
        (lambda: endpoint(0, 4, 2), "greater than or equal to 1"),
    ],
)
def test_limits_that_contradict_each_other_are_refused_with_their_numbers(declared: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        declared()


@pytest.mark.parametrize(
    ("strategy", "low", "high", "words"),
    [
        ({"strategy": "canary"}, 1, 4, "takes 50 % of a fleet scaled to 1, which is no whole instance"),
        ({"strategy": "linear", "step_percent": 10}, 2, 12, "is 1 of a fleet scaled to 11 in whole instances"),
        ({"strategy": "rolling", "batch_percent": 5}, 2, 40, "is 1 of a fleet scaled to 21 in whole instances"),
    ],
)
def test_shares_must_be_whole_instances_at_every_number(
    strategy: dict[str, Any], low: int, high: int, words: str
) -> None:
    clash, *_ = shift_clashes(Rollout(**strategy), endpoint(low, high))
    assert clash.why.startswith(words)
    assert "scaling" in clash.fix


def test_what_works_at_every_number_is_taken() -> None:
    assert shift_clashes(Rollout(strategy="canary"), endpoint(2, 100)) == []
    assert shift_clashes(Rollout(strategy="linear", step_percent=10), endpoint(2, 10)) == []
    assert shift_clashes(Rollout(strategy="all_at_once"), endpoint(1, 100)) == []


def test_time_limits_are_those_of_the_slowest_number() -> None:
    """25 % of four instances are four steps, of seven they are seven."""
    rollout, scaled = Rollout(strategy="linear"), endpoint(4, 7)
    assert (Shift.of(rollout, scaled, 4).steps, Shift.of(rollout, scaled, 7).steps) == (4, 7)
    found = longest_shift(rollout, scaled)
    assert (
        found.timeout_seconds
        == Shift.of(rollout, scaled, 7).timeout_seconds
        > Shift.of(rollout, scaled).timeout_seconds
    )
    assert (found.steps, found.peak_instances) == (4, 14)


def test_waits_are_added_up_for_the_slowest_number() -> None:
    rollout = Rollout(strategy="linear", timeout_seconds=2400)
    assert shift_clashes(rollout, endpoint(4, 4)) == []
    (clash,) = shift_clashes(rollout, endpoint(4, 7))
    assert "6 × bake_seconds 600 + termination_wait_seconds 300 = 3900" in clash.why
