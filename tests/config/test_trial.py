"""A trial's refusals, with the numbers in them."""

from typing import Any

import pytest
from pydantic import ValidationError

from slipway.config.endpoint import Capture, Endpoint
from slipway.config.rollout import Rollout
from slipway.config.shift import Shift, shift_clashes
from slipway.config.trial_rules import trial_clashes


def clashes(strategy: str, capture: int = 100, alarms: Any = None, **trial: Any) -> list[str]:
    rollout = Rollout(strategy=strategy, trial=trial, **({"alarms": alarms} if alarms else {}))
    found = trial_clashes(rollout, Endpoint(capture=Capture(sampling_percent=capture)))
    return [f"{'.'.join(map(str, c.path))} {c.why}" for c in found]


@pytest.mark.parametrize("strategy", ["shadow", "ab"])
def test_a_trial_needs_nothing_declared(strategy: str) -> None:
    rollout = Rollout(strategy=strategy)
    assert rollout.tried is not None
    assert trial_clashes(rollout, Endpoint()) == []
    assert Rollout(strategy="canary").tried is None


@pytest.mark.parametrize("count", [1, 2, 4])
def test_one_instance_is_enough_and_three_fleets_are_there_at_most(count: int) -> None:
    for strategy in ("shadow", "ab"):
        rollout, endpoint = Rollout(strategy=strategy), Endpoint(instance_count=count)
        assert shift_clashes(rollout, endpoint) == []
        assert Shift.of(rollout, endpoint).peak_instances == 3 * count


def test_what_another_strategy_has_no_use_for_is_refused() -> None:
    with pytest.raises(ValidationError, match="no meaning with strategy canary: remove it, or use shadow or ab"):
        Rollout(strategy="canary", trial={})
    with pytest.raises(ValidationError, match="has no meaning with strategy ab"):
        Rollout(strategy="ab", bake_seconds=60)
    assert clashes("ab", tolerance=0.1) == ["rollout.trial.tolerance has no meaning with strategy ab"]
    assert clashes("shadow", weights_percent=[5])[0].startswith("rollout.trial.weights_percent has no meaning")


def test_shares_only_rise() -> None:
    with pytest.raises(ValidationError, match="is not more than the share before it, 50 %"):
        Rollout(strategy="ab", trial={"weights_percent": [10, 50, 50]})
    with pytest.raises(ValidationError):
        Rollout(strategy="ab", trial={"weights_percent": [100]})


def test_a_trial_has_time_for_its_steps() -> None:
    assert "3 × step_seconds 300 = 900" in clashes("ab", seconds=899)[0]
    assert clashes("ab", seconds=900) == []
    assert clashes("shadow", seconds=600) == []


def test_a_step_is_as_long_as_an_alarm_needs_to_see_it() -> None:
    slow = {"server_errors": {"percent": 1, "period_seconds": 300}}
    assert "is 120, shorter than an alarm's period of 300 s" in clashes("ab", alarms=slow, step_seconds=120)[0]


def test_a_verdict_below_the_stated_sample_cannot_be_asked_for() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to"):
        Rollout(strategy="ab", trial={"minimum_requests": 10})


def test_a_floor_of_requests_that_the_challenger_takes_away_is_refused() -> None:
    floor = {"invocations": {"minimum": 10}}
    assert "leaves 50 % (100 - 50)" in clashes("ab", alarms=floor)[0]
    assert clashes("shadow", alarms=floor) == []


def test_answers_of_a_shadow_must_be_captured() -> None:
    assert "is 50: a shadow's answers exist only where they are captured" in clashes("shadow", capture=50)[0]
    assert clashes("ab", capture=50) == []


@pytest.mark.fault("A23")
def test_inf1_has_no_trial() -> None:
    endpoint = Endpoint(instance_type="ml.inf1.xlarge")
    assert shift_clashes(Rollout(strategy="shadow"), endpoint)
