"""What a plan says of a trial, and of one that was cut off."""

from dataclasses import replace
from typing import Any

import pytest

from release_proof import sample
from slipway_lambda.attributes import to_item
from slipway_lambda.clean_up_release.choose import removable
from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.contracts.trial import Trial
from slipway_lambda.plan_release.handler import handler
from slipway_lambda.plan_release.situation import Situation, live_version

OLD = "e-v1-00000000"
LIVE = {"pk": "endpoint#e", "sk": "live", "config": OLD, "version": 1, "verified": [{"config": OLD, "version": 1}]}
SPEC = replace(
    sample.SPEC,
    endpoint="e",
    instance_count=2,
    strategy="ab",
    alarm_names=("ours",),
    trial=Trial(3600, 5000, (10, 50), 300, 0.001, ("theirs",)),
)
SHADOW = replace(SPEC, strategy="shadow", trial=Trial(3600, 5000, (), 300, 0.001, ()))
CANARY = replace(SPEC, strategy="canary", trial=None)


def endpoint(config: str = OLD, variants: int = 1) -> dict[str, Any]:
    return {
        "EndpointStatus": "InService",
        "EndpointConfigName": config,
        "ProductionVariants": [{"VariantName": n} for n in ("main", "challenger")[:variants]],
    }


def planned(spec: ReleaseSpec = SPEC, version: int = 2, seen: Any = None, *more: Any, **event: Any) -> dict[str, Any]:
    digest = "sha256:" + "a" * 64
    package = {
        "ModelPackageArn": f"arn/{version}",
        "ModelPackageVersion": version,
        "ModelPackageStatus": "Completed",
        "ModelApprovalStatus": "Approved",
        "ApprovalDescription": "good",
        "InferenceSpecification": {
            "Containers": [{"Image": f"r/t@{digest}", "ImageDigest": digest, "ModelDataUrl": f"s3://b/{version}"}]
        },
        "CustomerMetadataProperties": {"artefact_sha256": "b" * 64, "image_digest": digest, "golden_uri": "s3://b/g"},
    }
    given = {
        "spec": spec.as_dict(),
        "package": package,
        "endpoint": endpoint() if seen is None else seen,
        "ledger": [to_item(i) for i in (more or (LIVE,)) if i],
        "trigger": "approval",
        "asked_version": 0,
        "execution": "me",
        **event,
    }
    return handler(given, None)


def attempt(**values: Any) -> dict[str, Any]:
    return {"pk": "endpoint#e", "sk": "attempt#2", "version": 2, "tries": 1, "execution": "another", **values}


APPROVAL = planned()["attempt_item"]["approval"]["S"]


def test_the_challenger_is_put_beside_the_champion_under_a_name_of_the_champions() -> None:
    plan = planned()
    request = plan["trial_request"]
    main, challenger = request["ProductionVariants"]
    assert (main["VariantName"], main["ModelName"], main["InitialVariantWeight"]) == ("main", OLD, 90.0)
    assert (challenger["VariantName"], challenger["ModelName"]) == ("challenger", plan["config"])
    assert challenger["InitialVariantWeight"] == 10.0
    assert request["DataCaptureConfig"] == plan["config_request"]["DataCaptureConfig"]
    name = plan["trial_config"]
    assert name == request["EndpointConfigName"] != OLD
    assert removable("e", [name], frozenset()) == [name]
    assert live_version(Situation("", None, "", endpoint(name, 2), LIVE, {}, {})) == 1
    assert plan["strategy_words"].startswith("ab: the challenger answers 10 %, 50 % of the traffic in turn, for 3600 s")
    assert plan["strategy_words"].endswith("then all at once, then 300 s with the old fleet in reserve")


def test_a_shadow_gets_a_copy_of_every_request() -> None:
    request = planned(SHADOW)["trial_request"]
    (main,), (challenger,) = request["ProductionVariants"], request["ShadowProductionVariants"]
    assert main["InitialVariantWeight"] == challenger["InitialVariantWeight"]
    assert challenger["VariantName"] == "challenger"


def test_the_name_says_both_sides_and_the_first_share() -> None:
    other = replace(SPEC, trial=Trial(3600, 5000, (20, 50), 300, 0.001, ("theirs",)))
    names = {planned(s, v)["trial_config"] for s in (SPEC, SHADOW, other) for v in (2, 3)}
    assert len(names) == 6
    assert planned()["trial_config"] == planned()["trial_config"]


def test_sagemaker_watches_the_champion_alone_on_the_way_into_a_trial() -> None:
    alarms = planned()["trial_deployment"]["AutoRollbackConfiguration"]["Alarms"]
    assert alarms == [{"AlarmName": "ours"}] == planned()["deployment_config"]["AutoRollbackConfiguration"]["Alarms"]
    assert SPEC.dimensions_in_trial() == {"theirs": {"EndpointName": "e", "VariantName": "challenger"}}


@pytest.mark.parametrize(
    ("version", "seen", "event"),
    [
        (2, {}, {}),
        (1, None, {}),
        (1, endpoint("e-v2-00000000"), {"trigger": "rollback", "asked_version": 1}),
    ],
    ids=["first creation", "another endpoint spec", "going back"],
)
def test_what_is_no_new_version_is_not_tried_and_says_so(version: int, seen: Any, event: Any) -> None:
    plan = planned(SPEC, version, seen, **event)
    assert plan["decision"] in ("create", "respec", "update")
    assert "trial_config" not in plan
    assert (plan["strategy"], plan["record_item"]["strategy"]["S"]) == ("all_at_once", "all_at_once")
    assert "ab:" not in plan["strategy_words"]


@pytest.mark.parametrize("ledger", [{}, {**LIVE, "config": "e-v0-00000000", "version": 0}])
def test_what_serves_unverified_is_no_champion_and_the_words_say_so(ledger: Any) -> None:
    plan = planned(SPEC, 2, None, ledger or {"pk": "x", "sk": "y"})
    assert (plan["decision"], plan["strategy"], "trial_config" in plan) == ("update", "all_at_once", False)
    assert plan["strategy_words"].startswith("without the trial (ab), for what serves was never verified by a release")


def test_a_trial_that_was_cut_off_is_gone_on_with() -> None:
    first = planned()
    cut = attempt(outcome="started", approval=APPROVAL)
    again = planned(SPEC, 2, endpoint(first["trial_config"], 2), LIVE, cut, trigger="reconcile")
    assert again["decision"] == "update"
    assert again["trial_config"] == first["trial_config"]
    assert again["last_good"] == {"config": OLD, "version": 1}


@pytest.mark.parametrize("shadow", [False, True])
@pytest.mark.parametrize(
    ("more", "event"),
    [
        ([attempt(outcome="started", approval=APPROVAL, tries=2)], {"trigger": "reconcile"}),
        ([attempt(outcome="failed", approval=APPROVAL)], {"trigger": "reconcile"}),
        ([{"pk": "endpoint#e", "sk": "hold", "who": "eva", "reason": "holidays"}], {"trigger": "reconcile"}),
    ],
    ids=["tried twice", "failed", "on hold"],
)
def test_a_trial_that_nobody_goes_on_with_is_ended(more: list[Any], event: Any, shadow: bool) -> None:
    seen = endpoint("e-v1-12345678", 1 if shadow else 2)
    seen |= {"ShadowProductionVariants": [{"VariantName": "challenger"}]} if shadow else {}
    plan = planned(SPEC, 2, seen, LIVE, *more, **event)
    assert plan["decision"] == "end_trial"
    assert plan["last_good"] == {"config": OLD, "version": 1}
    assert plan["attempt_item"]["sk"]["S"] == "attempt#0", "of no version"
    alone = planned(SPEC, 2, endpoint(), LIVE, *more, **event)
    assert alone["decision"] == "nothing"


def test_the_champion_comes_back_by_a_respec_where_nothing_newer_may_go() -> None:
    plan = planned(SPEC, 1, endpoint("e-v1-12345678", 2), trigger="reconcile")
    assert (plan["decision"], plan["last_good"]["config"]) == ("respec", OLD)


def test_a_trial_that_was_left_is_ended_before_a_shift_by_steps() -> None:
    assert planned(CANARY, 2, endpoint("e-v1-12345678", 2))["decision"] == "end_trial"
    assert planned(CANARY, 2, endpoint())["decision"] == "update"


def test_a_refusal_that_nobody_asked_for_does_not_leave_a_trial_behind() -> None:
    seen = endpoint("e-v1-12345678", 2)
    asked = {"asked_version": 9}
    assert planned(SPEC, 2, seen, trigger="reconcile", **asked)["decision"] == "end_trial"
    assert planned(SPEC, 2, seen, trigger="operator", **asked)["decision"] == "refused"
    assert planned(SPEC, 2, seen)["trial_left"]
    assert "trial_left" not in planned(SPEC, 2, endpoint())


def test_a_halted_endpoint_is_left_alone() -> None:
    halt = {"pk": "endpoint#e", "sk": "halt", "cause": "c"}
    assert planned(SPEC, 2, endpoint("e-v1-12345678", 2), LIVE, halt, trigger="reconcile")["decision"] == "nothing"


def test_a_champion_that_no_release_made_cannot_be_tried_against() -> None:
    plan = planned(SPEC, 2, endpoint("by-hand"), {})
    assert plan["decision"] == "refused"
    assert "by-hand was made by no release" in plan["reason"]
    both = planned(SPEC, 2, endpoint("e-v1-12345678", 2), {"pk": "x", "sk": "y"})
    assert "the ledger knows none to go back to" in both["reason"]


def test_the_spec_comes_back_as_it_went() -> None:
    for spec in (SPEC, SHADOW, CANARY):
        assert ReleaseSpec.from_dict(spec.as_dict()) == spec
    assert "trial" not in CANARY.as_dict()
