"""A demo is good only if everything is."""

import dataclasses
import math
from collections.abc import Callable

import pytest

from slipway.demo.result import Release, Result, Window
from slipway.demo.verdict import share_allowed, verdict

SHARE = 0.25


def _set(path: str, value: object) -> Callable[[Result], None]:
    """Set `releases.2.failed_requests` and the like."""

    def change(result: Result) -> None:
        at: object = result
        *way, last = path.split(".")
        for part in way:
            at = at[int(part)] if isinstance(at, list) else getattr(at, part)
        setattr(at, last, value)

    return change


def test_a_good_run_has_no_fault(good: Result) -> None:
    assert verdict(good, SHARE) == []


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("deploy.stacks", 4, "not 5 stacks"),
        ("deploy.resources", 0, "0 resources"),
        ("training.rows", 0, "prepared no rows"),
        ("training.value", None, "auc is None"),
        ("training.value", math.nan, "auc is nan"),
        ("releases", [], "not 1, 2 and 3"),
        ("releases.0.outcome", "refused", "version 1 ended refused"),
        ("releases.1.outcome", "rolled_back", "version 2 ended rolled_back"),
        ("releases.2.outcome", "released", "version 3 ended released, not rolled_back"),
        ("releases.0.strategy", "canary", "version 1 took canary"),
        ("releases.1.strategy", "all_at_once", "version 2 took all_at_once"),
        ("releases.1.live_version", 1, "after version 2, version 1 was live"),
        ("releases.2.live_version", 3, "after version 3, version 3 was live"),
        ("releases.2.live_version", None, "after version 3, version None was live"),
        ("releases.2.failed_by_platform", 1, "1 requests were lost by the platform while version 3"),
        ("releases.1.requests", 100, "fewer than 5000"),
        ("releases.1.failed_requests", 1, "1 requests failed while version 2"),
        ("releases.2.failed_requests", 0, "it was not made bad"),
        ("releases.2.failed_requests", 400, "more than its canary share 25%"),
        ("releases.2.cause", None, "without a cause"),
        ("monitoring", [], "no window was monitored"),
        ("monitoring.0.records", 0, "had no records"),
        ("monitoring.0.violations", ["temp: baseline_drift_check"], "drifted from themselves"),
        ("monitoring.1.violations", [], "no drift was found"),
        ("retraining.triggered_by", "manual", "started by manual"),
        ("retraining.triggered_by", "", "started by nothing"),
        ("retraining.outcome", "", "ended never"),
        ("iam.enforced", False, "not enforced"),
        ("iam.denied", 2, "2 calls were denied"),
    ],
)
def test_each_thing_that_is_wrong_is_said(good: Result, path: str, value: object, words: str) -> None:
    _set(path, value)(good)
    assert any(words in fault for fault in verdict(good, SHARE)), verdict(good, SHARE)


def test_a_refusal_needs_its_reason(good: Result) -> None:
    good.retraining = dataclasses.replace(good.retraining, outcome="refused", reason="")
    assert verdict(good, SHARE) == ["retraining was refused without a reason"]
    good.retraining.reason = "auc 0.91 is below the champion's 0.92"
    assert verdict(good, SHARE) == []


def test_the_share_leaves_room_for_chance_and_not_for_more() -> None:
    assert 250 < share_allowed(1000, SHARE) < 310
    assert share_allowed(0, SHARE) == 0


def test_an_empty_result_is_never_good() -> None:
    assert verdict(Result(), SHARE)


def test_every_release_and_window_has_the_promised_keys(good: Result) -> None:
    told = good.as_dict()
    promised = {"version", "strategy", "outcome", "live_version", "requests", "failed_requests", "cause"}
    assert all(promised <= set(r) for r in told["releases"])
    assert all({"window", "records", "violations"} <= set(w) for w in told["monitoring"])
    assert {"ok", "seconds", "clock_speed", "deploy", "training", "retraining", "iam", "timings"} <= set(told)
    assert "error" not in told
    assert isinstance(good.releases[0], Release) and isinstance(good.monitoring[0], Window)
