"""Events, payloads and declarations that must not lead a release astray."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from slipway.config.model import Model

ENDPOINT = "flight-delays-dev"


@pytest.mark.fault("C12")
@pytest.mark.fault("C14")
def test_nothing_of_an_events_payload_reaches_the_machine(template: dict[str, Any]) -> None:
    """A forged, huge or strange event can say only that there may be something to do."""
    (rule,) = (
        r["Properties"]
        for n, r in template["Resources"].items()
        if r["Type"] == "AWS::Events::Rule" and "Approval" in n
    )
    (target,) = rule["Targets"]
    assert json.loads(target["Input"]) == {"trigger": "approval"}
    assert not {"InputPath", "InputTransformer"} & set(target)


@pytest.mark.fault("C12")
@pytest.mark.fault("C14")
@pytest.mark.parametrize(
    "forged",
    [
        {"version": 1},
        {"version": "9; drop"},
        {"spec": {"endpoint": "another"}, "candidate": {"version": 1, "arn": "arn:evil"}},
        {"junk": "x" * 200_000},
        {"who": 7, "reason": {"a": 1}},
    ],
)
def test_what_else_an_input_says_is_not_believed(release: Any, world: Any, forged: dict[str, Any]) -> None:
    world.approve(1)
    world.approve(2)
    end = release("approval", **forged)
    assert end.output["version"] == 2
    assert world.endpoint["EndpointName"] == ENDPOINT


@pytest.mark.fault("C07")
def test_two_endpoints_of_one_group_have_locks_and_facts_of_their_own(
    release: Any, world: Any, definition: dict[str, Any]
) -> None:
    text = json.dumps(definition["States"])
    keys = {part.split('"')[0].split("\\")[0] for part in text.split("endpoint#")[1:]}
    assert keys == {ENDPOINT}
    other = ("endpoint#flight-delays-prod", "lock")
    lock = {"pk": {"S": other[0]}, "sk": {"S": "lock"}, "owner": {"S": "another"}, "expires_at": {"N": "9999999999"}}
    world.ledger[other] = lock
    world.approve(1)
    assert release().output["outcome"] == "released"
    assert world.ledger[other] is lock


@pytest.mark.fault("A22")
def test_the_variant_has_one_name_in_every_config(release: Any, world: Any) -> None:
    for version in (1, 2, 3):
        world.approve(version)
        assert release().output["version"] == version
    names = [v["VariantName"] for c in world.configs.values() for v in c["ProductionVariants"]]
    assert names == ["main"] * 2


@pytest.mark.fault("A21")
@pytest.mark.parametrize(
    ("rollout", "instances", "words"),
    [
        ({"strategy": "canary", "canary_percent": 51}, 4, "canary_percent"),
        ({"strategy": "linear", "step_percent": 9}, 4, "step_percent"),
        ({"strategy": "linear", "step_percent": 51}, 4, "step_percent"),
        ({"strategy": "rolling", "batch_percent": 51}, 4, "batch_percent"),
        ({"strategy": "canary"}, 1, "instance"),
    ],
)
def test_a_share_that_the_service_does_not_take_is_refused_before_synth(
    rollout: dict[str, Any], instances: int, words: str
) -> None:
    declared = {
        "name": "flight-delays",
        "problem": {"type": "binary_classification", "target": "late"},
        "data": {"prefix": "p/", "columns": [{"name": "distance", "type": "number"}]},
        "endpoint": {"instance_count": instances},
        "rollout": rollout,
    }
    with pytest.raises(ValidationError, match=words):
        Model.model_validate(declared)


@pytest.mark.parametrize("good", [True, False])
def test_an_endpoint_that_was_changed_by_hand_is_what_a_failed_release_goes_back_to(
    release: Any, world: Any, good: bool
) -> None:
    """What serves is the last good, whoever put it there; it is never deleted, and a sweep does not undo it."""
    world.approve(1)
    assert release().output["outcome"] == "released"
    world.configs["by-hand"] = world.configs[world.endpoint["EndpointConfigName"]]
    world.endpoint["EndpointConfigName"] = "by-hand"
    assert release("reconcile").output["outcome"] == "nothing"
    world.approve(2)
    world.rolls_back = not good
    end = release()
    assert (end.status == "SUCCEEDED") is good
    assert (world.endpoint["EndpointConfigName"] == "by-hand") is not good
    assert "by-hand" in world.configs
