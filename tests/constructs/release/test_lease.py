"""A release whose lock went to another touches nothing more, and says so."""

from collections.abc import Callable
from typing import Any

import pytest

ENDPOINT = "flight-delays-dev"
AT = (f"endpoint#{ENDPOINT}", "lock")


@pytest.fixture
def v1_live(release: Any, world: Any) -> str:
    """Version 1, released; gives its config. Version 2 is approved."""
    world.approve(1)
    assert release().status == "SUCCEEDED"
    world.calls.clear()
    world.notices.clear()
    world.approve(2)
    return str(world.endpoint["EndpointConfigName"])


def take_over(world: Any) -> None:
    """Another execution took the lock when it had expired, and is at work."""
    key = {"pk": {"S": AT[0]}, "sk": {"S": AT[1]}}
    world.ledger[AT] = {**key, "owner": {"S": "another"}, "expires_at": {"N": "9999999999"}, "fence": {"N": "9"}}


def before(world: Any, verb: str, do: Callable[[], None]) -> None:
    """Once, before the stage."""
    stage = world.stage

    def changed(handler: str, payload: Any) -> Any:
        if f".{verb}." in handler:
            world.stage = stage
            do()
        return stage(handler, payload)

    world.stage = changed


def changes(world: Any) -> list[str]:
    return [a for a, _ in world.calls if a in ("updateEndpoint", "deleteEndpoint", "clean_up_release")]


@pytest.mark.fault("D18")
@pytest.mark.fault("A26")
def test_before_the_shift_nothing_is_shifted(release: Any, world: Any, v1_live: str) -> None:
    before(world, "check_preflight", lambda: take_over(world))
    end = release()
    assert (end.error, [n["outcome"] for n in world.notices]) == ("ReleaseLockLost", ["lock_lost"])
    assert "Another release took the lock" in end.cause["cause"]
    assert changes(world) == []
    assert world.fact("lock")["owner"] == "another"


@pytest.mark.fault("D18")
@pytest.mark.fault("A26")
def test_after_the_shift_nothing_is_written_cleaned_or_rolled_back(release: Any, world: Any, v1_live: str) -> None:
    world.during = lambda: take_over(world)
    end = release()
    assert end.error == "ReleaseLockLost"
    assert changes(world) == ["updateEndpoint"]
    assert world.fact("live")["version"] == 1
    assert world.fact("attempt#2")["outcome"] == "started"
    assert (world.fact("lock")["owner"], world.fact("lock")["fence"]) == ("another", 9)


@pytest.mark.fault("D18")
def test_a_failed_shift_is_left_to_who_has_the_lock(release: Any, world: Any, v1_live: str) -> None:
    world.during = lambda: (take_over(world), world.answers.update({c: "0.9" for c in world.configs if c != v1_live}))
    end = release()
    assert end.error == "ReleaseLockLost"
    assert "Golden record 1" in end.cause["cause"]
    assert changes(world) == ["updateEndpoint"]
    assert world.endpoint["EndpointConfigName"] != v1_live


@pytest.mark.fault("D18")
def test_while_waiting_for_a_busy_endpoint_nothing_is_begun(release: Any, world: Any, v1_live: str) -> None:
    world.endpoint["EndpointStatus"] = "SystemUpdating"
    world._pending = ["InService"]
    world.during = lambda: take_over(world)
    assert release().error == "ReleaseLockLost"
    assert changes(world) == []


@pytest.mark.fault("D18")
def test_a_lock_that_nobody_took_is_renewed_although_it_expired(release: Any, world: Any, v1_live: str) -> None:
    seen = []

    def expire() -> None:
        seen.append(world.fact("lock")["expires_at"])
        world.ledger[AT]["expires_at"] = {"N": "5"}

    world.during = expire
    before(world, "clean_up_release", lambda: seen.append(world.fact("lock")["expires_at"]))
    assert release().output["outcome"] == "released"
    assert seen[1] >= seen[0]


def test_a_ledger_that_does_not_answer_keeps_no_bad_version_live(
    release: Any, world: Any, v1_live: str, error: Callable[[str, str], Exception]
) -> None:
    def bad() -> None:
        world.answers.update({c: "0.9" for c in world.configs if c != v1_live})
        world.broken["updateItem"] = error("DynamoDB.InternalServerError", "no")

    world.during = bad
    assert release().error == "ReleaseRolledBack"
    assert world.endpoint["EndpointConfigName"] == v1_live


@pytest.mark.fault("D18")
def test_a_ledger_that_does_not_answer_when_the_lease_has_run_out_stops_the_release(
    release: Any, world: Any, v1_live: str, error: Callable[[str, str], Exception]
) -> None:
    release._states["Begin"]["Assign"]["lease_seconds"] = 60

    def bad() -> None:
        world.answers.update({c: "0.9" for c in world.configs if c != v1_live})
        world.broken["updateItem"] = error("DynamoDB.InternalServerError", "no")

    world.during = bad
    try:
        assert release().error == "ReleaseLockLost"
    finally:
        release._states["Begin"]["Assign"]["lease_seconds"] = LEASE
    assert changes(world) == ["updateEndpoint"]


LEASE = 4 * 3600


@pytest.mark.fault("A28")
def test_the_last_look_seals_the_lock_and_the_next_release_finds_no_seal(
    release: Any, world: Any, v1_live: str
) -> None:
    sealed = []
    before(world, "clean_up_release", lambda: sealed.append("sealed_at" in world.fact("lock")))
    assert release().output["outcome"] == "released"
    assert sealed == [True]
    assert set(world.fact("lock")) == {"pk", "sk", "fence"}
