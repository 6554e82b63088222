"""Types of other services: versions and aliases of state machines, identity providers, gateways."""

import json
from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal


def machine(stacks: Any, result: str, versions: tuple[str, ...], routed: str) -> dict[str, Any]:
    definition = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "Result": result, "End": True}}}
    trust = {"Effect": "Allow", "Principal": {"Service": "states.amazonaws.com"}, "Action": "sts:AssumeRole"}
    return {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}},
        },
        "Machine": {
            "Type": "AWS::StepFunctions::StateMachine",
            "Properties": {
                "StateMachineName": "versioned",
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "DefinitionString": json.dumps(definition),
            },
        },
        **{
            name: {
                "Type": "AWS::StepFunctions::StateMachineVersion",
                "Properties": {"StateMachineArn": {"Ref": "Machine"}, "Description": name},
                "DeletionPolicy": "Delete",
            }
            for name in versions
        },
        "Live": {
            "Type": "AWS::StepFunctions::StateMachineAlias",
            "Properties": {
                "Name": "live",
                "RoutingConfiguration": [{"StateMachineVersionArn": {"Ref": routed}, "Weight": 100}],
            },
        },
    }


def output(stacks: Any, alias: str) -> Any:
    sfn = stacks.client("stepfunctions")
    arn = sfn.start_execution(stateMachineArn=alias)["executionArn"]
    while (found := sfn.describe_execution(executionArn=arn))["status"] == "RUNNING":
        pass
    return json.loads(found["output"])


def test_an_alias_goes_to_another_version_in_place(stacks: Any) -> None:
    stack, sfn = "versions", stacks.client("stepfunctions")
    assert stacks.deploy(stack, machine(stacks, "one", ("First",), "First")) == "CREATE_COMPLETE", stacks.failures(
        stack
    )
    found = stacks.outputs(stack)
    assert found["FirstRef"].endswith(":versioned:1")
    assert found["LiveRef"].endswith(":versioned:live")
    assert output(stacks, found["LiveRef"]) == "one"
    second = machine(stacks, "two", ("First", "Second"), "Second")
    second["Second"]["DependsOn"] = "Machine"
    assert stacks.deploy(stack, second) == "UPDATE_COMPLETE", stacks.failures(stack)
    after = stacks.outputs(stack)
    assert after["LiveRef"] == found["LiveRef"]
    assert after["FirstRef"] == found["FirstRef"]
    assert after["SecondRef"].endswith(":versioned:2")
    assert output(stacks, after["LiveRef"]) == "two"
    # A version that an alias routes to is not deleted under it: what fails goes back to what was.
    broken = machine(stacks, "two", ("First", "Second"), "Second")
    broken["Live"]["Properties"]["RoutingConfiguration"][0]["Weight"] = 50
    assert stacks.deploy(stack, broken) == "UPDATE_ROLLBACK_COMPLETE"
    assert "100" in stacks.reasons(stack, "Live", "UPDATE_FAILED")[0]
    assert output(stacks, after["LiveRef"]) == "two"
    stacks.delete(stack)
    assert sfn.list_state_machines()["stateMachines"] == []


def test_an_alias_of_no_version_is_rolled_back(stacks: Any) -> None:
    resources = machine(stacks, "one", ("First",), "First")
    nowhere = f"arn:aws:states:{stacks.region}:{stacks.account}:stateMachine:versioned:9"
    resources["Live"]["Properties"]["RoutingConfiguration"][0]["StateMachineVersionArn"] = nowhere
    resources["Live"]["DependsOn"] = "First"
    assert stacks.deploy("no-version", resources) == "ROLLBACK_COMPLETE"
    assert "versioned:9" in stacks.reasons("no-version", "Live", "CREATE_FAILED")[0]
    stacks.delete("no-version")


def provider(url: str, *clients: str) -> dict[str, Any]:
    properties = {
        "Url": url,
        "ClientIdList": list(clients),
        "ThumbprintList": ["6938fd4d98bab03faadb97b34396831e3780aea1"],
    }
    return {"Provider": {"Type": "AWS::IAM::OIDCProvider", "Properties": properties}}


def test_an_identity_provider_is_made_replaced_and_refused(stacks: Any) -> None:
    stack, iam = "identity", stacks.client("iam")
    first = provider("https://token.actions.githubusercontent.com", "sts.amazonaws.com")
    assert stacks.deploy(stack, first) == "CREATE_COMPLETE", stacks.failures(stack)
    arn = stacks.outputs(stack)["ProviderRef"]
    assert arn == f"arn:aws:iam::{stacks.account}:oidc-provider/token.actions.githubusercontent.com"
    described = iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
    assert described["ClientIDList"] == ["sts.amazonaws.com"]
    assert stacks.deploy("identity-2", first) == "ROLLBACK_COMPLETE"
    assert "already exists" in stacks.reasons("identity-2", "Provider", "CREATE_FAILED")[0]
    stacks.delete("identity-2")
    assert iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn), "that of the first stack is left alone"
    second = provider("https://gitlab.com", "sts.amazonaws.com")
    assert stacks.deploy(stack, second) == "UPDATE_COMPLETE", stacks.failures(stack)
    arns = [one["Arn"] for one in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
    assert arns == [f"arn:aws:iam::{stacks.account}:oidc-provider/gitlab.com"]
    stacks.delete(stack)
    assert iam.list_open_id_connect_providers()["OpenIDConnectProviderList"] == []


def network(subnet: str, **more: Any) -> dict[str, Any]:
    return {
        "Vpc": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
        **{
            name: {
                "Type": "AWS::EC2::Subnet",
                "Properties": {"VpcId": {"Ref": "Vpc"}, "CidrBlock": f"10.0.{number}.0/24"},
            }
            for number, name in enumerate(("One", "Two"))
        },
        "Address": {"Type": "AWS::EC2::EIP", "Properties": {"Domain": "vpc"}},
        "Gateway": {
            "Type": "AWS::EC2::NatGateway",
            "Properties": {
                "SubnetId": {"Ref": subnet},
                "AllocationId": {"Fn::GetAtt": ["Address", "AllocationId"]},
                **more,
            },
        },
        "Table": {"Type": "AWS::EC2::RouteTable", "Properties": {"VpcId": {"Ref": "Vpc"}}},
        "Route": {
            "Type": "AWS::EC2::Route",
            "Properties": {
                "RouteTableId": {"Ref": "Table"},
                "DestinationCidrBlock": "0.0.0.0/0",
                "NatGatewayId": {"Ref": "Gateway"},
            },
        },
    }


def test_a_gateway_in_another_subnet_is_another_gateway(stacks: Any) -> None:
    stack, ec2 = "network", stacks.client("ec2")

    def standing() -> list[tuple[str, str]]:
        found = ec2.describe_nat_gateways()["NatGateways"]
        return [(one["NatGatewayId"], one["SubnetId"]) for one in found if one["State"] == "available"]

    assert stacks.deploy(stack, network("One")) == "CREATE_COMPLETE", stacks.failures(stack)
    first = stacks.outputs(stack)
    assert standing() == [(first["GatewayRef"], first["OneRef"])]
    assert stacks.deploy(stack, network("Two")) == "UPDATE_COMPLETE", stacks.failures(stack)
    second = stacks.outputs(stack)
    assert second["GatewayRef"] != first["GatewayRef"]
    assert standing() == [(second["GatewayRef"], second["TwoRef"])]
    assert stacks.deploy(stack, network("Two", MaxDrainDurationSeconds=60)) == "UPDATE_ROLLBACK_COMPLETE"
    assert "unsupported property MaxDrainDurationSeconds" in stacks.reasons(stack, "Gateway", "UPDATE_FAILED")[0]
    stacks.delete(stack)
    assert standing() == []
    broken = network("One", SubnetId="subnet-00000000")
    assert stacks.deploy("no-network", broken) == "ROLLBACK_COMPLETE"
    assert "subnet-00000000" in stacks.reasons("no-network", "Gateway", "CREATE_FAILED")[0]
    stacks.delete("no-network")
