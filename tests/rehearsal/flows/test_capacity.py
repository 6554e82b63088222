"""Room for a second fleet: a quota that is too small, and instances that are not to be had."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal

ENDPOINT = "flight-delays-dev"
LARGE, XLARGE = "ml.m5.large", "ml.m5.xlarge"
QUOTA, WIDE = f"{LARGE} for endpoint usage", 1000


@pytest.fixture
def quota(app: Any) -> Iterator[Callable[[int], None]]:
    """Sets the account's quota of the endpoint's instance type."""
    yield lambda value: app.cloud.quota(QUOTA, value)
    app.cloud.quota(QUOTA, WIDE)


@pytest.fixture
def respecified(app: Any) -> Iterator[set[str]]:
    """Comes before `declared`: waits for the release that deploying the repository's own declaration starts. The test
    leaves the executions known until then.
    """
    known: set[str] = set()
    yield known
    app.ends_since("ReleaseMachine", known)


@pytest.mark.fault("A08")
def test_a_release_beyond_the_quota_is_refused_and_comes_by_itself_once_there_is_room(
    app: Any, hand_register: Callable[..., str], quota: Callable[[int], None]
) -> None:
    before, known = app.endpoint()["EndpointConfigName"], app.known("ReleaseMachine")
    quota(7)
    app.approve(hand_register())
    (ended,) = app.ends_since("ReleaseMachine", known)
    assert (ended.status, ended.error) == ("FAILED", "ReleaseRefused"), ended
    assert f"{ENDPOINT} needs 8 {LARGE} at its peak: 4 now + 4 more; the quota '{QUOTA}' is 7" in ended.cause
    assert "Update the endpoint" not in app.path(ended.arn)
    assert "Create the model" not in app.path(ended.arn)
    (told,) = app.told("release")
    assert (told["outcome"], "at least 8 of L-" in told["next_step"]) == ("refused", True)
    assert app.endpoint()["EndpointConfigName"] == before
    quota(8)
    swept = app.run("ReleaseMachine", {"trigger": "reconcile"})
    assert swept.output.get("outcome") == "released", swept
    assert app.endpoint()["EndpointConfigName"] != before


@pytest.mark.fault("A09")
def test_where_a_type_is_not_to_be_had_the_next_serves_and_that_is_told(
    app: Any, respecified: set[str], declared: Callable[..., None]
) -> None:
    known = app.known("ReleaseMachine")
    app.cloud.fault("A09", endpoint=ENDPOINT, instance_type=LARGE, available=1)
    declared((f"  instance_type: {LARGE}\n", f"  instance_type: {LARGE}\n  fallback_instance_types: [{XLARGE}]\n"))
    (ended,) = app.ends_since("ReleaseMachine", known)
    assert (ended.status, ended.output.get("outcome")) == ("SUCCEEDED", "released"), ended
    (variant,) = app.endpoint()["ProductionVariants"]
    pools = {p["InstanceType"]: p["CurrentInstanceCount"] for p in variant["InstancePools"]}
    assert (pools, variant["CurrentInstanceCount"]) == ({LARGE: 1, XLARGE: 3}, 4)
    record = app.ledger(f"endpoint#{ENDPOINT}", f"release#{ended.arn.rpartition(':')[2]}")
    assert record["served_by"] == f"1 × {LARGE}, 3 × {XLARGE}"
    (told,) = app.told("release")
    assert f"For want of capacity of {LARGE} it runs on 3 × {XLARGE}." in told["cause"]
    respecified |= app.known("ReleaseMachine")
