"""SageMaker resource types: created, changed in place, replaced, rolled back and deleted as CloudFormation does."""

import copy
from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal


def endpoint(base: dict[str, str], mode: str = "one", **config: Any) -> dict[str, Any]:
    return {
        "Model": {
            "Type": "AWS::SageMaker::Model",
            "Properties": {
                "ExecutionRoleArn": base["role"],
                "PrimaryContainer": {
                    "Image": base["image"],
                    "ModelDataUrl": base["model"],
                    "Environment": {"MODE": mode},
                },
            },
        },
        "Config": {
            "Type": "AWS::SageMaker::EndpointConfig",
            "Properties": {
                "ProductionVariants": [
                    {
                        "VariantName": "AllTraffic",
                        "ModelName": {"Fn::GetAtt": ["Model", "ModelName"]},
                        "InitialInstanceCount": "1",
                        "InstanceType": "ml.m5.large",
                        "InitialVariantWeight": "1.0",
                        **config,
                    }
                ]
            },
        },
        "Endpoint": {
            "Type": "AWS::SageMaker::Endpoint",
            "Properties": {"EndpointConfigName": {"Fn::GetAtt": ["Config", "EndpointConfigName"]}},
        },
    }


OUTPUTS = {"Name": {"Value": {"Fn::GetAtt": ["Endpoint", "EndpointName"]}}}


def answers(stacks: Any, name: str) -> str:
    runtime = stacks.client("sagemaker-runtime")
    return str(runtime.invoke_endpoint(EndpointName=name, Body=b"1")["Body"].read().decode())


def test_an_endpoint_is_waited_for_follows_its_config_and_leaves_nothing(stacks: Any, base: dict[str, str]) -> None:
    stack = "serving"
    tags = [{"Key": "team", "Value": "risk"}]
    first = endpoint(base)
    first["Endpoint"]["Properties"]["Tags"] = [{"Key": "own", "Value": "1"}]
    assert stacks.deploy(stack, first, outputs=OUTPUTS, Tags=tags) == "CREATE_COMPLETE", stacks.failures(stack)
    name = stacks.outputs(stack)["Name"]
    arn = stacks.outputs(stack)["EndpointRef"]
    assert arn == stacks.client("sagemaker").describe_endpoint(EndpointName=name)["EndpointArn"]
    assert answers(stacks, name) == "one"
    carried = {tag["Key"]: tag["Value"] for tag in stacks.client("sagemaker").list_tags(ResourceArn=arn)["Tags"]}
    assert carried["team"] == "risk"
    assert carried["own"] == "1"
    assert carried["aws:cloudformation:logical-id"] == "Endpoint"
    assert carried["aws:cloudformation:stack-name"] == stack

    old_model = stacks.physical(stack, "Model")
    old_config = stacks.physical(stack, "Config")
    second = copy.deepcopy(endpoint(base, "two"))
    assert stacks.deploy(stack, second, outputs=OUTPUTS, Tags=tags) == "UPDATE_COMPLETE", stacks.failures(stack)
    assert stacks.outputs(stack)["Name"] == name
    assert stacks.outputs(stack)["EndpointRef"] == arn
    assert answers(stacks, name) == "two"
    assert stacks.physical(stack, "Model") != old_model
    assert stacks.physical(stack, "Config") != old_config
    sagemaker = stacks.client("sagemaker")
    assert [one["ModelArn"] for one in sagemaker.list_models()["Models"]] == [stacks.physical(stack, "Model")]
    carried = {tag["Key"] for tag in sagemaker.list_tags(ResourceArn=arn)["Tags"]}
    assert "own" not in carried
    assert "team" in carried

    stacks.delete(stack)
    assert sagemaker.list_models()["Models"] == []
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    assert sagemaker.list_endpoints()["Endpoints"] == []


def test_a_failing_update_rolls_back_to_what_served_before(stacks: Any, base: dict[str, str]) -> None:
    stack = "rollback"
    assert stacks.deploy(stack, endpoint(base), outputs=OUTPUTS) == "CREATE_COMPLETE", stacks.failures(stack)
    name = stacks.outputs(stack)["Name"]
    before = stacks.physical(stack, "Config")
    status = stacks.deploy(stack, endpoint(base, "exit"), outputs=OUTPUTS)
    assert status == "UPDATE_ROLLBACK_COMPLETE", stacks.failures(stack)
    reason = stacks.reasons(stack, "Endpoint", "UPDATE_FAILED")[0]
    assert "did not stabilize" in reason
    assert answers(stacks, name) == "one"
    assert stacks.physical(stack, "Config") == before
    configs = stacks.client("sagemaker").list_endpoint_configs()["EndpointConfigs"]
    assert [one["EndpointConfigArn"] for one in configs] == [before]
    stacks.delete(stack)


def test_a_failed_creation_removes_the_endpoint_too(stacks: Any, base: dict[str, str]) -> None:
    stack = "failing"
    assert stacks.deploy(stack, endpoint(base, "exit"), outputs=OUTPUTS) == "ROLLBACK_COMPLETE"
    assert "did not stabilize" in stacks.reasons(stack, "Endpoint", "CREATE_FAILED")[0]
    sagemaker = stacks.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_models()["Models"] == []
    stacks.delete(stack)


def test_a_named_resource_cannot_be_replaced(stacks: Any, base: dict[str, str]) -> None:
    stack = "named"
    resources = {key: value for key, value in endpoint(base).items() if key == "Model"}
    resources["Model"]["Properties"]["ModelName"] = "Mixed-Case-Model"
    assert stacks.deploy(stack, resources) == "CREATE_COMPLETE", stacks.failures(stack)
    changed = copy.deepcopy(resources)
    changed["Model"]["Properties"]["EnableNetworkIsolation"] = True
    assert stacks.deploy(stack, changed) == "UPDATE_ROLLBACK_COMPLETE"
    assert "custom-named resource requires replacing" in stacks.reasons(stack, "Model", "UPDATE_FAILED")[0]
    changed["Model"]["Properties"]["ModelName"] = "Other-Model"
    assert stacks.deploy(stack, changed) == "UPDATE_COMPLETE", stacks.failures(stack)
    names = [one["ModelName"] for one in stacks.client("sagemaker").list_models()["Models"]]
    assert names == ["Other-Model"]
    stacks.delete(stack)


def test_an_unknown_property_and_a_wrong_value_are_refused_in_words(stacks: Any, base: dict[str, str]) -> None:
    for stack, change, words in (
        ("typo", {"ProductionVariant": []}, "Encountered unsupported property ProductionVariant"),
        ("value", {"ProductionVariants": []}, "failed to satisfy constraint"),
    ):
        config = {"Type": "AWS::SageMaker::EndpointConfig", "Properties": change}
        if "ProductionVariants" not in change:
            config["Properties"]["ProductionVariants"] = []
        assert stacks.deploy(stack, {"Config": config}) == "ROLLBACK_COMPLETE"
        assert words in stacks.reasons(stack, "Config", "CREATE_FAILED")[0]
        stacks.delete(stack)


def test_a_model_package_group_changes_its_policy_in_place(stacks: Any) -> None:
    stack = "registry"
    group = {
        "Type": "AWS::SageMaker::ModelPackageGroup",
        "Properties": {
            "ModelPackageGroupName": "Prices",
            "ModelPackageGroupPolicy": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "Read",
                        "Effect": "Allow",
                        "Principal": {"AWS": "arn:aws:iam::444455556666:root"},
                        "Action": "sagemaker:DescribeModelPackage",
                        "Resource": "*",
                    }
                ],
            },
        },
    }
    status = {"Status": {"Value": {"Fn::GetAtt": ["Group", "ModelPackageGroupStatus"]}}}
    assert stacks.deploy(stack, {"Group": group}, outputs=status) == "CREATE_COMPLETE", stacks.failures(stack)
    assert stacks.outputs(stack)["Status"] == "Completed"
    sagemaker = stacks.client("sagemaker")
    assert "Read" in sagemaker.get_model_package_group_policy(ModelPackageGroupName="Prices")["ResourcePolicy"]
    without = copy.deepcopy(group)
    del without["Properties"]["ModelPackageGroupPolicy"]
    assert stacks.deploy(stack, {"Group": without}, outputs=status) == "UPDATE_COMPLETE", stacks.failures(stack)
    with pytest.raises(sagemaker.exceptions.ClientError):
        sagemaker.get_model_package_group_policy(ModelPackageGroupName="Prices")
    stacks.delete(stack)
    with pytest.raises(sagemaker.exceptions.ClientError):
        sagemaker.describe_model_package_group(ModelPackageGroupName="Prices")
