"""release, rollback, retry, abort, pause, resume: what they start, what they refuse and in which words."""

import json
from collections.abc import Callable
from typing import Any

import pytest

ADA = "arn:aws:iam::111122223333:user/ada"
WHY = ("--reason", "late flights")
Call = Callable[..., tuple[int, str, str]]


def test_release_starts_the_newest_approved_version_and_says_what_it_does(call: Call, platform: Any) -> None:
    code, out, err = call("release", "flight-delays", *WHY)
    assert (code, "asking the embedded cloud" in err) == (0, True), err
    assert "flight-delays moves 2 → 3 in dev: canary of 1 of 4 instances" in out
    assert platform.started == [{"trigger": "operator", "version": 3, "who": ADA, "reason": "late flights"}]


@pytest.mark.fault("A26")
def test_two_operators_are_one_effect(call: Call, platform: Any, aws: Any) -> None:
    assert call("release", "flight-delays@3", *WHY)[0] == 0
    aws.answers["sts", "get_caller_identity"] = {"Arn": "arn:aws:iam::111122223333:user/bob"}
    code, out, _ = call("release", "flight-delays", "--json")
    assert (code, json.loads(out)["joined"]) == (0, True)
    assert len(platform.started) == 1
    platform.put("live", **{**platform.ledger["live"], "released_at": 1_795_243_999})  # another release came between
    assert json.loads(call("release", "flight-delays", "--json")[1])["joined"] is False
    assert len(platform.started) == 2


def test_an_execution_that_ended_and_changed_nothing_does_not_stand_in_the_way(call: Call, platform: Any) -> None:
    platform.ends(outcome="refused", version=3, cause="the lock")
    assert call("release", "flight-delays@3")[0] == 0
    assert call("release", "flight-delays@3")[0] == 0
    names = list(platform.executions)
    assert names == [names[0], f"{names[0]}-2"]


@pytest.mark.parametrize("verb", [("plan", "flight-delays"), ("release", "flight-delays", "--dry-run")])
def test_a_plan_starts_nothing(call: Call, platform: Any, verb: tuple[str, ...]) -> None:
    code, out, _ = call(*verb, "--json")
    facts = json.loads(out)
    assert (code, facts["from_version"], facts["version"], facts["started"]) == (0, 2, 3, False)
    assert "guarded by errors, latency" in facts["plan"]
    assert not platform.started


@pytest.mark.fault("A08")
@pytest.mark.parametrize(("quota", "refused"), [(8, ""), (7, "It would be refused. ")])
def test_a_plan_tells_whether_the_quota_leaves_room(call: Call, platform: Any, quota: int, refused: str) -> None:
    platform.quota = quota
    code, out, _ = call("plan", "flight-delays")
    assert code == 0
    assert f"Quota: {refused}" in out
    assert (
        f"needs 8 ml.m5.large at its peak: 4 now + 4 more; the quota 'ml.m5.large for endpoint usage' is {quota}" in out
    )


def test_a_plan_needs_no_right_to_read_quotas(call: Call, platform: Any, refusal: Callable[..., Exception]) -> None:
    platform.aws.answers["service-quotas", "list_service_quotas"] = refusal("AccessDeniedException", "not authorized")
    code, out, _ = call("plan", "flight-delays", "--json")
    assert code == 0
    assert json.loads(out)["quota"].startswith("Not checked. Service Quotas cannot be read: ")


def refused(call: Call, platform: Any, *arguments: str) -> tuple[str, str, str]:
    """Code, what and fix of a refusal that started and wrote nothing."""
    before, ledger = dict(platform.executions), json.dumps(platform.ledger)
    code, out, err = call(*arguments, "--json")
    error = json.loads(out)["error"]
    assert code in {1, 2}, err
    assert platform.executions == before
    assert json.dumps(platform.ledger) == ledger
    return error["code"], error["what"], error["fix"]


@pytest.mark.parametrize(
    ("version", "prepare", "code", "told", "fix"),
    [
        ("@9", lambda p: None, "SLW501", "has no version 9", "versions there are: v3, v2, v1"),
        ("@3", lambda p: p.packages[3].update(ModelApprovalStatus="Rejected"), "SLW511", "was rejected", "approve"),
        ("@3", lambda p: p.packages[3].update(ModelApprovalStatus="PendingManualApproval"), "SLW510", "not approved",
         "slipway approve flight-delays@3"),
        ("@3", lambda p: p.packages[3].update(ModelPackageStatus="Failed"), "SLW503", "incomplete", "register"),
        ("@3", lambda p: p.packages[3].update(ModelPackageStatus="Deleting"), "SLW502", "being deleted", "another"),
        ("@1", lambda p: None, "SLW505", "older than v2, which is live", "slipway rollback flight-delays --to 1"),
        ("@2", lambda p: None, "SLW507", "live already", "nothing to release"),
        ("", lambda p: [v.update(ModelApprovalStatus="Rejected") for v in p.packages.values()], "SLW510",
         "No version", "slipway approve"),
        ("", lambda p: p.packages[3].update(ModelLifeCycle={"StageStatus": "Rejected"}), "SLW512", "rolled back from",
         "slipway release flight-delays@3"),
        ("@3", lambda p: p.attempt(3, "failed", cause="5xx"), "SLW512", "came to nothing: 5xx", "slipway retry"),
        ("@3", lambda p: p.put("halt", cause="mixed"), "SLW513", "halted: mixed", "halt item"),
        ("@3", lambda p: p.put("hold", who="bob", reason="audit"), "SLW513", "on hold, by bob: audit",
         "slipway resume"),
        ("@3", lambda p: p.endpoint.update(EndpointStatus="UpdateRollbackFailed"), "SLW513", "UpdateRollbackFailed",
         "by hand"),
        ("@3", lambda p: p.packages[3]["CustomerMetadataProperties"].pop("artefact_sha256"), "SLW513",
         "no artefact_sha256", "Train"),
        ("@3", lambda p: p.at_work(), "SLW514", "is under way: run", "slipway abort"),
        ("@3", lambda p: p.endpoint.update(EndpointStatus="SystemUpdating"), "SLW514", "SystemUpdating", "InService"),
    ],
)  # fmt: skip
def test_release_refuses_with_the_reason_and_what_to_do_instead(
    call: Call, platform: Any, version: str, prepare: Callable[[Any], Any], code: str, told: str, fix: str
) -> None:
    prepare(platform)
    got, what, way = refused(call, platform, "release", f"flight-delays{version}")
    assert got == code
    assert told in what
    assert fix in way


def test_a_machine_of_another_version_is_told(call: Call, platform: Any, aws: Any) -> None:
    aws.answers["stepfunctions", "describe_state_machine"] = {"definition": '{"States": {"Begin": {}}}'}
    assert refused(call, platform, "plan", "flight-delays")[0] == "SLW306"


def test_an_environment_that_is_not_there_is_told(call: Call, platform: Any) -> None:
    code, _, fix = refused(call, platform, "plan", "flight-delays", "--env", "prod")
    assert (code, fix) == ("SLW207", "name one of: dev")


@pytest.mark.parametrize(
    ("said", "code", "told"),
    [
        ({"outcome": "released", "version": 3}, 0, "flight-delays v3 is live in dev"),
        ({"outcome": "rolled_back", "version": 3, "cause": "alarm 5xx"}, 1, "ended rolled back: alarm 5xx"),
        ({"outcome": "released", "version": 4}, 1, "ended released"),
    ],
)
def test_watching_tells_the_end_as_it_was(
    call: Call, platform: Any, said: dict[str, Any], code: int, told: str
) -> None:
    platform.ends(**said)
    got, out, err = call("release", "flight-delays@3", "-w")
    assert got == code
    assert told in out + err


def test_rollback_goes_to_the_last_good_version_through_the_machine(call: Call, platform: Any) -> None:
    code, out, err = call("rollback", "flight-delays", *WHY)
    assert code == 0, err
    assert "flight-delays moves 2 → 1 in dev" in out
    assert platform.started == [{"trigger": "rollback", "version": 1, "who": ADA, "reason": "late flights"}]


@pytest.mark.parametrize(
    ("arguments", "prepare", "code", "told"),
    [
        ((), lambda p: p.packages[1].update(ModelApprovalStatus="Rejected"), "SLW517", "nothing to go back to"),
        ((), lambda p: p.packages[1].update(ModelLifeCycle={"StageStatus": "Rejected"}), "SLW517", "nothing to go"),
        ((), lambda p: p.ledger.pop("live"), "SLW517", "nothing to go back to"),
        (("--to", "1"), lambda p: p.packages[1].update(ModelApprovalStatus="Rejected"), "SLW511", "was rejected"),
        (("--to", "2"), lambda p: None, "SLW507", "live already"),
        (("--to", "v3"), lambda p: None, "SLW513", "not older than version 2"),
        (("--to", "1"), lambda p: p.ledger["live"].update(verified=[]), "SLW513", "not among the last"),
        (("--to", "1"), lambda p: p.at_work(), "SLW514", "under way"),
        (("--to", "x"), lambda p: None, "SLW203", "not a version"),
        (("--to", "7"), lambda p: None, "SLW501", "has no version 7"),
    ],
)
def test_rollback_refuses_what_is_no_way_back(
    call: Call, platform: Any, arguments: tuple[str, ...], prepare: Callable[[Any], Any], code: str, told: str
) -> None:
    prepare(platform)
    got, what, _ = refused(call, platform, "rollback", "flight-delays", *arguments, *WHY)
    assert got == code
    assert told in what


@pytest.mark.parametrize("verb", ["rollback", "promote", "abort", "pause"])
def test_a_grave_word_needs_a_reason(call: Call, platform: Any, verb: str) -> None:
    assert refused(call, platform, verb, "flight-delays")[0] == "SLW504"


@pytest.mark.parametrize("outcome", ["failed", "refused", "started"])
def test_retry_makes_another_attempt_once_for_each_failed_one(call: Call, platform: Any, outcome: str) -> None:
    platform.attempt(3, outcome, "first", cause="5xx")
    assert call("retry", "flight-delays")[0] == 0
    assert json.loads(call("retry", "flight-delays@3", "--json")[1])["joined"] is False  # same asker, same input
    assert platform.started == [{"trigger": "retry", "version": 3, "who": ADA, "reason": ""}]
    platform.attempt(3, outcome, "second")
    assert call("retry", "flight-delays")[0] == 0
    assert len(platform.started) == 2


@pytest.mark.parametrize(
    ("prepare", "version", "code", "told"),
    [
        (lambda p: None, "", "SLW516", "No release of flight-delays in dev failed"),
        (lambda p: None, "@3", "SLW516", "was never tried"),
        (lambda p: p.attempt(3, "released"), "@3", "SLW516", "was released"),
        (lambda p: p.attempt(1, "failed"), "", "SLW505", "older than v2"),
        (lambda p: p.at_work(), "", "SLW514", "under way"),
    ],
)
def test_retry_refuses_what_did_not_fail(
    call: Call, platform: Any, prepare: Callable[[Any], Any], version: str, code: str, told: str
) -> None:
    prepare(platform)
    got, what, _ = refused(call, platform, "retry", f"flight-delays{version}")
    assert got == code
    assert told in what


@pytest.mark.fault("A28")
def test_abort_writes_the_wish_into_the_lock_of_the_release_under_way(call: Call, platform: Any) -> None:
    owner = platform.at_work()
    code, out, err = call("abort", "flight-delays", *WHY, "--json")
    assert code == 0, err
    assert (json.loads(out)["execution"], json.loads(out)["version"]) == (owner, 3)
    lock = platform.ledger["lock"]
    assert (lock["owner"], lock["abort_by"], lock["abort_reason"]) == (owner, ADA, "late flights")


@pytest.mark.fault("A28")
@pytest.mark.fault("D16")
@pytest.mark.parametrize("verb", ["abort", "promote"])
@pytest.mark.parametrize("may_wake", [True, False])
def test_a_wish_wakes_a_machine_that_waits_and_leaves_a_note_for_one_that_is_about_to(
    call: Call, platform: Any, aws: Any, refusal: Any, verb: str, may_wake: bool
) -> None:
    """In a trial it would look again after hours only."""
    trying(platform)
    platform.ledger["lock"]["listener"] = "token"
    woken: list[str] = []

    def wake(taskToken: str, output: str) -> Any:
        woken.append(taskToken)
        return {} if may_wake else refusal("AccessDeniedException", "no")

    aws.answers["stepfunctions", "send_task_success"] = wake
    code, _, err = call(verb, "flight-delays", *WHY)
    assert (code, woken) == (0, ["token"]), err
    assert platform.ledger["lock"]["unheard"] is True


def test_an_abort_that_came_too_late_after_all_is_told_by_the_watch(call: Call, platform: Any, aws: Any) -> None:
    platform.at_work()
    write = aws.answers["dynamodb", "update_item"]

    def meanwhile(**request: Any) -> Any:
        platform.executions["run"] = {"status": "SUCCEEDED", "output": '{"outcome": "released", "version": 3}'}
        return write(**request)

    aws.answers["dynamodb", "update_item"] = meanwhile
    code, _, err = call("abort", "flight-delays", *WHY, "-w")
    assert (code, "SLW519" in err, "slipway rollback" in err) == (1, True, True)


@pytest.mark.fault("A28")
@pytest.mark.parametrize(
    ("prepare", "code", "told", "fix"),
    [
        (lambda p: None, "SLW518", "No release", "v2 is live; to go back: slipway rollback"),
        (lambda p: p.put("lock", fence=3), "SLW518", "No release", "slipway rollback"),
        (lambda p: (p.at_work(), p.executions["run"].update(status="ABORTED")), "SLW518", "No release", "rollback"),
        (lambda p: (p.at_work(), p.ledger["live"].update(version=3, fence=3)), "SLW519", "too late", "rollback"),
        (lambda p: (p.at_work(), p.ledger["lock"].update(sealed_at=1)), "SLW519", "v3 is live", "rollback"),
    ],
)
def test_abort_is_refused_where_nothing_can_be_aborted(
    call: Call, platform: Any, prepare: Callable[[Any], Any], code: str, told: str, fix: str
) -> None:
    prepare(platform)
    got, what, way = refused(call, platform, "abort", "flight-delays", *WHY)
    assert got == code
    assert told in what
    assert fix in way


@pytest.mark.fault("A28")
def test_abort_of_a_release_that_was_just_sealed_is_refused_and_writes_nothing(
    call: Call, platform: Any, aws: Any
) -> None:
    platform.at_work()
    aws.answers["sts", "get_caller_identity"] = lambda: platform.ledger["lock"].update(sealed_at=1) or {"Arn": ADA}
    code, _, err = call("abort", "flight-delays", *WHY)
    assert (code, "SLW519" in err, "slipway rollback" in err) == (1, True, True)
    assert "abort_by" not in platform.ledger["lock"]


def test_abort_of_a_release_that_just_ended_writes_nothing(call: Call, platform: Any, aws: Any) -> None:
    platform.at_work()
    aws.answers["sts", "get_caller_identity"] = lambda: platform.put("lock", fence=3) or {"Arn": ADA}
    code, _, err = call("abort", "flight-delays", *WHY)
    assert (code, "SLW518" in err) == (1, True)
    assert "abort_by" not in platform.ledger["lock"]


def test_pause_and_resume(call: Call, platform: Any) -> None:
    assert call("pause", "flight-delays", *WHY)[0] == 0
    assert (platform.ledger["hold"]["who"], platform.ledger["hold"]["reason"]) == (ADA, "late flights")
    assert "by arn:aws:iam::111122223333:user/ada: late flights" in call("status", "flight-delays")[1]
    code, what, fix = refused(call, platform, "pause", "flight-delays", *WHY)
    assert (code, "since 2026-03-04T05:06:07Z" in what, fix) == ("SLW520", True, "slipway resume lifts the hold")
    assert call("resume", "flight-delays")[0] == 0
    assert "hold" not in platform.ledger
    assert platform.started == [{"trigger": "reconcile"}]
    assert refused(call, platform, "resume", "flight-delays")[0] == "SLW520"


def trying(platform: Any, weight: float = 10.0) -> str:
    """A trial of version 3 runs: a tenth of the traffic goes to it."""
    platform.declare(strategy="ab")
    owner: str = platform.at_work()
    champion, challenger = ({"VariantName": n, "CurrentWeight": w} for n, w in (("main", 90.0), ("challenger", weight)))
    platform.endpoint["ProductionVariants"] = [champion, challenger]
    return owner


def wish(platform: Any) -> tuple[Any, ...]:
    return tuple(platform.ledger["lock"].get(f"promote_{part}") for part in ("by", "reason", "full"))


@pytest.mark.parametrize(("more", "full"), [((), "false"), (("--full",), "true")])
def test_promote_writes_the_wish_into_the_lock_of_the_trial_under_way(
    call: Call, platform: Any, more: tuple[str, ...], full: str
) -> None:
    owner = trying(platform)
    code, out, err = call("promote", "flight-delays", *more, *WHY, "--json")
    assert code == 0, err
    facts = json.loads(out)
    assert (facts["execution"], facts["version"], facts["joined"]) == (owner, 3, False)
    assert wish(platform) == (ADA, "late flights", full)
    assert platform.ledger["lock"]["owner"] == owner
    assert not platform.started


@pytest.mark.fault("A26")
def test_two_who_promote_take_one_step_and_the_whole_way_wins_over_a_step(call: Call, platform: Any, aws: Any) -> None:
    trying(platform)
    assert call("promote", "flight-delays", *WHY)[0] == 0
    aws.answers["sts", "get_caller_identity"] = {"Arn": "arn:bob"}
    assert json.loads(call("promote", "flight-delays", *WHY, "--json")[1])["joined"] is True
    assert wish(platform) == (ADA, "late flights", "false")
    assert json.loads(call("promote", "flight-delays", "--full", *WHY, "--json")[1])["joined"] is False
    assert wish(platform) == ("arn:bob", "late flights", "true")
    code, out, _ = call("promote", "flight-delays", *WHY)
    assert (code, "is already asked" in out) == (0, True)
    assert wish(platform)[2] == "true"


def shifting_now(p: Any) -> None:
    trying(p)
    p.endpoint["PendingDeploymentSummary"] = {"ProductionVariants": [{"VariantName": "main"}]}


def rolling_back(p: Any) -> None:
    trying(p)
    p.executions["run"]["input"] = json.dumps({"trigger": "rollback"})


@pytest.mark.fault("A28")
@pytest.mark.parametrize(
    ("prepare", "code", "told", "fix"),
    [
        (lambda p: None, "SLW518", "No release", "rollback"),
        (lambda p: p.at_work(), "SLW521", "its strategy is canary, and SageMaker cannot hurry", "slipway abort"),
        (lambda p: (trying(p), p.ledger.pop("live")), "SLW521", "no champion", "slipway abort"),
        (lambda p: (trying(p), p.ledger["live"].update(version=3, fence=2)), "SLW521", "another endpoint", "abort"),
        (rolling_back, "SLW521", "it is a rollback", "abort"),
        (shifting_now, "SLW521", "its trial is over", "abort"),
        (lambda p: (trying(p), p.ledger["lock"].update(abort_by="bob", abort_reason="5xx")), "SLW522", "by bob: 5xx",
         "slipway retry"),
        (lambda p: (trying(p), p.ledger["live"].update(version=3, fence=3)), "SLW519", "too late to promote",
         "rollback"),
    ],
)  # fmt: skip
def test_promote_is_refused_where_nothing_can_be_hurried(
    call: Call, platform: Any, prepare: Callable[[Any], Any], code: str, told: str, fix: str
) -> None:
    prepare(platform)
    got, what, way = refused(call, platform, "promote", "flight-delays", *WHY)
    assert got == code
    assert told in what
    assert fix in way


def test_promoting_a_release_that_just_ended_writes_nothing(call: Call, platform: Any, aws: Any) -> None:
    trying(platform)
    aws.answers["sts", "get_caller_identity"] = lambda: platform.put("lock", fence=3) or {"Arn": ADA}
    code, _, err = call("promote", "flight-delays", *WHY)
    assert (code, "SLW518" in err, wish(platform)) == (1, True, (None, None, None))


def test_promote_watches_to_the_end(call: Call, platform: Any, aws: Any) -> None:
    trying(platform)
    write = aws.answers["dynamodb", "update_item"]

    def judged(**request: Any) -> Any:
        platform.executions["run"] = {"status": "FAILED", "cause": '{"outcome": "rolled_back", "cause": "WORSE"}'}
        return write(**request)

    aws.answers["dynamodb", "update_item"] = judged
    code, _, err = call("promote", "flight-delays", *WHY, "-w")
    assert (code, "SLW515" in err, "WORSE" in err) == (1, True, True)


@pytest.mark.parametrize(
    "verb",
    [
        "approve",
        "reject",
        "plan",
        "release",
        "promote",
        "abort",
        "rollback",
        "retry",
        "pause",
        "resume",
        "history",
        "diff",
    ],
)
def test_every_verb_tells_what_it_does_and_takes_json(call: Call, verb: str) -> None:
    code, out, _ = call(verb, "--help")
    assert code == 0
    assert "--json" in out


def test_rejecting_what_is_live_says_that_it_stays_live(call: Call, platform: Any, aws: Any) -> None:
    written = []
    aws.answers["sagemaker", "update_model_package"] = lambda **asked: written.append(asked) or {}
    code, _, err = call("reject", "flight-delays@2", *WHY)
    assert (code, "v2 is live in dev and stays so" in err, "slipway rollback flight-delays" in err) == (0, True, True)
    assert [w["ModelApprovalStatus"] for w in written] == ["Rejected"]
    assert "stays so" not in call("reject", "flight-delays@3", *WHY)[2]
