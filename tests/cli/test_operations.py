"""Where things are, what is live, and a person's word on a version."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore import exceptions as botocore_exceptions

from slipway.config.loader import Declarations
from slipway.operations import approvals
from slipway.operations.errors import Failure, of_aws
from slipway.operations.outputs import declared_model, outputs
from slipway.operations.status import ModelStatus, judge, read_status
from slipway.operations.where import Where
from slipway_lambda.contracts.approval import approval_text, read_approval


def read(where: Where, declared: Declarations) -> ModelStatus:
    return read_status(where, declared.platform, declared.platform.environments[0], declared.models[0])


def test_finds_every_name_in_the_stack_outputs(where: Where, declared: Declarations) -> None:
    found = outputs(where, declared.platform, declared.platform.environments[0], declared.models[0])
    assert (found.ledger_table, found.topic, found.endpoint) == ("ledger", "arn:topic", "flight-delays-dev")
    assert found.need("train_machine") == "arn:train"


def test_a_foundation_that_is_not_there_is_told_with_its_fix(
    where: Where, aws: Any, declared: Declarations, refusal: Any
) -> None:
    aws.answers["cloudformation", "describe_stacks"] = refusal("ValidationError", "Stack with id x does not exist")
    with pytest.raises(Failure, match="slipway-Dev-Foundation is not deployed") as raised:
        outputs(where, declared.platform, declared.platform.environments[0], declared.models[0])
    assert raised.value.code == "SLW306"
    assert "cdk deploy" in raised.value.fix


def test_a_stack_that_is_not_there_leaves_its_fields_out(where: Where, aws: Any, declared: Declarations) -> None:
    whole = aws.answers["cloudformation", "describe_stacks"]
    aws.answers["cloudformation", "describe_stacks"] = lambda StackName: whole(
        StackName="gone" if "Monitoring" in StackName else StackName
    )
    found = outputs(where, declared.platform, declared.platform.environments[0], declared.models[0])
    assert found.monitor_machine is None
    with pytest.raises(Failure, match="monitor_machine is not deployed"):
        found.need("monitor_machine")


def test_all_well(where: Where, declared: Declarations) -> None:
    status = read(where, declared)
    assert status.ok, (status.unknown, status.problems)
    assert status.live is not None
    assert (status.live["version"], status.live["endpoint_status"], status.live["instances"]) == (2, "InService", 4)
    assert [w["version"] for w in status.waiting or []] == [3]
    assert {what: run and run["status"] for what, run in status.last.items()} == {
        "training": "SUCCEEDED", "release": "SUCCEEDED", "monitoring": "SUCCEEDED",
    }  # fmt: skip
    assert [a["state"] for a in status.alarms or []] == ["OK", "OK"]


@pytest.mark.parametrize(
    ("service", "operation", "part"),
    [
        ("dynamodb", "get_item", "live version"),
        ("sagemaker", "describe_endpoint", "live version"),
        ("sagemaker", "list_model_packages", "waiting approvals"),
        ("stepfunctions", "list_executions", "last training"),
        ("cloudwatch", "describe_alarms", "alarms"),
        ("cloudformation", "list_stack_resources", "alarms"),
        ("cloudformation", "describe_stacks", "stacks"),
    ],
)
def test_what_cannot_be_read_is_unknown_and_never_well(
    where: Where,
    aws: Any,
    declared: Declarations,
    refusal: Callable[..., Exception],
    service: str,
    operation: str,
    part: str,
) -> None:
    aws.answers[service, operation] = refusal("AccessDeniedException", "not you", "TheAction")
    status = read(where, declared)
    assert not status.ok
    unknown = next(u for u in status.unknown if u["part"] == part)
    assert unknown["code"] == "SLW303"
    assert unknown["fix"] == "use a role that may call TheAction"
    if part == "live version":
        assert status.live is None


def test_nothing_released_yet_is_well(where: Where, aws: Any, declared: Declarations, refusal: Any) -> None:
    aws.answers["dynamodb", "get_item"] = {}
    aws.answers["sagemaker", "describe_endpoint"] = refusal("ValidationException", "Could not find endpoint")
    aws.answers["stepfunctions", "list_executions"] = {"executions": []}
    status = read(where, declared)
    assert status.ok, (status.unknown, status.problems)
    assert status.live == {}
    assert status.last == {"training": None, "release": None, "monitoring": None}


SERVING = {"version": 2, "endpoint_status": "InService", "endpoint_config": "a", "config": "a"}


def status_with(**parts: Any) -> ModelStatus:
    return ModelStatus("m", "e", "here", **parts)


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ({"live": {"version": 2}}, "the endpoint is gone"),
        ({"live": {"version": 2, "endpoint_status": "UpdateRollbackFailed"}}, "the endpoint is UpdateRollbackFailed"),
        ({"live": {"endpoint_status": "InService"}}, "the ledger knows of no release"),
        (
            {"live": {"version": 2, "endpoint_status": "InService", "endpoint_config": "a", "config": "b"}},
            "the endpoint runs a, and the ledger says b",
        ),
        ({"alarms": [{"name": "n", "state": "ALARM", "reason": "r"}]}, "alarm n: r"),
        ({"last": {"release": {"status": "TIMED_OUT", "cause": "c", "arn": "x"}}}, "the last release is TIMED_OUT: c"),
        ({"halt": {"cause": "mixed fleet"}}, "automation is halted: mixed fleet"),
        (
            {"live": SERVING, "scaling": {"declared": [2, 6], "registered": None}},
            "does not scale, and 2 to 6 instances are declared",
        ),
        (
            {"live": SERVING, "scaling": {"declared": [2, 6], "registered": [2, 4]}},
            "scales between 2 and 4, declared are 2 to 6",
        ),
    ],
)
def test_what_is_wrong_is_told_with_a_fix(parts: dict[str, Any], told: str) -> None:
    found = judge(status_with(**parts))
    assert len(found) == 1
    assert told in found[0]["what"]
    assert found[0]["fix"]


def test_a_failed_execution_comes_with_its_cause(where: Where, aws: Any, declared: Declarations) -> None:
    aws.answers["stepfunctions", "list_executions"] = lambda stateMachineArn, **_: {
        "executions": [{"name": "r", "status": "FAILED", "executionArn": "arn:r"}]
        if "release" in stateMachineArn
        else []
    }
    aws.answers["stepfunctions", "describe_execution"] = {"error": "ReleaseRolledBack", "cause": "alarm 5xx"}
    assert "ReleaseRolledBack alarm 5xx" in read(where, declared).problems[0]["what"]


@pytest.mark.parametrize(("text", "parsed"), [("flight-delays@3", ("flight-delays", 3)), ("a-b@v12", ("a-b", 12))])
def test_reads_model_and_version(text: str, parsed: tuple[str, int]) -> None:
    assert approvals.parse(text) == parsed


@pytest.mark.parametrize("text", ["", "a", "a@", "@1", "a@x", "a@0", "a@-1", "a@1@2", "a@1.5", "a@v", "a@9999999999"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(Failure, match="is not a model version") as raised:
        approvals.parse(text)
    assert (raised.value.code, raised.value.exit_code) == ("SLW203", 2)


@pytest.mark.parametrize("reason", [None, "", "  \n\t", "\x00"])
def test_a_word_needs_a_reason(reason: str | None) -> None:
    with pytest.raises(Failure, match="reason is missing") as raised:
        approvals.clean_reason(reason)
    assert raised.value.code == "SLW504"


def test_a_reason_too_long_to_be_kept_is_refused() -> None:
    with pytest.raises(Failure, match="701 characters"):
        approvals.clean_reason("x" * 701)


def test_a_reason_is_kept_on_one_line_and_read_back() -> None:
    text = approval_text(
        approvals.clean_reason("beats v2\n | by 1 %"), "arn:aws:iam::1:user/ada", "2026-01-01T00:00:00Z"
    )
    assert "\n" not in text
    assert read_approval(text) == {
        "reason": "beats v2 | by 1 %", "who": "arn:aws:iam::1:user/ada", "when": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    assert read_approval("by hand") == {"reason": "by hand", "who": "", "when": ""}


def version(number: int = 3, status: str = "Completed") -> approvals.Version:
    return approvals.Version("m", number, f"arn/{number}", status, "PendingManualApproval")


@pytest.mark.parametrize(
    ("given", "live", "code", "told"),
    [
        (version(status="Deleting"), None, "SLW502", "is being deleted"),
        (version(status="Failed"), None, "SLW503", "its status is Failed"),
        (version(status="InProgress"), None, "SLW503", "its status is InProgress"),
        (version(2), {"version": 3}, "SLW505", "older than v3, which is live"),
        (version(3), {"version": 3}, "SLW507", "is live already"),
        (version(3), {"config": "x"}, "SLW506", "names no version"),
    ],
)
def test_an_approval_without_the_effect_it_seems_to_have_is_refused(
    given: approvals.Version, live: dict[str, Any] | None, code: str, told: str
) -> None:
    with pytest.raises(Failure, match=told) as raised:
        approvals.check(given, "Approved", live)
    assert raised.value.code == code
    assert raised.value.fix


def test_the_hint_for_an_older_version_says_how_to_go_back() -> None:
    with pytest.raises(Failure) as raised:
        approvals.check(version(2), "Approved", {"version": 3})
    assert "slipway rollback m --to 2" in raised.value.fix


@pytest.mark.parametrize("live", [None, {"version": 2}])
def test_a_newer_version_may_be_approved(live: dict[str, Any] | None) -> None:
    approvals.check(version(3), "Approved", live)


def test_any_complete_version_may_be_rejected() -> None:
    approvals.check(version(1), "Rejected", {"version": 3})


def test_an_unknown_version_is_refused_with_those_there_are(where: Where, declared: Declarations) -> None:
    with pytest.raises(Failure, match="has no version 9") as raised:
        approvals.find_version(where, declared.models[0], 9)
    assert raised.value.fix == "versions there are: v3, v2, v1"


def test_finds_a_version_on_a_later_page(where: Where, declared: Declarations) -> None:
    assert approvals.find_version(where, declared.models[0], 1).arn == "arn:package/1"


def test_writes_reason_who_and_when_into_the_registry(where: Where, aws: Any, declared: Declarations) -> None:
    found = approvals.find_version(where, declared.models[0], 3)
    approvals.decide(where, found, "Approved", "beats v2")
    assert aws.called("update_model_package") == [
        {
            "ModelPackageArn": "arn:package/3",
            "ModelApprovalStatus": "Approved",
            "ApprovalDescription": "beats v2 | by arn:aws:iam::111122223333:user/ada at 2026-03-04T05:06:07Z",
        }
    ]


def test_an_unknown_model_is_told_with_the_closest(declared: Declarations) -> None:
    with pytest.raises(Failure) as raised:
        declared_model(declared.models, "flight-delay")
    assert raised.value.fix == "did you mean flight-delays?"


@pytest.mark.parametrize(
    ("raised", "code", "fix"),
    [
        (botocore_exceptions.NoCredentialsError(), "SLW301", "slipway cloud up"),
        (botocore_exceptions.ProfileNotFound(profile="x"), "SLW301", "AWS_PROFILE"),
        (botocore_exceptions.EndpointConnectionError(endpoint_url="http://x"), "SLW304", "network"),
        (botocore_exceptions.ReadTimeoutError(endpoint_url="http://x"), "SLW304", "network"),
        (botocore_exceptions.UnknownServiceError(service_name="x", known_service_names=""), "SLW305", "message"),
    ],
)
def test_exceptions_of_botocore_become_words(raised: Exception, code: str, fix: str) -> None:
    failure = of_aws(raised)
    assert failure.code == code
    assert fix in failure.fix


@pytest.mark.parametrize(
    ("code", "ours"),
    [
        ("ExpiredToken", "SLW301"),
        ("InvalidClientTokenId", "SLW301"),
        ("AccessDenied", "SLW303"),
        ("Throttling", "SLW305"),
    ],
)
def test_answers_of_aws_become_words(refusal: Callable[..., Exception], code: str, ours: str) -> None:
    assert of_aws(refusal(code, "message")).code == ours


@pytest.mark.parametrize(
    ("verdict", "failed_before", "reset"),
    [("Approved", True, True), ("Approved", False, False), ("Rejected", True, False)],
)
def test_approving_what_failed_in_production_makes_it_another_attempt(
    where: Where, aws: Any, verdict: Any, failed_before: bool, reset: bool
) -> None:
    """Sweeps pass a version by whose lifecycle stage a failed release marked rejected."""
    version = approvals.Version("m", 3, "arn/3", "Completed", "Approved", failed_before=failed_before)
    approvals.decide(where, version, verdict, "the network was at fault")
    (call,) = aws.called("update_model_package")
    assert ("ModelLifeCycle" in call) is reset


def test_status_reads_the_live_item_as_the_release_machine_writes_it() -> None:
    """The two are deployed apart: a key renamed on one side would look like an endpoint changed by hand."""
    from slipway_lambda.plan_release.package import Package
    from slipway_lambda.plan_release.requests import live_record

    package = Package("arn", 3, "a", "image", "sha256:0", "s3://b/k", "0", {}, {})
    live = live_record(package, "m-dev-v3-0a1b2c3d", {})
    endpoint = {"endpoint": "m-dev", "endpoint_status": "InService", "endpoint_config": "m-dev-v3-0a1b2c3d"}
    assert judge(status_with(live={**live, **endpoint})) == []
    assert len(judge(status_with(live={**live, **endpoint, "endpoint_config": "m-dev-v2-0a1b2c3d"}))) == 1


def test_scaling_that_rests_during_a_release_is_no_fault() -> None:
    off = {"declared": [2, 6], "registered": None}
    assert judge(status_with(live=SERVING, scaling=off, release={"version": 3})) == []
    assert judge(status_with(live=SERVING, scaling={"declared": [2, 6], "registered": [2, 6]})) == []
