import json

import pytest

from rehearsal.sagemaker import SageMaker, ServiceError

EVENT = "SageMaker Model Package State Change"


@pytest.fixture
def registry(kit):
    kit.call("CreateModelPackageGroup", ModelPackageGroupName="g")
    kit.archive("m.tar.gz", "9")
    kit.host.objects["data", "in/a.csv"] = b"1\n"
    return kit


def _request(kit, source="s3://data/in/", **more):
    definition = {
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": source}}},
        "TransformOutput": {"S3OutputPath": "s3://data/out"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
    }
    profile = {"ProfileName": "smoke", "TransformJobDefinition": definition}
    container = {"Image": kit.image, "ModelDataUrl": "s3://artefacts/m.tar.gz"}
    return {
        "ModelPackageGroupName": "g",
        "ModelApprovalStatus": "Approved",
        "InferenceSpecification": {"Containers": [container]},
        "ValidationSpecification": {"ValidationRole": kit.role, "ValidationProfiles": [profile]},
    } | more


def _ended(kit, arn):
    describe = lambda: kit.call("DescribeModelPackage", ModelPackageName=arn)  # noqa: E731
    kit.until(lambda: describe()["ModelPackageStatus"] in ("Completed", "Failed"))
    return describe()


def _validated(kit, **request):
    return _ended(kit, kit.call("CreateModelPackage", **_request(kit, **request))["ModelPackageArn"])


def test_a_package_is_validated_by_a_real_transform_job(registry):
    described = _validated(registry)
    assert described["ModelPackageStatus"] == "Completed"
    statuses = described["ModelPackageStatusDetails"]["ValidationStatuses"]
    assert statuses == [{"Name": "smoke", "Status": "Completed"}]
    assert registry.host.objects["data", "out/a.csv.out"] == b"9"
    seen = [one["ModelPackageStatus"] for one in registry.details(EVENT)]
    assert seen == ["Pending", "InProgress", "Completed"]
    assert registry.call("ListModels") == {"Models": []}


def test_a_package_that_does_not_pass_has_failed_and_makes_no_model(registry):
    described = _validated(registry, source="s3://data/nothing/")
    assert described["ModelPackageStatus"] == "Failed"
    assert described["ModelPackageStatusDetails"]["ValidationStatuses"][0]["FailureReason"]
    model = {"ModelName": "m", "PrimaryContainer": {"ModelPackageName": described["ModelPackageArn"]}}
    with pytest.raises(ServiceError, match="must be Completed"):
        registry.call("CreateModel", ExecutionRoleArn=registry.role, **model)


def test_what_the_service_refuses_fails_the_validation(registry):
    request = _request(registry)
    definition = request["ValidationSpecification"]["ValidationProfiles"][0]["TransformJobDefinition"]
    definition |= {"MaxPayloadInMB": 60, "MaxConcurrentTransforms": 2}
    described = _ended(registry, registry.call("CreateModelPackage", **request)["ModelPackageArn"])
    reason = described["ModelPackageStatusDetails"]["ValidationStatuses"][0]["FailureReason"]
    assert "must not exceed 100 MB" in reason


def test_validation_can_be_skipped(registry):
    arn = registry.call("CreateModelPackage", **_request(registry, SkipModelValidation="All"))["ModelPackageArn"]
    assert registry.call("DescribeModelPackage", ModelPackageName=arn)["ModelPackageStatus"] == "Completed"
    assert registry.call("ListTransformJobs") == {"TransformJobSummaries": []}


def test_a_validation_that_a_restart_met_is_taken_up(registry, tmp_path):
    passed = _validated(registry)["ModelPackageArn"]
    kept = json.loads(json.dumps(registry.sm.snapshot()))
    kept[0]["tables"]["packages"][passed]["ModelPackageStatus"] = "Pending"
    again = SageMaker(registry.host, tmp_path / "again")
    try:
        again.resume(kept)
        describe = {"ModelPackageName": passed}
        status = lambda: again.handle("DescribeModelPackage", describe, registry.scope, "p")["ModelPackageStatus"]  # noqa: E731
        registry.until(lambda: status() == "Completed")
        assert len(again.handle("ListTransformJobs", {}, registry.scope, "p")["TransformJobSummaries"]) == 2
    finally:
        again.close()
