"""References, functions and conditions."""

from typing import Any

import pytest

from rehearsal.sagemaker.pipelines.values import Known, ValueUnknownError, holds, resolve

OUTPUTS = [{"OutputName": "train", "S3Output": {"S3Uri": "s3://b/t"}}]
KNOWN = Known(
    parameters={"Rows": 10, "Name": "a", "Fast": True},
    execution={"PipelineName": "p"},
    steps={
        "Train": {"ModelArtifacts": {"S3ModelArtifacts": "s3://m"}, "OutputParameters": {"k": 3}},
        "Prepare": {"ProcessingOutputConfig": {"Outputs": OUTPUTS}},
    },
    read=lambda step, name: {"metrics": {"auc": {"value": 0.9}}, "list": [1, 2]},
)


def file(path: str) -> dict[str, Any]:
    return {"Std:JsonGet": {"PropertyFile": {"Get": "Steps.Evaluate.PropertyFiles.Report"}, "Path": path}}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Get": "Parameters.Rows"}, 10),
        ({"Get": "Execution.PipelineName"}, "p"),
        ({"Get": "Steps.Train.ModelArtifacts.S3ModelArtifacts"}, "s3://m"),
        ({"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['train'].S3Output.S3Uri"}, "s3://b/t"),
        ({"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs[0].OutputName"}, "train"),
        ({"Get": "Steps.Train.OutputParameters['k']"}, 3),
        (
            {"Std:Join": {"On": "/", "Values": ["s3:/", {"Get": "Parameters.Name"}, {"Get": "Parameters.Fast"}]}},
            "s3://a/true",
        ),
        (file("metrics.auc.value"), 0.9),
        (file("list[1]"), 2),
        ([{"a": {"Get": "Parameters.Rows"}}, "x"], [{"a": 10}, "x"]),
    ],
)
def test_values(value: Any, expected: Any) -> None:
    assert resolve(value, KNOWN) == expected


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"Get": "Steps.Train.Nothing"}, "there is no 'Nothing'"),
        ({"Get": "Steps.Prepare.ProcessingOutputConfig.Outputs['x'].S3Output"}, "there is no 'x'"),
        ({"Get": "Steps.Train.["}, "cannot be read from"),
        (file("metrics.f1"), "there is no 'f1'"),
        ({"Std:JsonGet": {"PropertyFile": {"Get": "Parameters.Rows"}, "Path": "a"}}, "is not Steps"),
    ],
)
def test_what_leads_nowhere_is_named(value: Any, words: str) -> None:
    with pytest.raises(ValueUnknownError, match=words):
        resolve(value, KNOWN)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"Type": "Equals", "LeftValue": {"Get": "Parameters.Rows"}, "RightValue": 10}, True),
        ({"Type": "GreaterThan", "LeftValue": 10, "RightValue": 10}, False),
        ({"Type": "GreaterThanOrEqualTo", "LeftValue": 10, "RightValue": 10}, True),
        ({"Type": "LessThan", "LeftValue": 9.5, "RightValue": 10}, True),
        ({"Type": "LessThanOrEqualTo", "LeftValue": 11, "RightValue": 10}, False),
        ({"Type": "In", "QueryValue": {"Get": "Parameters.Name"}, "Values": ["a", "b"]}, True),
        ({"Type": "In", "QueryValue": "c", "Values": ["a", "b"]}, False),
        ({"Type": "Not", "Expression": {"Type": "Equals", "LeftValue": 1, "RightValue": 1}}, False),
        (
            {"Type": "Or", "Conditions": [{"Type": "Equals", "LeftValue": n, "RightValue": 2} for n in (1, 2)]},
            True,
        ),
    ],
)
def test_conditions(condition: Any, expected: bool) -> None:
    assert holds(condition, KNOWN) is expected


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"Type": "Near", "LeftValue": 1, "RightValue": 1}, "'Near' is not a type of condition"),
        ({"Type": "LessThan", "LeftValue": "a", "RightValue": 1}, "cannot be compared"),
    ],
)
def test_conditions_that_have_no_answer(condition: Any, words: str) -> None:
    with pytest.raises(ValueUnknownError, match=words):
        holds(condition, KNOWN)
