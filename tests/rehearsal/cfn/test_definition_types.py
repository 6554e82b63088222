"""SageMaker's types that describe something: each made, changed in place or replaced as its schema says, rolled back
with the reason when it is refused, and deleted."""

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal

Properties = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """What a type is given: `changed` is updated in place, `other` needs another resource, `wrong` is refused."""

    type: str
    properties: Callable[[dict[str, str]], Properties]
    wrong: Properties
    words: str
    changed: Properties = field(default_factory=dict)
    other: Properties = field(default_factory=dict)
    named: str = ""  # the name that the template gives it, which must change when it is replaced
    wrong_replaces: bool = False


def pipeline(base: dict[str, str]) -> Properties:
    fail = {"Name": "Stop", "Type": "Fail", "Arguments": {"ErrorMessage": "no"}}
    body = {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": [fail]}
    return {
        "PipelineName": "prices",
        "RoleArn": base["role"],
        "PipelineDefinition": {"PipelineDefinitionBody": json.dumps(body)},
        "Tags": [{"Key": "team", "Value": "risk"}],
    }


def feature_group(_: dict[str, str]) -> Properties:
    names = {"id": "String", "time": "Fractional"}
    return {
        "FeatureGroupName": "flights",
        "RecordIdentifierFeatureName": "id",
        "EventTimeFeatureName": "time",
        "FeatureDefinitions": [{"FeatureName": name, "FeatureType": kind} for name, kind in names.items()],
        "OnlineStoreConfig": {"EnableOnlineStore": True},
    }


FEATURES = feature_group({})["FeatureDefinitions"]


def card(_: dict[str, str]) -> Properties:
    content = {"model_overview": {"model_name": "flights"}, "intended_uses": {"risk_rating": "Low"}}
    return {"ModelCardName": "card", "Content": content, "ModelCardStatus": "Draft"}


def package(base: dict[str, str]) -> Properties:
    return {
        "ModelPackageGroupName": "packages",
        "ModelApprovalStatus": "PendingManualApproval",
        "InferenceSpecification": {
            "Containers": [{"Image": base["image"], "ModelDataUrl": base["model"]}],
            "SupportedContentTypes": ["text/csv"],
            "SupportedResponseMIMETypes": ["text/csv"],
        },
    }


def definition(sort: str) -> Callable[[dict[str, str]], Properties]:
    def properties(base: dict[str, str]) -> Properties:
        local = {"S3Uri": "s3://reports/out", "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
        endpoint = {"EndpointName": "nobody", "LocalPath": "/opt/ml/processing/input"}
        application: Properties = {"ImageUri": base["image"]}
        inputs: Properties = {"EndpointInput": endpoint}
        if sort in ("ModelQuality", "ModelBias"):
            inputs["GroundTruthS3Input"] = {"S3Uri": "s3://truth"}
        if sort == "ModelQuality":
            application["ProblemType"] = "Regression"
            endpoint["InferenceAttribute"] = "0"
        if sort in ("ModelBias", "ModelExplainability"):
            application["ConfigUri"] = "s3://config/analysis.json"
        return {
            f"{sort}AppSpecification": application,
            f"{sort}JobInput": inputs,
            f"{sort}JobOutputConfig": {"MonitoringOutputs": [{"S3Output": local}]},
            "JobResources": {
                "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
            },
            "RoleArn": base["role"],
        }

    return properties


def schedule(base: dict[str, str]) -> Properties:
    job = {
        "MonitoringAppSpecification": {"ImageUri": base["image"]},
        "MonitoringInputs": [{"EndpointInput": {"EndpointName": "watched", "LocalPath": "/opt/ml/processing/input"}}],
        "MonitoringOutputConfig": {
            "MonitoringOutputs": [{"S3Output": {"S3Uri": "s3://reports/out", "LocalPath": "/opt/ml/processing/output"}}]
        },
        "MonitoringResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 20}
        },
        "RoleArn": base["role"],
    }
    return {
        "MonitoringScheduleName": "hourly",
        "MonitoringScheduleConfig": {
            "MonitoringJobDefinition": job,
            "ScheduleConfig": {"ScheduleExpression": "cron(0 * ? * * *)"},
        },
    }


CASES = [
    Case(
        "Pipeline",
        pipeline,
        changed={"PipelineDisplayName": "Prices"},
        other={"PipelineName": "prices-2"},
        wrong={"PipelineDefinition": {"PipelineDefinitionBody": "{"}},
        words="JSON",
        named="PipelineName",
    ),
    Case(
        "FeatureGroup",
        feature_group,
        changed={"FeatureDefinitions": [*FEATURES, {"FeatureName": "delay", "FeatureType": "Integral"}]},
        other={"Description": "of Europe", "FeatureGroupName": "flights-2"},
        wrong={"EventTimeFeatureName": "nothing"},
        words="nothing",
        wrong_replaces=True,
        named="FeatureGroupName",
    ),
    Case(
        "ModelCard",
        card,
        changed={"ModelCardStatus": "Approved"},
        other={"ModelCardName": "card-2"},
        wrong={"ModelCardStatus": "Good"},
        words="failed to satisfy constraint",
        named="ModelCardName",
    ),
    Case(
        "ModelPackage",
        package,
        changed={"ModelApprovalStatus": "Approved", "ApprovalDescription": "by hand"},
        other={"ModelPackageDescription": "the second"},
        wrong={"ModelPackageGroupName": "nobody"},
        words="nobody",
    ),
    *(
        Case(
            f"{sort}JobDefinition",
            definition(sort),
            other={"StoppingCondition": {"MaxRuntimeInSeconds": 600}},
            wrong={"JobResources": {"ClusterConfig": {"InstanceCount": 0}}},
            words="jobResources",
        )
        for sort in ("DataQuality", "ModelQuality", "ModelBias", "ModelExplainability")
    ),
]


@pytest.fixture(scope="module", autouse=True)
def packages(stacks: Any) -> Iterator[None]:
    """Gone afterwards: other files count the groups of the cloud they share."""
    group = {"ModelPackageGroupName": "packages"}
    stacks.client("sagemaker").create_model_package_group(**group)
    yield
    stacks.client("sagemaker").delete_model_package_group(**group)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.type)
def test_made_changed_replaced_and_deleted(stacks: Any, base: dict[str, str], case: Case) -> None:
    stack = f"type-{case.type}"
    thing = {"Type": f"AWS::SageMaker::{case.type}", "Properties": case.properties(base)}

    def deployed(**change: Any) -> str:
        thing["Properties"] = {**copy.deepcopy(thing["Properties"]), **change}
        return str(stacks.deploy(stack, {"Thing": thing}))

    assert deployed() == "CREATE_COMPLETE", stacks.failures(stack)
    first = stacks.physical(stack, "Thing")
    assert stacks.outputs(stack)["ThingRef"] == first
    if case.changed:
        assert deployed(**case.changed) == "UPDATE_COMPLETE", stacks.failures(stack)
        assert stacks.physical(stack, "Thing") == first
    if case.named:
        without = {key: value for key, value in case.other.items() if key != case.named}
        if without:
            before = thing["Properties"]
            assert deployed(**without) == "UPDATE_ROLLBACK_COMPLETE"
            assert "custom-named resource requires replacing" in stacks.reasons(stack, "Thing", "UPDATE_FAILED")[0]
            thing["Properties"] = before
    assert deployed(**case.other) == "UPDATE_COMPLETE", stacks.failures(stack)
    second = stacks.physical(stack, "Thing")
    assert second != first
    before = thing["Properties"]
    renamed = {case.named: f"{before[case.named]}-3"} if case.wrong_replaces else {}
    assert deployed(**case.wrong, **renamed) == "UPDATE_ROLLBACK_COMPLETE"
    assert case.words in stacks.reasons(stack, "Thing", "UPDATE_FAILED")[0]
    assert stacks.physical(stack, "Thing") == second
    thing["Properties"] = before
    stacks.delete(stack)
    assert described(stacks, case, second) is None
    assert described(stacks, case, first) is None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.type)
def test_a_refused_creation_is_rolled_back_with_the_services_reason(
    stacks: Any, base: dict[str, str], case: Case
) -> None:
    stack = f"refused-{case.type}"
    thing = {"Type": f"AWS::SageMaker::{case.type}", "Properties": {**case.properties(base), **case.wrong}}
    assert stacks.deploy(stack, {"Thing": thing}) == "ROLLBACK_COMPLETE"
    assert case.words in stacks.reasons(stack, "Thing", "CREATE_FAILED")[0]
    stacks.delete(stack)


def described(stacks: Any, case: Case, physical_id: str) -> Any:
    """What the service says of it; None when it is not there."""
    client = stacks.client("sagemaker")
    call = client.meta.method_to_api_mapping.items()
    method = next(name for name, action in call if action == f"Describe{case.type}")
    member = "JobDefinitionName" if case.type.endswith("JobDefinition") else f"{case.type}Name"
    name = physical_id if case.type == "ModelPackage" else physical_id.rpartition("/")[2]
    try:
        return getattr(client, method)(**{member: name})
    except client.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] in ("ValidationException", "ResourceNotFound")
        return None
