"""Instance types to fall back to, in the machine's expressions and in the template."""

import json
from typing import Any

import pytest

from rehearsal.asl.expressions import Evaluator
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.release_ending import FELL_BACK
from slipway_constructs.workflow.release_make import SAME_CONFIG


def _variant(*kinds: str) -> dict[str, Any]:
    """Of one type, or with pools of several."""
    common = {"ModelName": "m", "VariantName": "main", "InitialInstanceCount": 2}
    if len(kinds) == 1:
        return {**common, "InstanceType": kinds[0]}
    return {**common, "InstancePools": [{"InstanceType": kind, "Priority": at} for at, kind in enumerate(kinds, 1)]}


@pytest.mark.parametrize(
    ("made", "asked", "same"),
    [
        (("a",), ("a",), True),
        (("a",), ("b",), False),
        (("a", "b"), ("a", "b"), True),
        (("a", "b"), ("b", "a"), False),
        (("a", "b"), ("a", "b", "c"), False),
        (("a",), ("a", "b"), False),
        (("a", "b"), ("a",), False),
    ],
)
def test_a_config_on_other_instances_is_not_adopted(made: tuple[str, ...], asked: tuple[str, ...], same: bool) -> None:
    result = {"ProductionVariants": [_variant(*made)]}
    plan = {"config_request": {"ProductionVariants": [_variant(*asked)]}}
    assert Evaluator({"result": result}, {"plan": plan}, 0.0).evaluate(expression(SAME_CONFIG), "Assign") is same


@pytest.mark.parametrize(
    ("verdict", "words"),
    [({}, ""), ({"fell_back": ""}, ""), ({"fell_back": "It runs on others."}, " It runs on others.")],
)
def test_a_fall_back_is_told_with_the_release(verdict: dict[str, str], words: str) -> None:
    assert Evaluator({}, {"verdict": verdict}, 0.0).evaluate(expression(FELL_BACK), "Assign") == words


@pytest.mark.fault("A08")
def test_only_the_check_before_the_shift_reads_quotas_and_other_endpoints(template: dict[str, Any]) -> None:
    for words in ("servicequotas:ListServiceQuotas", ":endpoint/*", ":endpoint-config/*"):
        holders = [
            name
            for name, r in template["Resources"].items()
            if r["Type"] == "AWS::IAM::Policy" and words in json.dumps(r["Properties"]["PolicyDocument"])
        ]
        assert ["Preflight" in name for name in holders] == [True], words
