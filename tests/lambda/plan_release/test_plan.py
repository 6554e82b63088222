"""What a release should do, decided from plain values."""

from dataclasses import replace
from typing import Any

import pytest

from release_proof import sample
from slipway_lambda.contracts.release import Decision, ReleaseSpec
from slipway_lambda.contracts.shift import steps_of, whole_instances
from slipway_lambda.plan_release.deployment import deployment_config, recovery_config, strategy_words
from slipway_lambda.plan_release.package import read_package
from slipway_lambda.plan_release.plan import Situation, decide, last_good, live_version
from slipway_lambda.plan_release.requests import (
    config_request,
    content_name,
    live_record,
    model_request,
)

DIGEST = "sha256:" + "a" * 64
SPEC = replace(sample.SPEC, canary_percent=30, rollback_batch_percent=50)


def described(version: int = 2, **more: Any) -> dict[str, Any]:
    return {
        "ModelPackageArn": f"arn:aws:sagemaker:eu-west-1:111122223333:model-package/flights/{version}",
        "ModelPackageVersion": version,
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": "Approved",
        "ApprovalDescription": "better",
        "InferenceSpecification": {
            "Containers": [
                {
                    "Image": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/tabular:1",
                    "ImageDigest": DIGEST,
                    "ModelDataUrl": "s3://a/m.tar.gz",
                }
            ]
        },
        "CustomerMetadataProperties": {"artefact_sha256": "b" * 64, "golden_uri": "s3://a/golden.jsonl"},
        **more,
    }


def situation(**more: Any) -> Situation:
    nothing: dict[str, Any] = {}
    base = Situation("approval", None, "arn:me", endpoint=nothing, live=nothing, halt=nothing, attempt=nothing)
    return replace(base, **more)


def serving(config: str, status: str = "InService") -> dict[str, Any]:
    return {"EndpointConfigName": config, "EndpointStatus": status}


PACKAGE = read_package(described())
WANTED = content_name(SPEC, PACKAGE)
V1, V3 = "flights-dev-v1-00000000", "flights-dev-v3-00000000"
LIVE_V1 = {"config": V1, "version": 1, "verified": [{"config": V1, "version": 1}]}


def decision(now: Situation, package: Any = PACKAGE) -> Decision:
    return decide(SPEC, package, WANTED, now).decision


@pytest.mark.parametrize(
    ("now", "wanted"),
    [
        (situation(), Decision.CREATE),
        (situation(endpoint=serving(V1), live=LIVE_V1), Decision.UPDATE),
        (situation(endpoint=serving("flights-dev-v2-00000000")), Decision.RESPEC),
        (situation(endpoint=serving(WANTED)), Decision.VERIFY_ONLY),
        (situation(endpoint=serving(WANTED), live={"config": WANTED, "version": 2}), Decision.NOTHING),
        (situation(endpoint=serving(V3)), Decision.SUPERSEDED),
        (situation(endpoint=serving(V3), trigger="operator", asked_version=2), Decision.REFUSED),
        (situation(endpoint=serving(V3), trigger="retry", asked_version=2), Decision.REFUSED),
        (situation(hold={"who": "ada", "reason": "audit"}), Decision.NOTHING),
        (situation(hold={"who": "ada"}, trigger="operator", asked_version=2), Decision.REFUSED),
        (situation(hold={"who": "ada"}, trigger="reconcile", live={"config": WANTED, "version": 2}), Decision.CREATE),
        (situation(endpoint=serving(V1, "Failed")), Decision.CLEAR),
        (situation(endpoint=serving(V1, "Failed"), live=LIVE_V1), Decision.REFUSED),
        (situation(endpoint=serving(V1, "UpdateRollbackFailed"), live=LIVE_V1), Decision.REFUSED),
        (situation(endpoint=serving(V1, "OutOfService"), live=LIVE_V1), Decision.REFUSED),
        *[
            (situation(endpoint=serving(V1, status), live=LIVE_V1), Decision.BUSY)
            for status in ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")
        ],
        (situation(halt={"cause": "mixed"}), Decision.REFUSED),
        (situation(halt={"cause": "mixed"}, trigger="reconcile"), Decision.NOTHING),
        (situation(trigger="operator", asked_version=9), Decision.REFUSED),
    ],
)
def test_first_rule_that_speaks_wins(now: Situation, wanted: Decision) -> None:
    assert decision(now) is wanted


V2_LIVE_ON_3 = {"config": V3, "version": 3, "verified": [{"config": V3, "version": 3}, {"config": "x", "version": 2}]}


@pytest.mark.fault("C03")
@pytest.mark.fault("C11")
@pytest.mark.parametrize(
    ("change", "wanted", "words"),
    [
        ({}, Decision.UPDATE, ""),
        ({"hold": {"who": "ada"}}, Decision.UPDATE, ""),
        ({"trigger": "approval", "asked_version": None}, Decision.SUPERSEDED, "older than version 3"),
        ({"trigger": "reconcile", "asked_version": None}, Decision.SUPERSEDED, "older than version 3"),
        ({"trigger": "operator"}, Decision.REFUSED, "older than version 3"),
        ({"asked_version": None}, Decision.REFUSED, "without a version"),
        ({"endpoint": {}}, Decision.REFUSED, "no endpoint"),
        ({"endpoint": serving(V1), "live": LIVE_V1}, Decision.REFUSED, "not older than version 1"),
        ({"live": {**V2_LIVE_ON_3, "verified": [{"version": 3}, {"version": 1}]}}, Decision.REFUSED, ": 3, 1."),
        ({"live": {"config": V3, "version": 3}}, Decision.REFUSED, "endpoint: none."),
        ({"halt": {"cause": "mixed"}}, Decision.REFUSED, "halted"),
        ({"endpoint": serving(V3, "Updating")}, Decision.BUSY, "Updating"),
    ],
)
def test_only_a_rollback_asked_for_by_name_goes_back_and_only_to_what_served(
    change: dict[str, Any], wanted: Decision, words: str
) -> None:
    base = situation(trigger="rollback", asked_version=2, endpoint=serving(V3), live=V2_LIVE_ON_3)
    plan = decide(SPEC, PACKAGE, WANTED, replace(base, **change))
    assert (plan.decision, words in plan.reason) == (wanted, True)


@pytest.mark.fault("C01")
@pytest.mark.parametrize(
    ("outcome", "tries", "trigger", "wanted"),
    [
        ("failed", 1, "approval", Decision.NOTHING),
        ("failed", 1, "reconcile", Decision.NOTHING),
        ("failed", 1, "operator", Decision.UPDATE),
        ("failed", 1, "retry", Decision.UPDATE),
        ("started", 1, "reconcile", Decision.UPDATE),
        ("started", 2, "reconcile", Decision.NOTHING),
        ("refused", 1, "reconcile", Decision.UPDATE),
        ("released", 1, "reconcile", Decision.NOTHING),
    ],
)
def test_one_approval_is_one_attempt(outcome: str, tries: int, trigger: str, wanted: Decision) -> None:
    attempt = {"outcome": outcome, "tries": tries, "approval": PACKAGE.approval, "execution": "arn:other"}
    now = situation(endpoint=serving(V1), live=LIVE_V1, attempt=attempt, trigger=trigger)
    assert decision(now) is wanted
    again = replace(now, attempt={**attempt, "approval": "another"})
    assert decision(again) is Decision.UPDATE


def test_released_version_is_made_again_when_its_endpoint_is_gone() -> None:
    attempt = {"outcome": "released", "approval": PACKAGE.approval, "execution": "arn:other"}
    live = {"config": WANTED, "version": 2}
    assert decision(situation(attempt=attempt, live=live, trigger="reconcile")) is Decision.CREATE


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ModelPackageStatus": "Failed"}, "its status is Failed"),
        ({"ModelApprovalStatus": "Rejected"}, "its approval status is Rejected"),
        ({"InferenceSpecification": {"Containers": []}}, "it has 0 containers"),
        ({"InferenceSpecification": {"Containers": [{"Image": "r/tabular:1"}]}}, "its image has no digest"),
        ({"InferenceSpecification": {"Containers": [{"Image": f"r/t@{DIGEST}"}]}}, "it has no model data"),
        ({"CustomerMetadataProperties": {}}, "its metadata has no artefact_sha256"),
        ({"CustomerMetadataProperties": {"artefact_sha256": "b" * 64}}, "its metadata has no golden_uri"),
        ({"CustomerMetadataProperties": {"image_digest": "sha256:" + "c" * 64}}, "is not the one that was evaluated"),
    ],
)
def test_unfit_version_is_refused_with_every_reason(change: dict[str, Any], words: str) -> None:
    package = read_package(described(**change))
    plan = decide(SPEC, package, WANTED, situation())
    assert plan.decision is Decision.REFUSED
    assert words in plan.reason


def test_image_is_named_by_digest_whatever_tag_or_port_it_had() -> None:
    for image in ("host:5000/team/tabular:1", "host:5000/team/tabular", f"host:5000/team/tabular@{DIGEST}"):
        container = {"Image": image, "ImageDigest": DIGEST, "ModelDataUrl": "s3://a/m"}
        package = read_package(described(InferenceSpecification={"Containers": [container]}))
        assert package.image == f"host:5000/team/tabular@{DIGEST}"


@pytest.mark.fault("F04")
@pytest.mark.parametrize(
    "changed",
    [
        (replace(SPEC, instance_count=2), PACKAGE),
        (replace(SPEC, instance_type="ml.m5.xlarge"), PACKAGE),
        (replace(SPEC, capture_percent=50), PACKAGE),
        (SPEC, replace(PACKAGE, artefact_sha256="c" * 64)),
        (SPEC, replace(PACKAGE, image="other@" + DIGEST)),
        (SPEC, replace(PACKAGE, environment={"A": "1"})),
    ],
)
def test_other_content_has_another_name(changed: tuple[ReleaseSpec, Any]) -> None:
    assert content_name(*changed) != WANTED


def test_rollout_alone_does_not_change_the_name() -> None:
    assert content_name(replace(SPEC, strategy="all_at_once", bake_seconds=0, alarm_names=("x",)), PACKAGE) == WANTED


@pytest.mark.parametrize(
    ("count", "percent", "instances"), [(2, 50, 1), (4, 30, 1), (10, 25, 2), (3, 50, 1), (1, 10, 1)]
)
def test_a_share_is_whole_instances_at_least_one(count: int, percent: int, instances: int) -> None:
    assert whole_instances(count, percent) == instances
    for strategy, member in (("canary", "CanarySize"), ("linear", "LinearStepSize")):
        spec = replace(SPEC, instance_count=count, canary_percent=percent, step_percent=percent, strategy=strategy)
        routing = deployment_config(spec)["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
        assert routing[member] == {"Type": "INSTANCE_COUNT", "Value": instances}


@pytest.mark.parametrize(("count", "size", "steps"), [(4, 1, 4), (4, 2, 2), (5, 2, 3), (3, 3, 1)])
def test_the_last_step_takes_what_is_left(count: int, size: int, steps: int) -> None:
    assert steps_of(count, size) == steps


def test_linear_shifts_in_equal_steps_and_waits_with_all_traffic_at_the_end() -> None:
    config = deployment_config(replace(SPEC, strategy="linear"))
    assert config["BlueGreenUpdatePolicy"] == {
        "TrafficRoutingConfiguration": {
            "Type": "LINEAR",
            "WaitIntervalInSeconds": 600,
            "LinearStepSize": {"Type": "INSTANCE_COUNT", "Value": 1},
        },
        "TerminationWaitInSeconds": 300,
        "MaximumExecutionTimeoutInSeconds": 3600,
    }
    assert recovery_config(replace(SPEC, strategy="linear")) == {}
    words = strategy_words(replace(SPEC, strategy="linear"), first=False)
    assert words == "linear in 4 steps of 1 of 4 instances, 600 s apart, then 300 s with all traffic"


def test_rolling_replaces_batches_and_goes_back_in_batches_too() -> None:
    spec = replace(SPEC, strategy="rolling")
    config = deployment_config(spec)
    assert config["RollingUpdatePolicy"] == {
        "MaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 1},
        "WaitIntervalInSeconds": 600,
        "MaximumExecutionTimeoutInSeconds": 3600,
        "RollbackMaximumBatchSize": {"Type": "INSTANCE_COUNT", "Value": 2},
    }
    assert "BlueGreenUpdatePolicy" not in config
    assert len(config["AutoRollbackConfiguration"]["Alarms"]) == 2
    back = recovery_config(replace(spec, rollback_batch_percent=100))["DeploymentConfig"]
    assert back["RollingUpdatePolicy"]["MaximumBatchSize"]["Value"] == 2, "SageMaker takes at most half"
    assert back["RollingUpdatePolicy"]["WaitIntervalInSeconds"] == 0
    assert "AutoRollbackConfiguration" not in back
    assert strategy_words(spec, first=False).endswith("never more than 5 instances, 7 on the way back")


def test_all_at_once_still_has_alarms_and_a_wait_with_the_old_fleet_in_reserve() -> None:
    config = deployment_config(replace(SPEC, strategy="all_at_once"))
    assert config == {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
            "TerminationWaitInSeconds": 300,
            "MaximumExecutionTimeoutInSeconds": 3600,
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "errors"}, {"AlarmName": "latency"}]},
    }


@pytest.mark.fault("E03")
def test_config_captures_requests_and_answers_and_encrypts_both() -> None:
    request = config_request(SPEC, PACKAGE)
    assert request["KmsKeyId"] == SPEC.volume_key_arn
    capture = request["DataCaptureConfig"]
    assert [o["CaptureMode"] for o in capture["CaptureOptions"]] == ["Input", "Output"]
    assert capture["KmsKeyId"] == SPEC.capture_key_arn
    assert capture["CaptureContentTypeHeader"]["CsvContentTypes"] == ["text/csv"]
    bare = config_request(replace(SPEC, capture_percent=0, volume_key_arn=""), PACKAGE)
    assert "DataCaptureConfig" not in bare
    assert "KmsKeyId" not in bare


def test_requests_are_what_the_services_own_model_takes() -> None:
    import botocore.session
    from botocore.validate import ParamValidator

    service = botocore.session.get_session().get_service_model("sagemaker")
    strategies = [replace(SPEC, strategy=s) for s in ("all_at_once", "canary", "linear", "rolling")]
    update = {"EndpointName": "e", "EndpointConfigName": WANTED}
    for operation, request in (
        ("CreateModel", model_request(SPEC, PACKAGE)),
        ("CreateEndpointConfig", config_request(SPEC, PACKAGE)),
        *(("UpdateEndpoint", {**update, "DeploymentConfig": deployment_config(s)}) for s in strategies),
        *(("UpdateEndpoint", {**update, **recovery_config(s)}) for s in strategies),
    ):
        shape = service.operation_model(operation).input_shape
        assert not ParamValidator().validate(request, shape).has_errors()


def test_last_good_is_what_serves_except_for_a_version_that_nobody_verified() -> None:
    now = situation(endpoint=serving(V1), live=LIVE_V1)
    assert last_good(Decision.UPDATE, now) == {"config": V1, "version": 1}
    unverified = situation(endpoint=serving(WANTED), live=LIVE_V1)
    assert last_good(Decision.VERIFY_ONLY, unverified) == {"config": V1, "version": 1}
    assert last_good(Decision.VERIFY_ONLY, situation(endpoint=serving(WANTED))) == {}
    assert last_good(Decision.CREATE, situation()) == {}


def test_live_version_is_the_ledgers_where_it_knows_the_config() -> None:
    assert live_version(situation(endpoint=serving("made-by-hand"))) is None
    assert live_version(situation(endpoint=serving(V3))) == 3
    assert live_version(situation(endpoint=serving(V1), live=LIVE_V1)) == 1


def test_live_record_lists_verified_configs_newest_first_without_doubles() -> None:
    second = live_record(PACKAGE, WANTED, LIVE_V1)
    assert [h["config"] for h in second["verified"]] == [WANTED, V1]
    assert second["previous_config"] == V1
    back = live_record(replace(PACKAGE, version=1), V1, second)
    assert [h["config"] for h in back["verified"]] == [V1, WANTED]


@pytest.mark.fault("A09")
def test_fall_backs_are_pools_in_their_order_under_a_name_of_their_own() -> None:
    spec = replace(SPEC, fallback_instance_types=("ml.m5.xlarge", "ml.c5.xlarge"))
    (variant,) = config_request(spec, PACKAGE)["ProductionVariants"]
    assert [(p["Priority"], p["InstanceType"]) for p in variant["InstancePools"]] == [
        (1, "ml.m5.large"), (2, "ml.m5.xlarge"), (3, "ml.c5.xlarge"),
    ]  # fmt: skip
    assert "InstanceType" not in variant
    assert variant["VariantInstanceProvisionTimeoutInSeconds"] == 600
    other = replace(spec, fallback_instance_types=("ml.c5.xlarge", "ml.m5.xlarge"))
    assert len({content_name(one, PACKAGE) for one in (SPEC, spec, other)}) == 3
    assert ReleaseSpec.from_dict(spec.as_dict()) == spec
