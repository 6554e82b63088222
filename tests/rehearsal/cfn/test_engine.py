"""What templates can say and what the API answers, as far as our types and this project rely on it."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal

PARAMETER = {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": "one"}}
GROUP = {"Type": "AWS::SageMaker::ModelPackageGroup", "Properties": {"ModelPackageGroupName": "engine"}}


def test_conditions_mappings_and_parameters_choose_what_is_made(stacks: Any) -> None:
    template = {
        "Parameters": {"Stage": {"Type": "String", "AllowedValues": ["dev", "prod"], "Default": "dev"}},
        "Mappings": {"Size": {"dev": {"value": "small"}, "prod": {"value": "large"}}},
        "Conditions": {"Prod": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]}},
    }
    value = {"Fn::FindInMap": ["Size", {"Ref": "Stage"}, "value"]}
    resources = {
        "Always": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}},
        "Only": {**PARAMETER, "Condition": "Prod"},
    }
    outputs = {"OnlyRef": {"Condition": "Prod", "Value": {"Ref": "Only"}}}
    assert stacks.deploy("choice", resources, template=template, outputs=outputs) == "CREATE_COMPLETE"
    ssm = stacks.client("ssm")
    assert ssm.get_parameter(Name=stacks.physical("choice", "Always"))["Parameter"]["Value"] == "small"
    assert "OnlyRef" not in stacks.outputs("choice")
    given = [{"ParameterKey": "Stage", "ParameterValue": "prod"}]
    done = stacks.deploy("choice", resources, template=template, outputs=outputs, Parameters=given)
    assert done == "UPDATE_COMPLETE", stacks.failures("choice")
    assert ssm.get_parameter(Name=stacks.physical("choice", "Always"))["Parameter"]["Value"] == "large"
    assert stacks.physical("choice", "Only")
    stacks.delete("choice")


def test_an_export_in_use_cannot_go(stacks: Any) -> None:
    out = {"Out": {"Value": {"Ref": "P"}, "Export": {"Name": "engine-export"}}}
    assert stacks.deploy("exporting", {"P": PARAMETER}, outputs=out) == "CREATE_COMPLETE"
    value = {"Fn::ImportValue": "engine-export"}
    importing = {"Q": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}}
    assert stacks.deploy("importing", importing) == "CREATE_COMPLETE", stacks.failures("importing")
    cfn = stacks.client("cloudformation")
    with pytest.raises(cfn.exceptions.ClientError, match="engine-export"):
        cfn.delete_stack(StackName="exporting")
    stacks.delete("importing")
    stacks.delete("exporting")


def test_another_regions_output_can_be_read(stacks: Any, stacks_in: Callable[[str, str], Any]) -> None:
    there = stacks_in(stacks.account, "eu-central-1")
    assert there.deploy("far", {"P": PARAMETER}, outputs={"Name": {"Value": {"Ref": "P"}}}) == "CREATE_COMPLETE"
    value = {"Fn::GetStackOutput": {"StackName": "far", "Region": "eu-central-1", "OutputName": "Name"}}
    near = {"Q": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": value}}}
    assert stacks.deploy("near", near) == "CREATE_COMPLETE", stacks.failures("near")
    found = stacks.client("ssm").get_parameter(Name=stacks.physical("near", "Q"))["Parameter"]["Value"]
    assert found == there.physical("far", "P")
    stacks.delete("near")
    there.delete("far")


def test_a_nested_stack_passes_values_both_ways_and_fails_as_one(stacks: Any, base: dict[str, str]) -> None:
    s3 = stacks.client("s3")

    def upload(key: str, resources: dict[str, Any]) -> dict[str, str]:
        inner = {
            "Parameters": {"Given": {"Type": "String"}},
            "Resources": resources,
            "Outputs": {"Made": {"Value": {"Ref": "P"}}},
        }
        s3.put_object(Bucket=base["bucket"], Key=key, Body=json.dumps(inner).encode())
        return {"TemplateURL": f"https://{base['bucket']}.s3.{stacks.region}.amazonaws.com/{key}"}

    good = {"P": {"Type": "AWS::SSM::Parameter", "Properties": {"Type": "String", "Value": {"Ref": "Given"}}}}
    nested = {"Type": "AWS::CloudFormation::Stack", "Properties": {**upload("in.json", good)}}
    nested["Properties"]["Parameters"] = {"Given": "from outside"}  # type: ignore[index]
    made = {"Made": {"Value": {"Fn::GetAtt": ["N", "Outputs.Made"]}}}
    assert stacks.deploy("outer", {"N": nested}, outputs=made) == "CREATE_COMPLETE", stacks.failures("outer")
    name = stacks.outputs("outer")["Made"]
    assert stacks.client("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "from outside"
    bad = {**good, "G": {"Type": "AWS::SageMaker::ModelPackageGroup", "Properties": {"ModelPackageGroupName": "a b"}}}
    broken = {"Type": "AWS::CloudFormation::Stack", "Properties": {**nested["Properties"], **upload("bad.json", bad)}}
    assert stacks.deploy("outer", {"N": broken}, outputs=made) == "UPDATE_ROLLBACK_COMPLETE"
    assert stacks.client("ssm").get_parameter(Name=name)["Parameter"]["Value"] == "from outside"
    stacks.delete("outer")


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ({"Resources": {"A": {"Type": "AWS::SageMaker::Nothing"}}}, r"Unrecognized resource types: \[AWS::SageMaker"),
        ({"Transform": "MyMacro", "Resources": {"P": PARAMETER}}, "MyMacro"),
        ({"Resources": {"P": {**PARAMETER, "DependsOn": "Q"}}}, "Unresolved resource dependencies"),
        ({"Resources": {"P": PARAMETER}, "Outputs": {"O": {"Value": {"Ref": "Q"}}}}, "Q"),
        ({"Resources": {}}, "At least one Resources member"),
        ({"Resources": {"P": {"Fn::Transform": {"Name": "AWS::Include"}, **PARAMETER}}}, "runs no macros"),
    ],
)
def test_a_wrong_template_makes_no_stack(stacks: Any, template: dict[str, Any], words: str) -> None:
    cfn = stacks.client("cloudformation")
    with pytest.raises(cfn.exceptions.ClientError, match=words):
        cfn.create_stack(StackName="wrong", TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_AUTO_EXPAND"])
    assert "wrong" not in {stack["StackName"] for stack in cfn.describe_stacks()["Stacks"]}


def test_importing_a_type_of_ours_is_refused(stacks: Any) -> None:
    stacks.client("sagemaker").create_model_package_group(ModelPackageGroupName="engine")
    group = {**GROUP, "DeletionPolicy": "Retain"}
    cfn = stacks.client("cloudformation")
    identity = {"ModelPackageGroupArn": "arn"}
    resource = {"ResourceType": GROUP["Type"], "LogicalResourceId": "G", "ResourceIdentifier": identity}
    cfn.create_change_set(
        StackName="adopting",
        ChangeSetName="c",
        ChangeSetType="IMPORT",
        TemplateBody=json.dumps({"Resources": {"G": group}}),
        ResourcesToImport=[resource],
    )
    found = cfn.describe_change_set(StackName="adopting", ChangeSetName="c")
    assert found["ExecutionStatus"] == "UNAVAILABLE"
    assert "not supported" in found["StatusReason"]
    with pytest.raises(cfn.exceptions.ClientError, match="InvalidChangeSetStatus"):
        cfn.execute_change_set(StackName="adopting", ChangeSetName="c")
    cfn.delete_stack(StackName="adopting")
    stacks.client("sagemaker").delete_model_package_group(ModelPackageGroupName="engine")


def test_a_change_set_tells_what_would_change_and_can_be_carried_out(stacks: Any) -> None:
    assert stacks.deploy("changing", {"P": PARAMETER, "G": GROUP}) == "CREATE_COMPLETE"
    cfn = stacks.client("cloudformation")
    other = {"P": {**PARAMETER, "Properties": {"Type": "String", "Value": "two"}}}
    cfn.create_change_set(StackName="changing", ChangeSetName="c", TemplateBody=json.dumps({"Resources": other}))
    deadline = time.monotonic() + 10
    while (found := cfn.describe_change_set(StackName="changing", ChangeSetName="c"))["Status"] != "CREATE_COMPLETE":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    changes = {one["ResourceChange"]["LogicalResourceId"]: one["ResourceChange"]["Action"] for one in found["Changes"]}
    assert changes == {"P": "Modify", "G": "Remove"}
    cfn.execute_change_set(StackName="changing", ChangeSetName="c")
    assert stacks.settled("changing") == "UPDATE_COMPLETE"
    sagemaker = stacks.client("sagemaker")
    with pytest.raises(sagemaker.exceptions.ClientError, match=r"does not exist|Could not find"):
        sagemaker.describe_model_package_group(ModelPackageGroupName="engine")
    stacks.delete("changing")


def test_drift_is_detected_where_the_emulator_can_and_not_claimed_elsewhere(stacks: Any) -> None:
    assert stacks.deploy("drifting", {"P": PARAMETER, "G": GROUP}) == "CREATE_COMPLETE"
    cfn = stacks.client("cloudformation")
    identity = cfn.detect_stack_drift(StackName="drifting")["StackDriftDetectionId"]
    deadline = time.monotonic() + 10
    while True:
        found = cfn.describe_stack_drift_detection_status(StackDriftDetectionId=identity)
        if found["DetectionStatus"] != "DETECTION_IN_PROGRESS":
            break
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert found["DetectionStatus"] == "DETECTION_COMPLETE"
    drifts = cfn.describe_stack_resource_drifts(StackName="drifting")["StackResourceDrifts"]
    ours = [one for one in drifts if one["LogicalResourceId"] == "G"]
    assert all(one["StackResourceDriftStatus"] in ("NOT_CHECKED", "IN_SYNC") for one in ours)
    stacks.delete("drifting")


def test_other_services_types_are_made_changed_and_removed(stacks: Any) -> None:
    bus = {"Type": "AWS::Events::EventBus", "Properties": {"Name": "engine"}}
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::444455556666:root"},
        "Action": "events:PutEvents",
        "Resource": {"Fn::GetAtt": ["Bus", "Arn"]},
    }
    budget = {"BudgetType": "COST", "TimeUnit": "MONTHLY", "BudgetLimit": {"Amount": "10", "Unit": "USD"}}

    def resources(limit: str, days: int) -> dict[str, Any]:
        return {
            "Bus": bus,
            "Archive": {
                "Type": "AWS::Events::Archive",
                "Properties": {"SourceArn": {"Fn::GetAtt": ["Bus", "Arn"]}, "RetentionDays": days},
            },
            "Policy": {
                "Type": "AWS::Events::EventBusPolicy",
                "Properties": {"EventBusName": {"Ref": "Bus"}, "StatementId": "other", "Statement": statement},
            },
            "Budget": {
                "Type": "AWS::Budgets::Budget",
                "Properties": {"Budget": {**budget, "BudgetLimit": {"Amount": limit, "Unit": "USD"}}},
            },
            "Group": {"Type": "AWS::IAM::Group"},
            "User": {"Type": "AWS::IAM::User"},
            "Key": {"Type": "AWS::IAM::AccessKey", "Properties": {"UserName": {"Ref": "User"}}},
            "Activity": {"Type": "AWS::StepFunctions::Activity", "Properties": {"Name": "engine"}},
            "Address": {"Type": "AWS::EC2::EIP", "Properties": {"Domain": "vpc"}},
        }

    secret = {"Secret": {"Value": {"Fn::GetAtt": ["Key", "SecretAccessKey"]}}}
    assert stacks.deploy("others", resources("10", 3), outputs=secret) == "CREATE_COMPLETE", stacks.failures("others")
    found = stacks.outputs("others")
    assert len(found["Secret"]) >= 40
    archive, events = found["ArchiveRef"], stacks.client("events")
    assert events.describe_archive(ArchiveName=archive)["RetentionDays"] == 3
    assert "444455556666" in events.describe_event_bus(Name="engine")["Policy"]
    assert stacks.deploy("others", resources("20", 5), outputs=secret) == "UPDATE_COMPLETE", stacks.failures("others")
    assert stacks.outputs("others") == found
    assert events.describe_archive(ArchiveName=archive)["RetentionDays"] == 5
    budgets = stacks.client("budgets").describe_budgets(AccountId=stacks.account)["Budgets"]
    assert [one["BudgetLimit"]["Amount"] for one in budgets] == ["20"]
    stacks.delete("others")
    assert stacks.client("budgets").describe_budgets(AccountId=stacks.account).get("Budgets", []) == []
    assert events.list_archives()["Archives"] == []
    assert stacks.client("ec2").describe_addresses()["Addresses"] == []
