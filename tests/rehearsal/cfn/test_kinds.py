"""The table of resource types against the registry schemas that cfn-lint carries."""

import pytest
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from rehearsal.cfn.calls import members
from rehearsal.cfn.kinds import Kind
from rehearsal.cfn.types import KINDS

# The API has no way to change these, whatever the schema says.
STRICTER = {"AWS::SageMaker::InferenceComponent", "AWS::IAM::Group", "AWS::IAM::OIDCProvider"}


def schema(kind: Kind) -> dict[str, object]:
    found: dict[str, object] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", kind.type).schema
    return found


def listed(kind: Kind, key: str) -> set[str]:
    given = schema(kind).get(key, [])
    assert isinstance(given, list)
    return {str(path).removeprefix("/properties/") for path in given}


SAGEMAKER = [kind for kind in KINDS if kind.service == "sagemaker"]


@pytest.mark.parametrize("kind", SAGEMAKER, ids=lambda kind: kind.type)
def test_create_only_properties_are_those_of_the_schema(kind: Kind) -> None:
    if kind.type not in STRICTER:
        assert set(kind.create_only) == listed(kind, "createOnlyProperties")


@pytest.mark.parametrize("kind", SAGEMAKER, ids=lambda kind: kind.type)
def test_ref_is_the_primary_identifier(kind: Kind) -> None:
    identifier = listed(kind, "primaryIdentifier")
    assert identifier == {kind.ref or kind.name}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
def test_attributes_are_those_that_can_be_read(kind: Kind) -> None:
    names = {attribute.partition("=")[0].partition("/")[0] for attribute in kind.attributes}
    readable = {path.partition("/")[0] for path in listed(kind, "readOnlyProperties")}
    known = schema(kind)["properties"]
    assert isinstance(known, dict)
    assert names <= readable | {"Arn"} | set(known)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.type)
def test_every_property_of_the_schema_is_a_parameter_or_named_as_the_resources_own(kind: Kind) -> None:
    known = members(kind.service, kind.create) | (members(kind.service, kind.update) if kind.update else set())
    known |= {"Tags", *kind.own}
    properties = schema(kind)["properties"]
    assert isinstance(properties, dict)
    settable = set(properties) - listed(kind, "readOnlyProperties")
    unknown = settable - known - UNSUPPORTED.get(kind.type, set())
    assert unknown == set()


# Settable by the schema, but nothing that the API would take: refused as unsupported.
UNSUPPORTED: dict[str, set[str]] = {
    "AWS::EC2::NatGateway": {"MaxDrainDurationSeconds"},
    "AWS::IAM::Group": {"ManagedPolicyArns", "Policies"},
    "AWS::SageMaker::InferenceComponent": {"EndpointArn"},
    "AWS::SageMaker::ModelCard": {"CreatedBy", "LastModifiedBy"},
    "AWS::SageMaker::ModelPackage": {"ModelPackageStatusDetails", "ModelPackageVersion"},
    "AWS::SageMaker::MonitoringSchedule": {"FailureReason", "LastMonitoringExecutionSummary"},
}
