"""Definitions are checked when the pipeline is made, with the place of the fault."""

import json
from typing import Any

import pytest

from rehearsal.sagemaker import ServiceError
from rehearsal.sagemaker.pipelines.definition import DefinitionError, parse

FAIL = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "x"}}


def document(*steps: Any, parameters: Any = (), **more: Any) -> str:
    return json.dumps({"Version": "2020-12-01", "Parameters": list(parameters), "Steps": list(steps)} | more)


def lambda_step(name: str, **more: Any) -> dict[str, Any]:
    return {"Name": name, "Type": "Lambda", "FunctionArn": "arn:f", "Arguments": {}, **more}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        (document(FAIL, Version="2019-01-01"), "Version is '2019-01-01'"),
        (document(), "Steps is missing or empty"),
        (document({"Name": "a b", "Type": "Fail"}), r"Steps\[0\] has no Name of letters"),
        (document({"Name": "a", "Type": "EMR"}), "runs no step of Type 'EMR'"),
        (document(FAIL, FAIL), "Two steps are called 'Stop'"),
        (document(lambda_step("a", DependsOn=["b"])), "refers to step 'b', which does not exist"),
        (
            document(lambda_step("a", Arguments={"x": {"Get": "Steps.b.Out"}})),
            "Step 'a' refers to step 'b', which does not exist",
        ),
        (document(lambda_step("a", Arguments={"x": {"Get": "Parameters.N"}})), "parameter 'N', which does not exist"),
        (document(lambda_step("a", Arguments={"x": {"Get": "Nothing"}})), "'Nothing' is not Parameters"),
        (
            document(lambda_step("a", DependsOn=["b"]), lambda_step("b", DependsOn=["a"])),
            "Steps wait for each other: a -> b -> a",
        ),
        (document(FAIL, parameters=[{"Name": "n", "Type": "Number"}]), r"Parameters\[0\] 'n': Type 'Number'"),
        (
            document(FAIL, parameters=[{"Name": "n", "Type": "Integer", "DefaultValue": "1"}]),
            "DefaultValue '1' is not of type Integer",
        ),
        (
            document(FAIL, parameters=[{"Name": "n", "Type": "String", "DefaultValue": "c", "EnumValues": ["a"]}]),
            "is not one of EnumValues",
        ),
        (document(FAIL, parameters=[{"Name": "n", "Type": "String"}] * 2), "'n' stands twice"),
        (document({"Name": "c", "Type": "Condition", "Arguments": {}}), "Arguments.Conditions is not a list"),
    ],
)
def test_faults_are_named(text: str, words: str) -> None:
    with pytest.raises(DefinitionError, match=words):
        parse(text)


def test_arms_of_a_condition_are_steps_too_and_may_not_share_names() -> None:
    condition = {"Conditions": [], "IfSteps": [lambda_step("a")], "ElseSteps": [lambda_step("b", DependsOn=["a"])]}
    found = parse(document({"Name": "c", "Type": "Condition", "Arguments": condition}))
    assert {name: one.branch for name, one in found.steps.items()} == {"c": None, "a": ("c", True), "b": ("c", False)}
    assert found.steps["b"].after == {"a"}
    assert found.steps["c"].after == set(), "what the arms refer to is theirs"
    with pytest.raises(DefinitionError, match="Two steps are called 'c'"):
        parse(document({"Name": "c", "Type": "Condition", "Arguments": {**condition, "IfSteps": [lambda_step("c")]}}))


@pytest.mark.parametrize("text", ["{", document(), json.dumps({"Version": "2020-12-01", "Steps": [{"Name": 1}]})])
def test_the_api_refuses_in_the_services_words(kit: Any, text: str) -> None:
    with pytest.raises(ServiceError, match="Unable to parse pipeline definition") as raised:
        kit.call(
            "CreatePipeline", PipelineName="p", PipelineDefinition=text, RoleArn=kit.role, ClientRequestToken="0" * 32
        )
    assert raised.value.code == "ValidationException"
    assert not kit.call("ListPipelines")["PipelineSummaries"]


def test_versions_follow_the_definition(kit: Any, pipelines: Any) -> None:
    arn = pipelines.create(FAIL)
    other = document({**FAIL, "Arguments": {"ErrorMessage": "y"}})
    assert kit.call("UpdatePipeline", PipelineName="p", PipelineDefinition=other)["PipelineVersionId"] == 2
    assert kit.call("UpdatePipeline", PipelineName="p", PipelineDescription="d")["PipelineVersionId"] == 2
    first = kit.call("DescribePipeline", PipelineName="p", PipelineVersionId=1)
    assert json.loads(first["PipelineDefinition"])["Steps"][0]["Arguments"] == {"ErrorMessage": "x"}
    kit.call("UpdatePipelineVersion", PipelineArn=arn, PipelineVersionId=1, PipelineVersionDisplayName="first")
    rows = kit.call("ListPipelineVersions", PipelineName="p")["PipelineVersionSummaries"]
    assert [(one["PipelineVersionId"], one.get("PipelineVersionDisplayName")) for one in rows] == [
        (2, None),
        (1, "first"),
    ]
    with pytest.raises(ServiceError, match="has no version 3"):
        kit.call("DescribePipeline", PipelineName="p", PipelineVersionId=3)


def test_names_are_unique_but_a_repeated_call_is_the_same_call(kit: Any, pipelines: Any) -> None:
    token = "t" * 32
    arn = pipelines.create(FAIL, ClientRequestToken=token)
    assert pipelines.create(FAIL, ClientRequestToken=token) == arn
    with pytest.raises(ServiceError, match="must be unique"):
        pipelines.create(FAIL)
    kit.call("DeletePipeline", PipelineName="p", ClientRequestToken=token)
    with pytest.raises(ServiceError, match="does not exist"):
        kit.call("DescribePipeline", PipelineName="p")
