import json

import pytest

from rehearsal.sagemaker import ServiceError

EVENT = "SageMaker Model Package State Change"
GROUP = "flights"
DIGEST = "sha256:" + "ab" * 32
METRIC = {"ContentType": "application/json", "S3Uri": "s3://artefacts/statistics.json"}


@pytest.fixture
def registry(kit):
    kit.call("CreateModelPackageGroup", ModelPackageGroupName=GROUP, Tags=[{"Key": "team", "Value": "ops"}])
    return kit


def _container(kit, **more):
    return {"Image": kit.image, "ModelDataUrl": "s3://artefacts/m.tar.gz", **more}


def _register(kit, **more):
    request = {"ModelPackageGroupName": GROUP, "InferenceSpecification": {"Containers": [_container(kit)]}}
    return kit.call("CreateModelPackage", **(request | more))["ModelPackageArn"]


def _described(kit, arn):
    return kit.call("DescribeModelPackage", ModelPackageName=arn)


def _refused(kit, action, **params):
    with pytest.raises(ServiceError) as refusal:
        kit.call(action, **params)
    return refusal.value


def test_every_block_of_a_registration_is_told_again(registry):
    given = {
        "ModelPackageDescription": "delays",
        "ModelPackageRegistrationType": "Logged",
        "AdditionalInferenceSpecifications": [{"Name": "small", "Containers": [_container(registry)]}],
        "DriftCheckBaselines": {"ModelDataQuality": {"Statistics": METRIC, "Constraints": METRIC}},
        "ModelMetrics": {"ModelQuality": {"Statistics": METRIC}, "Bias": {"Report": METRIC}},
        "CustomerMetadataProperties": {"run": "7"},
        "MetadataProperties": {"CommitId": "abc", "GeneratedBy": "slipway"},
        "ModelCard": {"ModelCardContent": json.dumps({"intended_uses": {"risk_rating": "Low"}})},
        "SecurityConfig": {"KmsKeyId": "alias/models"},
        "SourceUri": "https://example.org/repository",
        "SkipModelValidation": "All",
        "ModelLifeCycle": {"Stage": "Development", "StageStatus": "InProgress", "StageDescription": "new"},
        "ModelApprovalStatus": "Rejected",
        "Domain": "MACHINE_LEARNING",
        "Task": "CLASSIFICATION",
        "SamplePayloadUrl": "s3://artefacts/payload.tar.gz",
    }
    described = _described(registry, _register(registry, **given))
    assert {key: described[key] for key in given} == given
    assert described["CreatedBy"]["IamIdentity"]["Arn"] == registry.principal
    assert "LastModifiedTime" not in described


def test_the_service_adds_the_digest_of_an_image_it_knows(registry):
    containers = [_container(registry), {"Image": registry.image.replace("server:1", "unknown:1")}]
    arn = _register(registry, InferenceSpecification={"Containers": containers})
    first, second = _described(registry, arn)["InferenceSpecification"]["Containers"]
    assert first["ImageDigest"] == DIGEST
    assert "ImageDigest" not in second


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"ModelPackageName": "x"}, "exactly one of ModelPackageGroupName and ModelPackageName"),
        ({"InferenceSpecification": {"Containers": [{"Image": "python:3"}]}}, "not the URI of an image in Amazon ECR"),
        ({"CertifyForMarketplace": True}, "does not run certification"),
        (
            {"SourceAlgorithmSpecification": {"SourceAlgorithms": [{"AlgorithmName": "a"}]}},
            "does not run algorithm resources",
        ),
        ({"ModelCard": {"ModelCardContent": "{"}}, "is not JSON"),
        (
            {"ModelCard": {"ModelCardContent": '{"model_overview": {"model_id": "x"}}'}},
            "model_overview: model_id is not a member",
        ),
        ({"ModelLifeCycle": {"Stage": "QA"}}, "Value null at 'modelLifeCycle.stageStatus'"),
        ({"CustomerMetadataProperties": {"k": "v" * 257}}, "length less than or equal to 256"),
        ({"ModelMetrics": {"Bias": {"Report": {"S3Uri": "s3://b/k"}}}}, "contentType"),
    ],
)
def test_registrations_that_are_refused(registry, more, words):
    request = {"ModelPackageGroupName": GROUP, "InferenceSpecification": {"Containers": [_container(registry)]}}
    assert words in _refused(registry, "CreateModelPackage", **(request | more)).message
    # A number that was refused is not used up.
    assert _register(registry).endswith("/1")


def test_wrong_model_data_is_refused(registry):
    for container, words in (
        ({**_container(registry), "ModelDataUrl": "http://example.org/m.tar.gz"}, "failed to satisfy constraint"),
        ({**_container(registry), "ModelDataUrl": "https://example.org/m.tar.gz"}, "not an S3 location"),
        (
            _container(
                registry,
                ModelDataSource={
                    "S3DataSource": {"S3Uri": "s3://a/b", "S3DataType": "S3Object", "CompressionType": "Gzip"}
                },
            ),
            "not both",
        ),
    ):
        specification = {"Containers": [container]}
        refusal = _refused(
            registry, "CreateModelPackage", ModelPackageGroupName=GROUP, InferenceSpecification=specification
        )
        assert words in refusal.message


def test_unversioned_packages_are_told_apart(registry):
    specification = {
        "Containers": [_container(registry)],
        "SupportedTransformInstanceTypes": ["ml.m5.large"],
        "SupportedRealtimeInferenceInstanceTypes": ["ml.m5.large"],
    }
    request = {"ModelPackageName": "Alone", "InferenceSpecification": specification}
    arn = registry.call("CreateModelPackage", Tags=[{"Key": "a", "Value": "b"}], **request)["ModelPackageArn"]
    assert arn.endswith(":model-package/alone")
    assert registry.call("ListTags", ResourceArn=arn) == {"Tags": [{"Key": "a", "Value": "b"}]}
    assert "ModelApprovalStatus" not in _described(registry, "Alone")
    assert _described(registry, "Alone")["ModelPackageName"] == "Alone"
    _register(registry)
    for kind, names in (("Unversioned", 1), ("Versioned", 1), ("Both", 2)):
        assert len(registry.call("ListModelPackages", ModelPackageType=kind)["ModelPackageSummaryList"]) == names
    assert _refused(registry, "CreateModelPackage", **request).code == "ConflictException"
    approve = {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"}
    assert "unversioned" in _refused(registry, "UpdateModelPackage", **approve).message
    del specification["SupportedTransformInstanceTypes"]
    refusal = _refused(registry, "CreateModelPackage", **{**request, "ModelPackageName": "Other"})
    assert refusal.message.startswith("SupportedTransformInstanceTypes is required")
    registry.call("DeleteModelPackage", ModelPackageName="Alone")
    assert "does not exist" in _refused(registry, "DescribeModelPackage", ModelPackageName="Alone").message


def test_each_updatable_member_changes_alone_and_is_named_in_the_event(registry):
    arn = _register(registry)
    updates = {
        "ModelApprovalStatus": ("Rejected", "ModelApprovalStatus"),
        "ApprovalDescription": ("no", "ApprovalDescription"),
        "ModelPackageRegistrationType": ("Logged", "ModelPackageRegistrationType"),
        "SourceUri": ("https://example.org/other", "sourceUri"),
        "ModelLifeCycle": ({"Stage": "QA", "StageStatus": "OnHold"}, "ModelLifeCycle"),
        "ModelCard": ({"ModelCardStatus": "Approved"}, "ModelCard"),
        "CustomerMetadataProperties": ({"k": "v"}, "CustomerMetadataProperties"),
        "InferenceSpecification": (
            {"Containers": [_container(registry, ImageDigest=DIGEST, Environment={"A": "1"})]},
            "InferenceSpecification",
        ),
    }
    for member, (value, field) in updates.items():
        before = _described(registry, arn)
        registry.call("UpdateModelPackage", ModelPackageArn=arn, **{member: value})
        after = _described(registry, arn)
        changed = {key for key in after if after[key] != before.get(key)} - {"LastModifiedTime", "LastModifiedBy"}
        assert (changed, after[member]) == ({member}, value), member
        assert registry.details(EVENT)[-1]["UpdatedModelPackageFields"] == [field]
    assert "to update is given" in _refused(registry, "UpdateModelPackage", ModelPackageArn=arn).message


def test_additional_specifications_are_added_by_unique_names(registry):
    arn = _register(registry)
    one = {"Name": "neo", "Containers": [_container(registry)]}
    registry.call("UpdateModelPackage", ModelPackageArn=arn, AdditionalInferenceSpecificationsToAdd=[one])
    assert _described(registry, arn)["AdditionalInferenceSpecifications"] == [one]
    add = {"ModelPackageArn": arn, "AdditionalInferenceSpecificationsToAdd": [one]}
    assert '"neo" is used more than once' in _refused(registry, "UpdateModelPackage", **add).message
    many = [{**one, "Name": f"n{number}"} for number in range(15)]
    add["AdditionalInferenceSpecificationsToAdd"] = many
    assert "would make 16" in _refused(registry, "UpdateModelPackage", **add).message


def test_a_refused_update_changes_nothing(registry):
    arn = _register(registry)
    before = _described(registry, arn)
    bad = {"Containers": [{"Image": "python:3"}]}
    update = {"ModelApprovalStatus": "Approved", "InferenceSpecification": bad}
    _refused(registry, "UpdateModelPackage", ModelPackageArn=arn, **update)
    assert _described(registry, arn) == before


def test_properties_stay_within_fifty(registry):
    arn = _register(registry, CustomerMetadataProperties={f"k{n}": "v" for n in range(50)})
    more = {"ModelPackageArn": arn, "CustomerMetadataProperties": {"one": "more"}}
    assert "would make 51" in _refused(registry, "UpdateModelPackage", **more).message
    registry.call("UpdateModelPackage", CustomerMetadataPropertiesToRemove=["k0"], **more)
    assert len(_described(registry, arn)["CustomerMetadataProperties"]) == 50


def test_a_card_is_cut_down_when_only_metadata_is_asked_for(registry):
    content = {"intended_uses": {"risk_rating": "High", "purpose_of_model": "secret"}}
    card = {"ModelCardContent": json.dumps(content), "ModelCardStatus": "Draft"}
    arn = _register(registry, ModelCard=card)
    shown = registry.call("DescribeModelPackage", ModelPackageName=arn, IncludedData="MetadataOnly")["ModelCard"]
    assert shown["ModelCardStatus"] == "Draft"
    assert json.loads(shown["ModelCardContent"]) == {"intended_uses": {"risk_rating": "High"}}
    assert _described(registry, arn)["ModelCard"] == card
    registry.call("UpdateModelPackage", ModelPackageArn=arn, ModelCard={"ModelCardStatus": "Approved"})
    assert _described(registry, arn)["ModelCard"] == {**card, "ModelCardStatus": "Approved"}


def test_versions_are_described_in_batches(registry):
    arns = [_register(registry) for _ in range(2)]
    missing = arns[0][:-1] + "9"
    foreign = arns[0].replace("111122223333", "444455556666")
    answer = registry.call("BatchDescribeModelPackage", ModelPackageArnList=[*arns, missing, foreign])
    assert {arn: one["ModelPackageVersion"] for arn, one in answer["ModelPackageSummaries"].items()} == {
        arns[0]: 1,
        arns[1]: 2,
    }
    errors = {arn: one["ErrorCode"] for arn, one in answer["BatchDescribeModelPackageErrorMap"].items()}
    assert errors == {missing: "ValidationException", foreign: "AccessDeniedException"}
    assert set(registry.call("BatchDescribeModelPackage", ModelPackageArnList=arns)) == {"ModelPackageSummaries"}


def test_a_clone_takes_over_what_its_source_has(registry):
    metrics = {"ModelQuality": {"Statistics": METRIC}}
    source = _register(registry, ModelMetrics=metrics)
    clone = registry.call("CreateModelPackage", ModelPackageGroupName=GROUP, SourceUri=source)["ModelPackageArn"]
    described = _described(registry, clone)
    assert described["InferenceSpecification"] == _described(registry, source)["InferenceSpecification"]
    assert described["ModelMetrics"] == metrics
    gone = {"ModelPackageGroupName": GROUP, "SourceUri": source[:-1] + "9"}
    assert "does not exist" in _refused(registry, "CreateModelPackage", **gone).message


def test_a_group_is_one_by_its_arn(registry):
    assert "already exists" in _refused(registry, "CreateModelPackageGroup", ModelPackageGroupName="FLIGHTS").message
    arn = "arn:aws:sagemaker:eu-west-1:111122223333:model-package-group/flights"
    assert registry.call("DescribeModelPackageGroup", ModelPackageGroupName=arn)["ModelPackageGroupName"] == GROUP
    assert registry.call("CreateModelPackage", ModelPackageGroupName=arn)["ModelPackageArn"].endswith("/flights/1")


def test_a_versions_tags_are_shown_and_kept_by_its_group(registry):
    arn = _register(registry)
    assert registry.call("ListTags", ResourceArn=arn) == {"Tags": [{"Key": "team", "Value": "ops"}]}
    add = {"ResourceArn": arn, "Tags": [{"Key": "a", "Value": "b"}]}
    assert "Tag the group" in _refused(registry, "AddTags", **add).message


def test_tags_stay_within_the_services_bounds(registry):
    arn = "arn:aws:sagemaker:eu-west-1:111122223333:model-package-group/flights"
    many = [{"Key": f"k{n}", "Value": "v"} for n in range(50)]
    assert "would make 51" in _refused(registry, "AddTags", ResourceArn=arn, Tags=many).message
    registry.call("AddTags", ResourceArn=arn, Tags=many[1:])
    assert len(registry.call("ListTags", ResourceArn=arn)["Tags"]) == 50
    reserved = [{"Key": "aws:owner", "Value": "me"}]
    assert "reserved" in _refused(registry, "AddTags", ResourceArn=arn, Tags=reserved).message
    twice = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
    assert "Duplicate tag key" in _refused(registry, "AddTags", ResourceArn=arn, Tags=twice).message


@pytest.mark.fault("C08")
def test_c08_a_conflict_leaves_everything_as_it_was(registry):
    arn = _register(registry)
    approve = {"ModelPackageArn": arn, "ModelApprovalStatus": "Approved"}
    registry.sm.fault("C08", action="UpdateModelPackage")
    assert _refused(registry, "UpdateModelPackage", **approve).code == "ConflictException"
    assert _described(registry, arn)["ModelApprovalStatus"] == "PendingManualApproval"
    registry.call("UpdateModelPackage", **approve)
    assert _described(registry, arn)["ModelApprovalStatus"] == "Approved"


@pytest.mark.fault("C08")
def test_c08_an_answer_can_get_lost_and_the_token_finds_it(registry):
    registry.sm.fault("C08", after=True)
    request = {"ModelPackageGroupName": GROUP, "ClientToken": "once"}
    assert _refused(registry, "CreateModelPackage", **request).code == "ConflictException"
    assert registry.call("CreateModelPackage", **request)["ModelPackageArn"].endswith("/1")
    approve = {"ModelPackageArn": registry.call("CreateModelPackage", **request)["ModelPackageArn"]}
    for _ in range(2):
        registry.call("UpdateModelPackage", ModelApprovalStatus="Approved", ClientToken="approve", **approve)
    approvals = [one for one in registry.details(EVENT) if "UpdatedModelPackageFields" in one]
    assert len(approvals) == 1


def test_a_registry_outlives_the_cloud(registry, kit, clock, tmp_path):
    from rehearsal.sagemaker import SageMaker

    arn = _register(registry)
    registry.call("CreateModelPackage", ModelPackageGroupName=GROUP, ClientToken="t")
    registry.call("DeleteModelPackage", ModelPackageName=arn)
    again = SageMaker(registry.host, tmp_path / "again")
    try:
        again.resume(json.loads(json.dumps(registry.sm.snapshot())))
        request = {"ModelPackageGroupName": GROUP}
        told = again.handle("CreateModelPackage", {**request, "ClientToken": "t"}, registry.scope, "p:a")
        new = again.handle("CreateModelPackage", request, registry.scope, "p:a")
        assert (told["ModelPackageArn"][-2:], new["ModelPackageArn"][-2:]) == ("/2", "/3")
    finally:
        again.close()
