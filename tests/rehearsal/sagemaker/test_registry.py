import json

import pytest

from rehearsal.host import Scope
from rehearsal.sagemaker import ServiceError

EVENT = "SageMaker Model Package State Change"
GROUP = "flights"
ARN = "arn:aws:sagemaker:eu-west-1:111122223333:model-package/flights/"


@pytest.fixture
def registry(kit):
    kit.call("CreateModelPackageGroup", ModelPackageGroupName=GROUP, Tags=[{"Key": "team", "Value": "ops"}])
    return kit


def _register(kit, **more):
    containers = [{"Image": kit.image.partition(":1")[0] + ":1", "ModelDataUrl": kit.archive("m.tar.gz", "9")}]
    request = {"ModelPackageGroupName": GROUP, "InferenceSpecification": {"Containers": containers}}
    return kit.call("CreateModelPackage", **(request | more))["ModelPackageArn"]


def _approve(kit, arn, **more):
    return kit.call("UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Approved", **more)


def test_versions_grow_and_are_never_used_again(registry):
    assert [_register(registry), _register(registry)] == [ARN + "1", ARN + "2"]
    registry.call("DeleteModelPackage", ModelPackageName=ARN + "2")
    assert _register(registry) == ARN + "3"
    with pytest.raises(ServiceError, match="does not exist"):
        registry.call("DescribeModelPackage", ModelPackageName=ARN + "2")


def test_a_new_version_waits_for_approval_and_remembers_who_approved(registry):
    arn = _register(registry)
    described = registry.call("DescribeModelPackage", ModelPackageName=arn)
    assert described["ModelApprovalStatus"] == "PendingManualApproval"
    assert described["ModelPackageStatus"] == "Completed"
    _approve(registry, arn, ApprovalDescription="looks fine")
    described = registry.call("DescribeModelPackage", ModelPackageName=arn)
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ApprovalDescription"] == "looks fine"
    assert described["LastModifiedBy"]["IamIdentity"]["Arn"] == registry.principal


def test_an_approval_event_names_the_fields_that_changed(registry):
    arn = _register(registry)
    _approve(registry, arn, ApprovalDescription="ok")
    created, approved = registry.details(EVENT)
    assert "UpdatedModelPackageFields" not in created
    assert approved["UpdatedModelPackageFields"] == ["ModelApprovalStatus", "ApprovalDescription"]
    assert approved["ModelPackageVersion"] == 1
    assert approved["CreationTime"] == "2026-11-20T14:05:09Z"
    assert approved["ModelPackageStatusDetails"] == {"ValidationStatuses": [], "ImageScanStatuses": []}


@pytest.mark.fault("C04")
def test_a_metadata_edit_sends_an_event_without_the_approval_field(registry):
    arn = _register(registry, CustomerMetadataProperties={"run": "1"})
    _approve(registry, arn)
    registry.call("UpdateModelPackage", ModelPackageArn=arn, CustomerMetadataProperties={"note": "x"})
    registry.call("UpdateModelPackage", ModelPackageArn=arn, CustomerMetadataPropertiesToRemove=["run"])
    stage = {"Stage": "Production", "StageStatus": "Approved"}
    registry.call("UpdateModelPackage", ModelPackageArn=arn, ModelLifeCycle=stage)
    last = registry.details(EVENT)[-3:]
    changed = [["CustomerMetadataProperties"], ["CustomerMetadataProperties"], ["ModelLifeCycle"]]
    assert [one["UpdatedModelPackageFields"] for one in last] == changed
    assert {one["ModelApprovalStatus"] for one in last} == {"Approved"}
    described = registry.call("DescribeModelPackage", ModelPackageName=arn)
    assert (described["CustomerMetadataProperties"], described["ModelLifeCycle"]) == ({"note": "x"}, stage)


def test_the_same_client_token_answers_with_the_same_version(registry):
    first = _register(registry, ClientToken="t")
    assert _register(registry, ClientToken="t") == first
    with pytest.raises(ServiceError) as refusal:
        _register(registry, ClientToken="t", ModelPackageDescription="other")
    assert refusal.value.code == "ConflictException"


def test_a_versions_tags_are_its_groups(registry):
    with pytest.raises(ServiceError, match="tags of its group apply"):
        _register(registry, Tags=[{"Key": "a", "Value": "b"}])


def test_listing_filters_sorts_and_pages(registry):
    arns = [_register(registry) for _ in range(5)]
    for arn in arns[:3]:
        _approve(registry, arn)
    approved = registry.call(
        "ListModelPackages", ModelPackageGroupName=GROUP, ModelApprovalStatus="Approved", SortOrder="Descending"
    )
    assert [one["ModelPackageVersion"] for one in approved["ModelPackageSummaryList"]] == [3, 2, 1]
    assert "InferenceSpecification" not in approved["ModelPackageSummaryList"][0]
    seen, token = [], {}
    while True:
        page = registry.call("ListModelPackages", ModelPackageGroupName=GROUP, MaxResults=2, **token)
        seen += [one["ModelPackageVersion"] for one in page["ModelPackageSummaryList"]]
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert seen == [1, 2, 3, 4, 5]
    assert registry.call("ListModelPackages") == {"ModelPackageSummaryList": []}
    with pytest.raises(ServiceError, match="NextToken"):
        registry.call("ListModelPackages", ModelPackageGroupName=GROUP, NextToken="made up")


def test_a_group_with_versions_cannot_be_deleted(registry):
    arn = _register(registry)
    with pytest.raises(ServiceError, match="it has model packages"):
        registry.call("DeleteModelPackageGroup", ModelPackageGroupName=GROUP)
    registry.call("DeleteModelPackage", ModelPackageName=arn)
    registry.call("DeleteModelPackageGroup", ModelPackageGroupName=GROUP)
    with pytest.raises(ServiceError, match="does not exist"):
        _register(registry)


def _statement(action, resource, principal="444455556666", **more):
    return {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": resource, **more}


def _policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def test_group_policies_are_kept_as_they_were_put(registry):
    policy = _policy(_statement("sagemaker:DescribeModelPackage", ARN + "*"))
    registry.call("PutModelPackageGroupPolicy", ModelPackageGroupName=GROUP, ResourcePolicy=policy)
    assert registry.call("GetModelPackageGroupPolicy", ModelPackageGroupName=GROUP) == {"ResourcePolicy": policy}
    registry.call("DeleteModelPackageGroupPolicy", ModelPackageGroupName=GROUP)
    for action in ("GetModelPackageGroupPolicy", "DeleteModelPackageGroupPolicy"):
        with pytest.raises(ServiceError, match="Cannot find resource policy"):
            registry.call(action, ModelPackageGroupName=GROUP)


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("{", "the policy is not JSON"),
        ("[]", "is not a JSON object"),
        (_policy(), "Statement is empty"),
        (_policy({"Effect": "Allow", "Action": "*", "Resource": "*"}), "statement 1 has no Principal"),
        (_policy({"Effect": "Maybe"}), "Effect must be Allow or Deny"),
        (
            _policy(_statement("*", "*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})),
            "does not run the condition StringEquals on aws:PrincipalOrgID",
        ),
    ],
)
def test_group_policies_that_cannot_be_decided_are_refused(registry, policy, words):
    with pytest.raises(ServiceError, match=words):
        registry.call("PutModelPackageGroupPolicy", ModelPackageGroupName=GROUP, ResourcePolicy=policy)


OTHER = Scope("444455556666", "eu-west-1")
GROUP_ARN = ARN.replace("model-package/", "model-package-group/").rstrip("/")


def _as_other(kit, action, principal="arn:aws:sts::444455556666:assumed-role/deployer/x", **params):
    return kit.sm.handle(action, params, OTHER, principal)


def test_another_account_has_no_way_in_without_a_policy(registry):
    arn = _register(registry)
    for action, params in (
        ("DescribeModelPackage", {"ModelPackageName": arn}),
        ("DescribeModelPackage", {"ModelPackageName": ARN + "99"}),
        ("UpdateModelPackage", {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"}),
        ("ListModelPackages", {"ModelPackageGroupName": GROUP_ARN}),
        ("DescribeModelPackageGroup", {"ModelPackageGroupName": GROUP_ARN}),
        ("CreateModelPackage", {"ModelPackageGroupName": GROUP_ARN}),
    ):
        with pytest.raises(ServiceError) as refusal:
            _as_other(registry, action, **params)
        assert refusal.value.code == "AccessDeniedException", action
        assert "because no resource-based policy allows" in refusal.value.message


def test_another_account_does_what_the_policy_allows_and_no_more(registry):
    arn = _register(registry)
    allowed = ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages", "sagemaker:CreateModel"]
    policy = _policy(
        _statement("sagemaker:DescribeModelPackageGroup", GROUP_ARN, "arn:aws:iam::444455556666:root"),
        _statement(allowed, ARN + "*", "arn:aws:iam::444455556666:role/deployer"),
        _statement("sagemaker:CreateModelPackage", ARN + "*"),
    )
    registry.call("PutModelPackageGroupPolicy", ModelPackageGroupName=GROUP, ResourcePolicy=policy)
    assert _as_other(registry, "DescribeModelPackage", ModelPackageName=arn)["ModelPackageVersion"] == 1
    listed = _as_other(registry, "ListModelPackages", ModelPackageGroupName=GROUP_ARN)
    assert [one["ModelPackageArn"] for one in listed["ModelPackageSummaryList"]] == [arn]
    group = _as_other(registry, "DescribeModelPackageGroup", ModelPackageGroupName=GROUP_ARN)
    assert group["ModelPackageGroupName"] == GROUP
    model = {"ModelName": "m", "PrimaryContainer": {"ModelPackageName": arn}, "ExecutionRoleArn": registry.role}
    with pytest.raises(ServiceError, match="must be Approved"):
        _as_other(registry, "CreateModel", **model)
    _approve(registry, arn)
    assert _as_other(registry, "CreateModel", **model)["ModelArn"].startswith(
        "arn:aws:sagemaker:eu-west-1:444455556666"
    )
    registered = _as_other(registry, "CreateModelPackage", ModelPackageGroupName=GROUP_ARN)
    assert registered == {"ModelPackageArn": ARN + "2"}
    for principal, action, params in (
        ("arn:aws:sts::444455556666:assumed-role/intruder/x", "DescribeModelPackage", {"ModelPackageName": arn}),
        (None, "UpdateModelPackage", {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"}),
    ):
        more = {"principal": principal} if principal else {}
        with pytest.raises(ServiceError, match="not authorized to perform"):
            _as_other(registry, action, **more, **params)


def test_a_deny_in_the_policy_outweighs_an_allow(registry):
    arn = _register(registry)
    deny = {**_statement("sagemaker:Describe*", ARN + "1"), "Effect": "Deny"}
    registry.call(
        "PutModelPackageGroupPolicy",
        ModelPackageGroupName=GROUP,
        ResourcePolicy=_policy(_statement("sagemaker:*", "*"), deny),
    )
    with pytest.raises(ServiceError, match="with an explicit deny in a resource-based policy"):
        _as_other(registry, "DescribeModelPackage", ModelPackageName=arn)


def test_a_conditions_account_must_be_the_callers(registry):
    arn = _register(registry)
    for account, seen in (("444455556666", True), ("999988887777", False)):
        condition = {"StringEquals": {"aws:PrincipalAccount": account}}
        statement = _statement("sagemaker:DescribeModelPackage", "*", "*", Condition=condition)
        registry.call("PutModelPackageGroupPolicy", ModelPackageGroupName=GROUP, ResourcePolicy=_policy(statement))
        if seen:
            assert _as_other(registry, "DescribeModelPackage", ModelPackageName=arn)["ModelPackageArn"] == arn
        else:
            with pytest.raises(ServiceError, match="not authorized"):
                _as_other(registry, "DescribeModelPackage", ModelPackageName=arn)


def test_a_condition_keeps_another_account_from_approving(registry):
    arn = _register(registry)
    pending = {"StringNotEquals": {"sagemaker:ModelApprovalStatus": "Approved"}}
    statement = _statement("sagemaker:UpdateModelPackage", ARN + "*", Condition=pending)
    registry.call("PutModelPackageGroupPolicy", ModelPackageGroupName=GROUP, ResourcePolicy=_policy(statement))
    _as_other(registry, "UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Rejected")
    with pytest.raises(ServiceError, match="not authorized"):
        _as_other(registry, "UpdateModelPackage", ModelPackageArn=arn, ModelApprovalStatus="Approved")


def test_an_arn_of_another_region_names_nothing_here(registry):
    arn = _register(registry)
    elsewhere = Scope("111122223333", "us-east-1")
    with pytest.raises(ServiceError, match="does not exist"):
        registry.sm.handle("DescribeModelPackage", {"ModelPackageName": arn}, elsewhere, registry.principal)


def test_only_an_approved_version_becomes_a_model(registry):
    arn = _register(registry)
    request = {"ModelName": "m", "PrimaryContainer": {"ModelPackageName": arn}, "ExecutionRoleArn": registry.role}
    with pytest.raises(ServiceError, match="must be Approved"):
        registry.call("CreateModel", **request)
    _approve(registry, arn)
    registry.call("CreateModel", **request)
    variant = {"VariantName": "main", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    registry.call("CreateEndpointConfig", EndpointConfigName="m", ProductionVariants=[variant])
    registry.call("CreateEndpoint", EndpointName="e", EndpointConfigName="m")
    registry.settled()
    assert registry.invoke()[2] == b"9"


def _approvals(kit):
    changed = [one for one in kit.details(EVENT) if "UpdatedModelPackageFields" in one]
    return [one["ModelPackageVersion"] for one in changed]


@pytest.mark.fault("C01")
def test_c01_an_approval_can_arrive_more_than_once(registry):
    registry.sm.fault("C01", copies=3)
    for _ in range(2):
        _approve(registry, _register(registry))
    assert _approvals(registry) == [1, 1, 1, 2]


@pytest.mark.fault("C02")
def test_c02_an_approval_can_get_lost(registry):
    registry.sm.fault("C02")
    for _ in range(2):
        _approve(registry, _register(registry))
    assert _approvals(registry) == [2]


@pytest.mark.fault("C03")
def test_c03_approvals_can_arrive_in_reverse(registry):
    registry.sm.fault("C03")
    arns = [_register(registry), _register(registry)]
    for arn in arns:
        _approve(registry, arn)
    assert _approvals(registry) == [2, 1]


def test_c03_gives_a_held_event_back_when_cleared(registry):
    registry.sm.fault("C03")
    _approve(registry, _register(registry))
    assert _approvals(registry) == []
    registry.sm.clear_faults()
    assert _approvals(registry) == [1]
