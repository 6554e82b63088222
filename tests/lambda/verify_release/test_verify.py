"""What an endpoint is, compared with what was asked."""

from dataclasses import replace
from typing import Any

import pytest

from slipway_lambda.contracts.release import Recovery, Verdict
from slipway_lambda.ports.alarms import AlarmState
from slipway_lambda.verify_release.verify import Asked, Finding, guarded, recovery, verify

DIGEST = "sha256:" + "a" * 64
ASKED = Asked(config="new", digest=DIGEST, instance_count=2, minimum_requests=100)


def endpoint(**more: Any) -> dict[str, Any]:
    variant = {
        "DeployedImages": [{"ResolvedImage": f"r/tabular@{DIGEST}"}],
        "CurrentWeight": 1.0,
        "DesiredWeight": 1.0,
        "CurrentInstanceCount": 2,
        "DesiredInstanceCount": 2,
    }
    variant |= more.pop("variant", {})
    return {"EndpointConfigName": "new", "EndpointStatus": "InService", "ProductionVariants": [variant], **more}


@pytest.mark.parametrize(
    ("described", "requests", "verdict"),
    [
        pytest.param(endpoint(), 100, Verdict.LIVE, id="live"),
        pytest.param(endpoint(), 99, Verdict.TOO_LITTLE_TRAFFIC, id="quiet", marks=pytest.mark.fault("A14")),
        pytest.param(
            endpoint(EndpointConfigName="old"), 100, Verdict.ROLLED_BACK, id="silent", marks=pytest.mark.fault("A01")
        ),
        pytest.param(
            endpoint(EndpointStatus="UpdateRollbackFailed"),
            100,
            Verdict.MIXED,
            id="a03",
            marks=pytest.mark.fault("A03"),
        ),
        pytest.param(
            endpoint(EndpointStatus="Failed"), 100, Verdict.FAILED, id="failed", marks=pytest.mark.fault("A04")
        ),
        pytest.param(endpoint(EndpointStatus="OutOfService"), 100, Verdict.FAILED, id="out of service"),
        pytest.param(
            endpoint(EndpointStatus="RollingBack"), 100, Verdict.PENDING, id="a07", marks=pytest.mark.fault("A07")
        ),
        pytest.param(endpoint(EndpointStatus="SystemUpdating"), 100, Verdict.PENDING, id="maintenance"),
        pytest.param({}, 100, Verdict.GONE, id="gone"),
        pytest.param(
            endpoint(variant={"DeployedImages": [{"ResolvedImage": "r/t@sha256:" + "b" * 64}]}),
            100,
            Verdict.MIXED,
            id="other image",
        ),
        pytest.param(endpoint(variant={"DeployedImages": []}), 100, Verdict.MIXED, id="no image"),
        pytest.param(endpoint(variant={"CurrentWeight": 0.5}), 100, Verdict.MIXED, id="weight"),
        pytest.param(
            endpoint(variant={"CurrentWeight": 0.0, "DesiredWeight": 0.0}), 100, Verdict.MIXED, id="no weight"
        ),
        pytest.param(endpoint(variant={"CurrentInstanceCount": 1}), 100, Verdict.MIXED, id="count"),
        pytest.param(endpoint(ProductionVariants=[]), 100, Verdict.MIXED, id="no variant"),
    ],
)
def test_only_what_was_asked_is_live(described: dict[str, Any], requests: int, verdict: Verdict) -> None:
    assert verify(ASKED, described, requests).verdict is verdict


@pytest.mark.parametrize(
    ("described", "last_good", "ever_served", "wanted"),
    [
        (endpoint(EndpointStatus="RollingBack"), {"config": "old"}, True, Recovery.WAIT),
        (endpoint(), {"config": "old"}, True, Recovery.ROLL_BACK),
        (endpoint(EndpointConfigName="old"), {"config": "old"}, True, Recovery.NOTHING),
        (endpoint(EndpointStatus="UpdateRollbackFailed"), {"config": "old"}, True, Recovery.HALT),
        (endpoint(EndpointStatus="Failed"), {"config": "old"}, True, Recovery.HALT),
        (endpoint(), {}, True, Recovery.HALT),
        ({}, {"config": "old"}, True, Recovery.HALT),
        (endpoint(EndpointStatus="Failed"), {}, False, Recovery.DELETE),
        (endpoint(), {}, False, Recovery.DELETE),
        ({}, {}, False, Recovery.NOTHING),
        ({}, {}, True, Recovery.NOTHING),
    ],
)
def test_recovery_deletes_only_what_never_served_and_never_updates_a_mixed_fleet(
    described: dict[str, Any], last_good: dict[str, Any], ever_served: bool, wanted: Recovery
) -> None:
    assert recovery(described, last_good, ever_served=ever_served) is wanted


def _alarm(name: str, *, state: str = "OK", enabled: bool = True) -> AlarmState:
    return AlarmState(name, state, "Threshold crossed", enabled, {"EndpointConfigName": "new"})


WANTED = {"latency": {"EndpointConfigName": "new"}, "errors": None}


@pytest.mark.fault("A14")
@pytest.mark.fault("A15")
@pytest.mark.fault("A16")
@pytest.mark.fault("A18")
@pytest.mark.parametrize(
    ("found", "said"),
    [
        pytest.param([_alarm("latency")], "alarm errors is gone", id="vanished"),
        pytest.param([_alarm("latency"), _alarm("errors", enabled=False)], "actions disabled", id="switched off"),
        pytest.param([_alarm("latency"), _alarm("errors", state="ALARM")], "is in ALARM", id="raised at the end"),
        pytest.param([_alarm("latency"), _alarm("errors", state="INSUFFICIENT_DATA")], "errors has no data", id="mute"),
        pytest.param(
            [replace(_alarm("latency"), dimensions={"EndpointConfigName": "old"}), _alarm("errors")],
            "alarm latency watches {'EndpointConfigName': 'old'} by now",
            id="looks elsewhere",
        ),
    ],
)
def test_a_shift_that_no_alarm_watched_to_its_end_is_not_live(found: list[AlarmState], said: str) -> None:
    finding = guarded(Finding(Verdict.LIVE, "It serves."), WANTED, found)
    assert finding.verdict is Verdict.UNGUARDED
    assert said in finding.reason


def test_what_is_wrong_already_is_not_told_otherwise() -> None:
    failed = Finding(Verdict.FAILED, "The endpoint is Failed.")
    assert guarded(failed, WANTED, []) is failed


def test_a_silent_rollback_names_the_alarm_that_did_it() -> None:
    finding = guarded(Finding(Verdict.ROLLED_BACK, "Live is old."), {"errors": None}, [_alarm("errors", state="ALARM")])
    assert finding == Finding(Verdict.ROLLED_BACK, "Live is old. Now alarm errors is in ALARM: Threshold crossed.")


def test_alarms_that_are_there_and_quiet_change_nothing() -> None:
    live = Finding(Verdict.LIVE, "It serves.")
    assert guarded(live, WANTED, [_alarm("latency"), _alarm("errors")]) is live


@pytest.mark.fault("A24")
@pytest.mark.parametrize(
    ("count", "counts", "verdict"),
    [
        pytest.param(5, (5, 5), Verdict.LIVE, id="as many as were live"),
        pytest.param(2, (5, 5), Verdict.MIXED, id="reset to what the config says"),
        pytest.param(5, (2, 6), Verdict.LIVE, id="found within the limits"),
        pytest.param(7, (2, 6), Verdict.MIXED, id="outside the limits"),
    ],
)
def test_a_fleet_that_scales_serves_from_as_many_instances_as_were_live(
    count: int, counts: tuple[int, int], verdict: Verdict
) -> None:
    variant = {"CurrentInstanceCount": count, "DesiredInstanceCount": count}
    assert verify(replace(ASKED, counts=counts), endpoint(variant=variant), 100).verdict is verdict
