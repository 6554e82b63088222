"""The new fleet's errors beside the old fleet's."""

from collections.abc import Mapping
from typing import Any

import pytest

from slipway_lambda.contracts.release import Verdict
from slipway_lambda.ports.fleets import Minute
from slipway_lambda.verify_release.canary import compared
from slipway_lambda.verify_release.handler import look
from slipway_lambda.verify_release.verify import Finding

LIVE = Finding(Verdict.LIVE, "It serves.")
DIGEST = "sha256:" + "a" * 64


def minutes(count: int, requests: int, *, refused: int = 0, failed: int = 0) -> dict[int, Minute]:
    """Alike, one after the other."""
    return {60 * m: Minute(requests, refused, failed) for m in range(count)}


@pytest.mark.fault("A11")
@pytest.mark.parametrize(
    ("new", "said"),
    [
        pytest.param(minutes(10, 100, failed=3), "5XX", id="5xx"),
        pytest.param(minutes(10, 100, refused=5), "4XX", id="refuses what the old one took"),
    ],
)
def test_errors_that_cannot_be_chance_are_worse(new: Mapping[int, Minute], said: str) -> None:
    finding = compared(LIVE, minutes(10, 900, refused=1, failed=1), new)
    assert finding.verdict is Verdict.WORSE
    assert f"answers more requests with {said}" in finding.reason
    assert "of 1,000 (" in finding.reason


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(minutes(10, 900, failed=27), minutes(10, 100, failed=3), id="as the old one"),
        pytest.param(minutes(10, 900, failed=90), minutes(10, 100), id="better"),
        pytest.param({}, minutes(10, 100, failed=50), id="no old fleet"),
        pytest.param(minutes(5, 900), {600: Minute(5000, 500, 500)}, id="never asked in the same minute"),
        pytest.param(minutes(3, 900), {0: Minute(9, 0, 2)}, id="too little to tell"),
        pytest.param({}, {}, id="nothing"),
    ],
)
def test_what_may_be_chance_or_cannot_be_compared_changes_nothing(
    old: Mapping[int, Minute], new: Mapping[int, Minute]
) -> None:
    assert compared(LIVE, old, new) is LIVE


def test_a_bad_minute_after_the_shift_is_not_held_against_the_new_fleet() -> None:
    """Compared in sum it would be: the old fleet served before the trouble, the new one after."""
    old = {0: Minute(10_000, 0, 10), 60: Minute(500, 0, 50)}
    new = {60: Minute(500, 0, 52), 120: Minute(10_000, 0, 1000)}
    assert compared(LIVE, old, new) is LIVE


def test_what_is_wrong_already_is_not_told_otherwise() -> None:
    gone = Finding(Verdict.GONE, "The endpoint does not exist.")
    assert compared(gone, minutes(10, 900), minutes(10, 100, failed=50)) is gone


class Ports:
    """An endpoint, its alarms and its fleets; `asked` are the configs that were looked up."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    def describe(self, what: Any) -> Any:
        variant = {
            "DeployedImages": [{"ResolvedImage": f"r/tabular@{DIGEST}"}],
            "CurrentWeight": 1.0,
            "DesiredWeight": 1.0,
            "CurrentInstanceCount": 2,
            "DesiredInstanceCount": 2,
        }
        live = {"EndpointConfigName": "new", "EndpointStatus": "InService", "ProductionVariants": [variant]}
        return live if isinstance(what, str) else []

    def invocations(self, *_: Any) -> int:
        return 1000

    def by_minute(self, *of: Any) -> Mapping[int, Minute]:
        self.asked.append(of)
        return minutes(10, 900) if of[2] == "old" else minutes(10, 100, failed=50)


def event(**more: Any) -> dict[str, Any]:
    texts = (
        "model environment endpoint variant instance_type capture_uri capture_key_arn volume_key_arn hosting_role_arn"
        " strategy"
    )
    numbers = (
        "startup_timeout_seconds capture_percent canary_percent step_percent batch_percent rollback_batch_percent"
        " bake_seconds termination_wait_seconds timeout_seconds minimum_requests keep_versions smoke_records"
        " smoke_tolerance"
    )
    spec = {**dict.fromkeys(texts.split(), "x"), **dict.fromkeys(numbers.split(), 1), "instance_count": 2}
    lists: dict[str, Any] = {key: [] for key in ("alarm_names", "new_fleet_alarms", "other_alarms")}
    return {
        "spec": {**spec, **lists},
        "config": "new",
        "digest": DIGEST,
        "minimum_requests": 100,
        "since_ms": 60_000,
        "now_ms": 660_000,
        "last_good": {"config": "old", "version": 1},
        "ever_served": True,
        **more,
    }


@pytest.mark.fault("A11")
def test_the_stage_compares_both_configs_in_the_time_since_the_release_began() -> None:
    ports: Any = Ports()
    answer = look(event(), ports, ports, ports)
    assert (answer["verdict"], answer["recovery"]) == ("worse", "roll_back")
    assert ports.asked == [("x", "x", config, 60.0, 660.0) for config in ("old", "new")]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"minimum_requests": 0}, id="no traffic was shifted"),
        pytest.param({"last_good": {}}, id="nothing served before"),
        pytest.param({"last_good": {"config": "new", "version": 2}}, id="the same config"),
    ],
)
def test_without_a_champion_nothing_is_compared(more: dict[str, Any]) -> None:
    ports: Any = Ports()
    assert look(event(**more), ports, ports, ports)["verdict"] == "live"
    assert not ports.asked
