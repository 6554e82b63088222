"""What the release machine does, walked state by state over an account in memory."""

from collections.abc import Callable
from typing import Any

import pytest

ENDPOINT = "flight-delays-dev"


def actions(world: Any, *wanted: str) -> list[str]:
    return [a for a, _ in world.calls if a in wanted]


CHANGING = ("createEndpoint", "updateEndpoint", "deleteEndpoint", "createModel", "createEndpointConfig")


@pytest.fixture
def v1_live(release: Any, world: Any) -> str:
    """Version 1, released; gives its config."""
    world.approve(1)
    assert release().status == "SUCCEEDED"
    world.calls.clear()
    world.notices.clear()
    return str(world.endpoint["EndpointConfigName"])


def test_first_release_creates_verifies_records_and_tells_once(release: Any, world: Any) -> None:
    world.approve(1)
    end = release()
    assert (end.status, end.output["outcome"], end.output["version"]) == ("SUCCEEDED", "released", 1)
    live = world.fact("live")
    assert live["config"] == world.endpoint["EndpointConfigName"] == end.output["live_config"]
    assert live["baseline_statistics_uri"] == "s3://artefacts/flight-delays/statistics.json"
    assert world.fact("attempt#1")["outcome"] == "released"
    assert world.packages[1]["ModelLifeCycle"]["StageStatus"] == "Approved"
    assert "owner" not in world.fact("lock")
    assert [n["outcome"] for n in world.notices] == ["released"]


def test_update_goes_through_guardrails_and_keeps_the_way_back(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    end = release()
    assert (end.status, end.output["strategy"]) == ("SUCCEEDED", "canary")
    (request,) = (r for a, r in world.calls if a == "updateEndpoint")
    policy = request["DeploymentConfig"]["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert policy == {
        "Type": "CANARY",
        "WaitIntervalInSeconds": 120,
        "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1},
    }
    assert len(request["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]) == 4
    assert request["RetainDeploymentConfig"] is False
    assert world.fact("live")["previous_config"] == v1_live
    assert v1_live in world.configs


def test_a_rolling_release_that_fails_its_smoke_test_goes_back_without_a_second_fleet(
    rolling_release: Any, world: Any
) -> None:
    world.approve(1)
    assert rolling_release().status == "SUCCEEDED"
    before = world.endpoint["EndpointConfigName"]
    world.calls.clear()
    world.approve(2)
    world.during = lambda: world.answers.update({world.endpoint["PendingDeploymentSummary"]["EndpointConfigName"]: "9"})
    end = rolling_release()
    assert (end.error, end.cause["strategy"]) == ("ReleaseRolledBack", "rolling")
    there, back = (r for a, r in world.calls if a == "updateEndpoint")
    batch = {"Type": "INSTANCE_COUNT", "Value": 1}
    assert there["DeploymentConfig"]["RollingUpdatePolicy"]["MaximumBatchSize"] == batch
    assert there["DeploymentConfig"]["RollingUpdatePolicy"]["RollbackMaximumBatchSize"] == batch
    policy = {"MaximumBatchSize": batch, "WaitIntervalInSeconds": 0, "MaximumExecutionTimeoutInSeconds": 600}
    assert back["EndpointConfigName"] == before == world.endpoint["EndpointConfigName"]
    assert back["DeploymentConfig"] == {"RollingUpdatePolicy": policy}


@pytest.mark.fault("A17")
def test_alarms_on_the_new_fleet_follow_each_release(guarded_release: Any, world: Any) -> None:
    """Five of nine are aimed; the floor, the golden records', the monitor's and the user's own are not."""
    for version in (1, 2):
        world.approve(version)
        end = guarded_release()
        assert end.status == "SUCCEEDED", end.output
        live = world.endpoint["EndpointConfigName"]
        assert [d["EndpointConfigName"] for d in world.aimed.values()] == [live] * 5
        path = end.path
        assert path.index("Aim alarms at the new fleet") < path.index("Check before the shift")
    (request,) = (r for a, r in world.calls if a == "updateEndpoint")
    alarms = [a["AlarmName"] for a in request["DeploymentConfig"]["AutoRollbackConfiguration"]["Alarms"]]
    assert len(alarms) == 9
    assert "queue is long" in alarms


@pytest.mark.fault("A18")
def test_an_alarm_aimed_elsewhere_in_the_shift_is_no_guard(guarded_release: Any, world: Any) -> None:
    world.approve(1)
    guarded_release()
    before = world.endpoint["EndpointConfigName"]
    world.approve(2)
    world.during = world.aimed.clear
    end = guarded_release()
    assert end.error == "ReleaseRolledBack"
    assert "not guarded to its end" in end.cause["cause"]
    assert world.endpoint["EndpointConfigName"] == before


def test_versions_beyond_those_to_keep_are_removed(release: Any, world: Any, v1_live: str) -> None:
    for version in (2, 3):
        world.approve(version)
        assert release().status == "SUCCEEDED"
    assert v1_live not in world.configs
    assert len(world.configs) == len(world.models) == 2


@pytest.mark.fault("A01")
def test_silent_rollback_is_told_as_a_failure(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    world.rolls_back = True
    end = release()
    assert (end.status, end.error, end.cause["outcome"]) == ("FAILED", "ReleaseRolledBack", "rolled_back")
    assert end.cause["version"] == 2
    assert world.endpoint["EndpointConfigName"] == v1_live == world.fact("live")["config"]
    assert list(world.configs) == [v1_live]
    assert world.packages[2]["ModelLifeCycle"]["StageStatus"] == "Rejected"
    assert [n["outcome"] for n in world.notices] == ["rolled_back"]
    assert "owner" not in world.fact("lock")


@pytest.mark.fault("A02")
def test_a_release_that_falsely_succeeds_does_not_lose_the_config_it_rolled_back_to(
    release: Any, world: Any, v1_live: str
) -> None:
    world.approve(2)
    world.rolls_back = True
    release()
    assert v1_live in world.configs
    assert v1_live in world.models


@pytest.mark.fault("A03")
def test_mixed_fleet_halts_automation_and_deletes_nothing(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    world.rollback_fails = True
    end = release()
    assert (end.status, end.error) == ("FAILED", "ReleaseHalted")
    assert len(world.configs) == 2
    assert v1_live in world.fact("halt")["cause"]
    assert actions(world, "updateEndpoint") == ["updateEndpoint"]
    assert [n["outcome"] for n in world.notices] == ["halted"]
    world.calls.clear()
    world.approve(3)
    assert release("reconcile").status == "SUCCEEDED"
    assert release().error == "ReleaseRefused"
    assert not actions(world, *CHANGING)


@pytest.mark.fault("A04")
def test_failed_first_creation_is_cleaned_and_can_be_tried_again(release: Any, world: Any) -> None:
    world.approve(1)
    world.never_healthy = True
    end = release()
    assert (end.status, end.error) == ("FAILED", "ReleaseRolledBack")
    assert world.endpoint is None
    assert not world.configs
    assert not world.models
    world.never_healthy = False
    assert release("operator", version=1).output["outcome"] == "released"


@pytest.mark.fault("A04")
def test_endpoint_that_served_is_never_deleted(release: Any, world: Any, v1_live: str) -> None:
    world.endpoint["EndpointStatus"] = "Failed"
    world.approve(2)
    assert release().error == "ReleaseRefused"
    assert not actions(world, "deleteEndpoint")


@pytest.mark.fault("A06")
def test_busy_endpoint_is_waited_for(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    world.endpoint["EndpointStatus"] = "SystemUpdating"
    world._pending = ["InService"]
    assert release().output["outcome"] == "released"


@pytest.mark.fault("A06")
def test_endpoint_that_stays_busy_refuses_in_bounded_time(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    world.endpoint["EndpointStatus"] = "SystemUpdating"
    end = release()
    assert end.error == "ReleaseRefused"
    assert end.path.count("Let the endpoint settle") == 20


@pytest.mark.fault("C02")
def test_news_that_came_while_nobody_listened_is_looked_at_and_not_waited_for(
    release: Any, world: Any, v1_live: str
) -> None:
    world.approve(2)

    update = world._updateEndpoint

    def before_it_listens(request: Any) -> Any:
        world.ledger["endpoint#flight-delays-dev", "lock"]["unheard"] = {"BOOL": True}
        return update(request)

    world._updateEndpoint = before_it_listens
    end = release()
    assert end.status == "SUCCEEDED"
    at = end.path.index("Let it work, with news unheard")
    assert end.path[at - 1 : at + 2] == ["Let it work", "Let it work, with news unheard", "Look at the endpoint"]
    assert end.path.count("Let it work, with news unheard") == 1
    assert "Let it work, without news" not in end.path


@pytest.mark.fault("D16")
def test_a_listener_that_cannot_be_written_waits_plainly(release: Any, world: Any, v1_live: str, error: Any) -> None:
    world.approve(2)
    world.deaf = error("DynamoDb.ProvisionedThroughputExceededException", "Too much.")
    end = release()
    assert end.status == "SUCCEEDED"
    assert "Let it work, without news" in end.path


@pytest.mark.fault("A05")
def test_stuck_update_ends_in_bounded_time_and_halts(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)

    def stick() -> None:
        world._pending.clear()

    world.during = stick
    end = release()
    assert end.error == "ReleaseHalted"
    assert len(end.path) < 1000


@pytest.mark.fault("A08")
def test_refused_update_leaves_no_orphan_and_does_not_blame_the_version(
    release: Any, world: Any, v1_live: str, error: Callable[[str, str], Exception]
) -> None:
    world.approve(2)
    world.broken["updateEndpoint"] = error("SageMaker.ResourceLimitExceededException", "The account-level limit is 4.")
    end = release()
    assert (end.status, end.error) == ("FAILED", "ReleaseRefused")
    assert "limit is 4" in world.notices[0]["cause"]
    assert list(world.configs) == [v1_live]
    assert "ModelLifeCycle" not in world.packages[2]
    world.broken.clear()
    assert release("operator").output["outcome"] == "released"


@pytest.mark.fault("A13")
@pytest.mark.parametrize("answer", ["0.9", "nan", "error", "0.5\n0.5"])
def test_healthy_but_wrong_version_is_rolled_back_by_the_smoke_test(
    release: Any, world: Any, v1_live: str, answer: str
) -> None:
    world.approve(2)
    asked = release._states["Verify what is live"]
    assert asked["Next"] == "Is it live?"
    world.during = lambda: world.answers.update({c: answer for c in world.configs if c != v1_live})
    end = release()
    assert end.error == "ReleaseRolledBack"
    assert "Golden record 1" in end.cause["cause"]
    assert world.endpoint["EndpointConfigName"] == v1_live
    assert actions(world, "updateEndpoint") == ["updateEndpoint", "updateEndpoint"]
    assert list(world.configs) == [v1_live]


@pytest.mark.fault("A13")
@pytest.mark.parametrize(("answer", "wrong"), [("0.7", 0), ("0.5", 0), ("0.4", 25)])
def test_answers_of_neither_version_are_counted_while_the_traffic_shifts(
    release: Any, world: Any, v1_live: str, answer: str, wrong: int
) -> None:
    """The champion answers 0.7 before anything is touched, the new version's evaluation said 0.5."""
    world.approve(2)
    world.answers[v1_live] = "0.7"
    world.rolls_back = True  # so that it is still changing at the first look
    world.during = lambda: world.answers.update({v1_live: answer})
    end = release()
    assert end.path.index("Check before the shift") < end.path.index("Update the endpoint")
    assert world.mismatches == [wrong]


@pytest.mark.fault("A13")
def test_bad_first_release_deletes_the_endpoint_that_never_served(release: Any, world: Any) -> None:
    world.approve(1)
    world.during = lambda: world.answers.update(dict.fromkeys(world.configs, "0.9"))
    assert release().error == "ReleaseRolledBack"
    assert world.endpoint is None


@pytest.mark.fault("A14")
def test_too_little_traffic_is_not_health(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    world.requests = 49
    end = release()
    assert end.error == "ReleaseRolledBack"
    assert "49 requests" in end.cause["cause"]
    assert world.endpoint["EndpointConfigName"] == v1_live
    assert "Send more golden records" in end.path


@pytest.mark.fault("A11")
def test_a_version_that_fails_more_often_than_the_old_one_is_rolled_back(
    release: Any, world: Any, v1_live: str
) -> None:
    """No alarm spoke. It takes no state of the machine more than a release that ends well."""
    world.approve(2)
    world.requests, world.errors = 2500, {1: 3, 2: 25}
    end = release()
    assert (end.error, end.cause["outcome"]) == ("ReleaseRolledBack", "rolled_back")
    assert "25 of 2,500 (1.00 %) against 3 of 2,500 (0.12 %)" in end.cause["cause"]
    assert world.endpoint["EndpointConfigName"] == v1_live
    assert end.path.count("Verify what is live") == 1


def test_errors_that_the_old_version_has_too_are_no_reason_to_roll_back(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    world.requests, world.errors = 2500, {1: 25, 2: 27}
    assert release().status == "SUCCEEDED"


@pytest.mark.fault("A26")
def test_second_release_waits_for_the_first_and_then_finds_nothing_to_do(
    release: Any, world: Any, v1_live: str
) -> None:
    world.approve(2)
    ends = []

    def meanwhile() -> None:
        inner = type(release)({"States": release._states, "StartAt": release._start}, world)
        inner.stop_before = "Let the other release end"
        ends.append(inner(name="second"))

    world.during = meanwhile
    assert release(name="first").output["outcome"] == "released"
    assert ends[0].path[-1] == "Wait for the other release?"
    assert actions(world, "updateEndpoint") == ["updateEndpoint"]


@pytest.mark.fault("A26")
def test_lock_that_is_never_freed_refuses_and_tells(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    held = {"pk": {"S": f"endpoint#{ENDPOINT}"}, "sk": {"S": "lock"}, "owner": {"S": "another"}}
    world.ledger[(f"endpoint#{ENDPOINT}", "lock")] = {**held, "expires_at": {"N": "9999999999"}, "fence": {"N": "7"}}
    end = release()
    assert (end.error, [n["outcome"] for n in world.notices]) == ("ReleaseRefused", ["refused"])
    assert release("reconcile").output["outcome"] == "nothing"
    assert len(world.notices) == 1
    assert world.fact("lock")["owner"] == "another"
    assert not actions(world, *CHANGING)


def test_expired_lock_is_taken_over_and_the_fence_grows(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    held = {"pk": {"S": f"endpoint#{ENDPOINT}"}, "sk": {"S": "lock"}, "owner": {"S": "dead"}}
    world.ledger[(f"endpoint#{ENDPOINT}", "lock")] = {**held, "expires_at": {"N": "5"}, "fence": {"N": "7"}}
    assert release().output["outcome"] == "released"
    assert world.fact("live")["fence"] == 8


@pytest.mark.fault("A15")
@pytest.mark.fault("A16")
def test_alarm_that_cannot_act_refuses_before_anything_is_touched(
    release: Any, world: Any, v1_live: str, alarm_state: Any
) -> None:
    world.approve(2)
    first = release._states["Begin"]["Assign"]["spec"]["alarm_names"][0]
    disabled = alarm_state(first, "OK", "", False, {"EndpointName": ENDPOINT, "VariantName": "main"})
    world.alarms[first] = disabled
    end = release("operator", version=2)
    assert end.error == "ReleaseRefused"
    assert first in end.cause["cause"]
    assert not actions(world, *CHANGING)


def test_environment_fault_does_not_count_and_is_told_once_by_sweeps(
    release: Any, world: Any, v1_live: str, error: Callable[[str, str], Exception]
) -> None:
    world.approve(2)
    cause = '{"errorMessage": "alarm X is already in ALARM Next step: look", "errorType": "PreflightRefusedError"}'
    world.broken["check_preflight"] = error("PreflightRefusedError", cause)
    assert release().error == "ReleaseRefused"
    assert [(n["cause"], n["next_step"]) for n in world.notices] == [("alarm X is already in ALARM", "look")]
    assert release("reconcile").output["outcome"] == "refused"
    assert len(world.notices) == 1
    world.broken.clear()
    assert release("reconcile").output["outcome"] == "released"


@pytest.mark.fault("C01")
def test_same_approval_delivered_again_does_nothing_and_says_nothing(release: Any, world: Any, v1_live: str) -> None:
    for _ in range(4):
        end = release()
        assert (end.status, end.output["outcome"]) == ("SUCCEEDED", "nothing")
    assert not actions(world, *CHANGING)
    assert world.notices == []
    assert "owner" not in world.fact("lock")


@pytest.mark.fault("C01")
def test_failed_version_is_not_tried_again_by_itself(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    world.rolls_back = True
    release()
    world.calls.clear()
    for trigger in ("approval", "reconcile", "spec"):
        assert release(trigger).output["outcome"] == "nothing"
    assert not actions(world, *CHANGING)
    world.rolls_back = False
    world.packages[2]["ApprovalDescription"] = "looked at it again"
    assert release().output["outcome"] == "released"


@pytest.mark.fault("C02")
def test_sweep_finds_an_approval_whose_event_was_lost(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    assert release("reconcile").output == {
        "outcome": "released",
        "version": 2,
        "strategy": "canary",
        "live_config": world.endpoint["EndpointConfigName"],
        "cause": None,
    }


@pytest.mark.fault("C03")
def test_newest_approved_wins_whatever_the_order_of_events(release: Any, world: Any) -> None:
    world.approve(2)
    world.approve(1)
    assert release().output["version"] == 2
    assert release().output["outcome"] == "nothing"
    del world.packages[2]
    end = release()
    assert end.output["outcome"] == "superseded"


@pytest.mark.fault("C05")
def test_withdrawn_approval_returns_to_the_last_good_version(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    world.during = lambda: world.packages[2].update(ModelApprovalStatus="Rejected")
    end = release()
    assert end.error == "ReleaseRolledBack"
    assert "withdrawn" in end.cause["cause"]
    assert world.endpoint["EndpointConfigName"] == v1_live


@pytest.mark.fault("C06")
def test_deleted_package_is_told_and_nothing_is_touched(
    release: Any, world: Any, v1_live: str, error: Callable[[str, str], Exception]
) -> None:
    world.approve(2)
    world.broken["describeModelPackage"] = error("SageMaker.SageMakerException", "ModelPackage does not exist")
    assert release().error == "ReleaseRefused"
    assert not actions(world, *CHANGING)
    assert len(world.notices) == 1


def test_nothing_approved_ends_quietly_without_the_lock(release: Any, world: Any) -> None:
    end = release("reconcile")
    assert (end.status, end.output["outcome"]) == ("SUCCEEDED", "nothing")
    assert not world.ledger
    assert not world.notices


@pytest.mark.fault("A30")
def test_endpoint_deleted_outside_is_made_again_by_the_sweep(release: Any, world: Any, v1_live: str) -> None:
    world.endpoint = None
    end = release("reconcile")
    assert end.output["outcome"] == "released"
    assert world.endpoint["EndpointConfigName"] == v1_live


def test_release_cut_off_after_the_shift_is_verified_by_the_sweep(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    release.stop_before = "Verify what is live"
    release()
    release.stop_before = None
    world.ledger.pop((f"endpoint#{ENDPOINT}", "lock"))
    world.calls.clear()
    end = release("reconcile")
    assert end.output["outcome"] == "released"
    assert not actions(world, *CHANGING)
    assert world.fact("live")["version"] == 2


def test_unverified_version_that_answers_wrong_goes_back_to_the_verified_one(
    release: Any, world: Any, v1_live: str
) -> None:
    world.approve(2)
    release.stop_before = "Verify what is live"
    release()
    release.stop_before = None
    world.ledger.pop((f"endpoint#{ENDPOINT}", "lock"))
    world.answers[world.endpoint["EndpointConfigName"]] = "0.9"
    assert release("reconcile").error == "ReleaseRolledBack"
    assert world.endpoint["EndpointConfigName"] == v1_live


def test_half_made_release_adopts_what_it_made(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    release.stop_before = "Was it aborted?"
    release()
    release.stop_before = None
    world.ledger.pop((f"endpoint#{ENDPOINT}", "lock"))
    end = release("reconcile")
    assert end.output["outcome"] == "released"
    assert "Is it the same endpoint config?" in end.path


@pytest.mark.fault("D10")
def test_later_compensations_run_although_earlier_ones_fail(
    release: Any, world: Any, v1_live: str, error: Callable[[str, str], Exception]
) -> None:
    world.approve(2)
    world.rolls_back = True

    def break_most() -> None:
        for call in ("clean_up_release", "updateModelPackage"):
            world.broken[call] = error("States.TaskFailed", "no")

    world.during = break_most
    end = release()
    assert end.error == "ReleaseRolledBack"
    assert "owner" not in world.fact("lock")
    assert len(world.notices) == 1


@pytest.mark.fault("D11")
def test_failed_notification_still_ends_as_failed_so_that_the_rule_tells(
    release: Any, world: Any, v1_live: str, error: Callable[[str, str], Exception]
) -> None:
    world.approve(2)
    world.rolls_back = True
    world.broken["publish"] = error("SNS.InternalErrorException", "no")
    end = release()
    assert end.error == "ReleaseRolledBack"
    assert not any(partition.endswith(f":{end.name}") for partition, _ in world.ledger)


def test_ledger_that_cannot_be_written_does_not_undo_a_good_release(
    release: Any, world: Any, v1_live: str, error: Callable[[str, str], Exception]
) -> None:
    world.approve(2)
    world.during = lambda: world.broken.update(putItem=error("DynamoDB.InternalServerError", "no"))
    end = release()
    assert end.error == "ReleaseUnrecorded"
    world.broken.clear()
    assert world.endpoint["EndpointConfigName"] != v1_live
    assert release("reconcile").output["outcome"] == "released"


def test_operator_goes_back_to_an_older_version_and_the_sweep_leaves_it_there(
    release: Any, world: Any, v1_live: str
) -> None:
    world.approve(2)
    release()
    asked = {"version": 1, "who": "arn:aws:iam::1:user/ada", "reason": "late flights"}
    assert release("operator", **asked).error == "ReleaseRefused"
    assert release("rollback", name="back", **asked).output["version"] == 1
    assert world.endpoint["EndpointConfigName"] == v1_live
    record = world.fact("release#back")
    assert (record["trigger"], record["from_version"], record["outcome"]) == ("rollback", 2, "released")
    assert (record["asked_by"], record["asked_reason"]) == (asked["who"], asked["reason"])
    assert (record["approval_words"], len(record["alarms"])) == ("good", 4)
    left = world.packages[2]["ModelLifeCycle"]
    assert (left["StageStatus"], left["StageDescription"]) == (
        "Rejected",
        "Rolled back from by arn:aws:iam::1:user/ada: late flights",
    )
    for trigger in ("reconcile", "approval", "spec"):
        assert release(trigger).output["outcome"] == "nothing"
    world.endpoint = None  # deleted outside: what comes back is not what was left
    assert release("reconcile").output["version"] == 1


@pytest.mark.fault("A28")
def test_abort_while_the_endpoint_shifts_ends_on_the_last_good_version_and_is_told_once(
    release: Any, world: Any, v1_live: str
) -> None:
    world.approve(2)
    world.during = lambda: wish(world)
    end = release()
    assert (end.error, end.cause["cause"]) == ("ReleaseRolledBack", "Aborted by ada: too slow")
    assert world.endpoint["EndpointConfigName"] == v1_live == world.fact("live")["config"]
    assert [n["outcome"] for n in world.notices] == ["rolled_back"]
    assert not {"owner", "abort_by"} & set(world.fact("lock"))
    assert release("reconcile").output["outcome"] == "nothing"
    world.notices.clear()
    assert release("retry", version=2).output["outcome"] == "released"  # the wish was for that release only


@pytest.mark.fault("A28")
@pytest.mark.parametrize("first", [True, False])
def test_abort_before_the_shift_touches_nothing_and_is_not_taken_up_again(
    release: Any, world: Any, request: pytest.FixtureRequest, first: bool
) -> None:
    if not first:
        request.getfixturevalue("v1_live")
    world.approve(2)
    stage = world.stage

    def slow(handler: str, payload: Any) -> Any:
        if "check_preflight" in handler:
            wish(world)
        return stage(handler, payload)

    world.stage = slow
    end = release()
    assert (end.error, end.cause["cause"]) == ("ReleaseRefused", "Aborted by ada: too slow")
    assert not actions(world, "createEndpoint", "updateEndpoint", "deleteEndpoint")
    assert len(world.configs) == (0 if first else 1)
    assert release("reconcile").output["outcome"] == "nothing"
    assert not world.fact("halt")


@pytest.mark.fault("A28")
def test_abort_that_was_meant_for_another_release_stops_nothing(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    world.ledger[(f"endpoint#{ENDPOINT}", "lock")] |= {"abort_by": {"S": "ada"}, "abort_reason": {"S": "old"}}
    assert release().output["outcome"] == "released"


@pytest.mark.fault("A28")
def test_a_wish_that_cannot_be_read_counts_as_one(
    release: Any, world: Any, v1_live: str, error: Callable[[str, str], Exception]
) -> None:
    world.approve(2)
    stage = world.stage

    def broken_from_here(handler: str, payload: Any) -> Any:
        if "check_preflight" in handler:
            world.broken["updateItem"] = error("DynamoDB.InternalServerError", "no")
        return stage(handler, payload)

    world.stage = broken_from_here
    assert release().error == "ReleaseRefused"
    assert world.endpoint["EndpointConfigName"] == v1_live
    assert not actions(world, "updateEndpoint")


def wish(world: Any) -> None:
    """As `slipway abort` writes it."""
    world.ledger[(f"endpoint#{ENDPOINT}", "lock")] |= {"abort_by": {"S": "ada"}, "abort_reason": {"S": "too slow"}}


def test_hold_keeps_a_new_version_out_until_it_is_lifted(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    hold = (f"endpoint#{ENDPOINT}", "hold")
    world.ledger[hold] = {
        "pk": {"S": hold[0]}, "sk": {"S": hold[1]}, "who": {"S": "ada"}, "reason": {"S": "audit"},
    }  # fmt: skip
    end = release()
    assert (end.status, end.output["outcome"]) == ("SUCCEEDED", "nothing")
    assert "on hold, by ada: audit" in end.output["cause"]
    assert release("operator", version=2).error == "ReleaseRefused"
    assert not actions(world, *CHANGING)
    del world.ledger[hold]
    assert release("reconcile").output["outcome"] == "released"


def test_version_hint_is_believed_of_operators_only(release: Any, world: Any, v1_live: str) -> None:
    world.approve(2)
    world.approve(3)
    assert release("approval", version=2).output["version"] == 3
    assert release("operator", version=9).error == "ReleaseRefused"


def respec(world: Any) -> None:
    """The live version's config is of another spec than the one that is deployed now."""
    old = world.endpoint["EndpointConfigName"]
    other = f"{old[:-8]}00000000"
    world.configs[other] = {**world.configs[old], "EndpointConfigName": other}
    world.endpoint["EndpointConfigName"] = other
    at = (f"endpoint#{ENDPOINT}", "live")
    world.ledger[at] = {**world.ledger[at], "config": {"S": other}}
    attempt = (f"endpoint#{ENDPOINT}", "attempt#1")
    world.ledger[attempt] = {**world.ledger[attempt], "config": {"S": other}}


def test_a_spec_that_fails_is_tried_once_and_does_not_condemn_its_version(
    release: Any, world: Any, v1_live: str
) -> None:
    respec(world)
    before = world.endpoint["EndpointConfigName"]
    world.during = lambda: world.answers.update({v1_live: "9"})
    end = release("spec")
    assert end.error == "ReleaseRolledBack"
    assert world.endpoint["EndpointConfigName"] == before
    assert world.packages[1]["ModelLifeCycle"]["StageStatus"] == "Approved"
    assert release("reconcile").output["outcome"] == "nothing"
    assert release("spec").output["outcome"] == "nothing"
    # Another spec, or a person, is another attempt.
    world.answers.clear()
    assert release("operator", version=1).output["outcome"] == "released"


@pytest.mark.fault("A30")
def test_an_endpoint_that_somebody_deleted_is_made_anew_and_it_is_said_why(
    release: Any, world: Any, v1_live: str
) -> None:
    world.endpoint = None
    end = release("reconcile")
    assert end.output["outcome"] == "released"
    assert world.endpoint["EndpointConfigName"] == v1_live
    (notice,) = world.notices
    assert "was deleted outside the platform" in notice["cause"]


@pytest.mark.parametrize("fails", [False, True])
def test_the_record_tells_what_the_version_was_made_of_whatever_its_end(
    release: Any, world: Any, v1_live: str, fails: bool
) -> None:
    world.approve(2, "good | by arn:ada at 2026-01-01T00:00:00Z", data_version="d" * 64, auc="0.9")
    world.packages[2]["MetadataProperties"] = {"CommitId": "c0ffee"}
    world.rolls_back = fails
    release(name="second")
    record = world.fact("release#second")
    assert record["outcome"] == ("rolled_back" if fails else "released")
    made = ("image_digest", "artefact_sha256", "data_version", "commit", "metrics", "approved_by")
    assert [record[key] for key in made] == [
        f"sha256:{2:064x}", f"{2:064x}", "d" * 64, "c0ffee", {"auc": 0.9}, "arn:ada",
    ]  # fmt: skip
    live = world.fact("live")
    assert ((live["version"], live["commit"], live["data_version"]) == (2, "c0ffee", "d" * 64)) is not fails
