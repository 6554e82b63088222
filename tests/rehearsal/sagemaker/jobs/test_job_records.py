import pytest

from rehearsal.sagemaker import ServiceError

ROLE = "arn:aws:iam::111122223333:role/slipway-job"
SOURCE = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/in"}}
REQUESTS = {
    "CompilationJob": {
        "CompilationJobName": "j", "RoleArn": ROLE, "StoppingCondition": {"MaxRuntimeInSeconds": 60},
        "InputConfig": {"S3Uri": "s3://artefacts/model.tar.gz", "DataInputConfig": "{}", "Framework": "XGBOOST"},
        "OutputConfig": {"S3OutputLocation": "s3://artefacts/out", "TargetDevice": "ml_c5"},
    },
    "InferenceRecommendationsJob": {
        "JobName": "j", "JobType": "Default", "RoleArn": ROLE, "InputConfig": {"ModelName": "m"},
    },
    "AutoMLJob": {
        "AutoMLJobName": "j", "RoleArn": ROLE, "OutputDataConfig": {"S3OutputPath": "s3://artefacts/out"},
        "InputDataConfig": [{"DataSource": SOURCE, "TargetAttributeName": "y"}],
    },
    "AutoMLJobV2": {
        "AutoMLJobName": "j", "RoleArn": ROLE, "OutputDataConfig": {"S3OutputPath": "s3://artefacts/out"},
        "AutoMLJobInputDataConfig": [{"DataSource": SOURCE}],
        "AutoMLProblemTypeConfig": {"TabularJobConfig": {"TargetAttributeName": "y"}},
    },
}  # fmt: skip


@pytest.mark.parametrize("kind", REQUESTS)
def test_a_job_of_a_service_that_is_not_here_fails_and_says_so(kit, kind):
    request = REQUESTS[kind]
    name = {key: value for key, value in request.items() if key.endswith("JobName") or key == "JobName"}
    kit.call(f"Create{kind}", **request)
    job = kit.call(f"Describe{kind}", **name)
    assert "failed" in (job.get(f"{kind.removesuffix('V2')}Status") or job["Status"]).lower()
    assert job["FailureReason"].startswith("ClientError: The embedded cloud does not ")
    with pytest.raises(ServiceError, match="must be unique"):
        kit.call(f"Create{kind}", **request)
    if kind != "AutoMLJobV2":
        (rows,) = (value for key, value in kit.call(f"List{kind}s").items() if key != "NextToken")
        assert len(rows) == 1
        with pytest.raises(ServiceError, match="in status"):
            kit.call(f"Stop{kind}", **name)
    with pytest.raises(ServiceError) as missing:
        kit.call(f"Describe{kind}", **dict.fromkeys(name, "none"))
    assert missing.value.code == "ResourceNotFound"


def test_an_automl_job_is_described_by_the_second_version_too(kit):
    kit.call("CreateAutoMLJob", **REQUESTS["AutoMLJob"])
    assert kit.call("DescribeAutoMLJobV2", AutoMLJobName="j")["AutoMLJobInputDataConfig"] == [{"DataSource": SOURCE}]


def test_the_first_version_does_not_describe_jobs_of_the_second(kit):
    kit.call("CreateAutoMLJobV2", **REQUESTS["AutoMLJobV2"])
    with pytest.raises(ServiceError, match="Use DescribeAutoMLJobV2"):
        kit.call("DescribeAutoMLJob", AutoMLJobName="j")


def test_a_compilation_job_can_be_deleted(kit):
    kit.call("CreateCompilationJob", **REQUESTS["CompilationJob"])
    kit.call("DeleteCompilationJob", CompilationJobName="j")
    assert kit.call("ListCompilationJobs")["CompilationJobSummaries"] == []
