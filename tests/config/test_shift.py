"""A rollout's arithmetic: instances, waits, and the time limit that follows from them."""

from typing import Any

import pytest

from slipway.config.endpoint import Endpoint
from slipway.config.rollout import Rollout
from slipway.config.shift import Shift, shift_clashes


def shift(count: int, startup_seconds: int = 480, **rollout: Any) -> Shift:
    endpoint = Endpoint(instance_count=count, startup_timeout_seconds=startup_seconds)
    return Shift.of(Rollout(**rollout), endpoint)


@pytest.mark.parametrize(
    ("declared", "size", "steps", "waits", "most"),
    [
        ({"strategy": "all_at_once"}, 4, 1, 300, 8),
        ({"strategy": "canary", "canary_percent": 25}, 1, 2, 900, 8),
        ({"strategy": "linear"}, 1, 4, 3 * 600 + 300, 8),
        ({"strategy": "linear", "step_percent": 50}, 2, 2, 600 + 300, 8),
        ({"strategy": "rolling"}, 1, 4, 4 * 600, 6),
        ({"strategy": "rolling", "batch_percent": 50}, 2, 2, 2 * 600, 8),
        ({"strategy": "rolling", "rollback_batch_percent": 100}, 1, 4, 4 * 600, 9),
    ],
)
def test_four_instances(declared: dict[str, Any], size: int, steps: int, waits: int, most: int) -> None:
    found = shift(4, **declared)
    assert (found.step_instances, found.steps, found.waits_seconds, found.peak_instances) == (size, steps, waits, most)


@pytest.mark.fault("A20")
def test_the_time_limit_follows_from_waits_and_starts() -> None:
    assert shift(2).timeout_seconds == 3600, "never less than an hour"
    assert shift(10, strategy="linear", step_percent=10).timeout_seconds == 9 * 600 + 300 + (600 + 480)
    assert shift(4, 900, strategy="rolling").timeout_seconds == 4 * 600 + 4 * (600 + 900)
    assert shift(4, strategy="linear", timeout_seconds=2400).timeout_seconds == 2400


def test_rolling_goes_back_in_batches_of_half_at_most() -> None:
    assert shift(4, strategy="rolling").recovery_starts == 4
    assert shift(4, strategy="rolling", rollback_batch_percent=100).recovery_starts == 2
    assert shift(4, strategy="linear").recovery_starts == 1


@pytest.mark.fault("A23")
def test_inf1_may_be_updated_only_as_it_would_be_anyway() -> None:
    endpoint = Endpoint(instance_type="ml.inf1.xlarge", instance_count=4)
    assert shift_clashes(Rollout(strategy="all_at_once", termination_wait_seconds=0), endpoint) == []
    assert [c.path for c in shift_clashes(Rollout(strategy="all_at_once"), endpoint)] == [("rollout", "strategy")]
    assert [c.path for c in shift_clashes(Rollout(strategy="rolling"), endpoint)] == [("rollout", "strategy")]


@pytest.mark.fault("A23")
def test_inf1_as_a_fall_back_is_no_better_guarded() -> None:
    endpoint = Endpoint(instance_type="ml.inf2.xlarge", fallback_instance_types=["ml.inf1.xlarge"], instance_count=4)
    (clash,) = shift_clashes(Rollout(strategy="canary"), endpoint)
    assert "with waits on ml.inf1.xlarge" in clash.why
