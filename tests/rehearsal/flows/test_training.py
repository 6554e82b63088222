"""Training on the deployed app: from data to a version that waits for approval, and what keeps a bad one out."""

from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal


def versions(app: Any) -> list[str]:
    found = app.client("sagemaker").list_model_packages(ModelPackageGroupName="flight-delays")[
        "ModelPackageSummaryList"
    ]
    return [p["ModelPackageArn"] for p in found]


def jobs(app: Any) -> int:
    sagemaker = app.client("sagemaker")
    return len(sagemaker.list_processing_jobs()["ProcessingJobSummaries"]) + len(
        sagemaker.list_training_jobs()["TrainingJobSummaries"]
    )


def test_registers_a_version_by_digest_with_its_evidence(app: Any) -> None:
    first = app.client("sagemaker").list_model_packages(ModelPackageGroupName="flight-delays", SortOrder="Ascending")
    arn = first["ModelPackageSummaryList"][0]["ModelPackageArn"]
    package = app.client("sagemaker").describe_model_package(ModelPackageName=arn)
    (container,) = package["InferenceSpecification"]["Containers"]
    assert "@sha256:" in container["Image"]
    assert package["ModelPackageVersion"] == 1
    metadata = package["CustomerMetadataProperties"]
    assert len(metadata["artefact_sha256"]) == 64
    assert package["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"].startswith("s3://")
    assert package["DriftCheckBaselines"]["ModelDataQuality"]["Statistics"]["S3Uri"].startswith("s3://")


@pytest.mark.fault("B12")
@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("empty", ""),
        ("header only", "arr_late,dep_delay\n"),
        ("not the declared columns", "a,b\n" + "1,2\n" * 2000),
    ],
)
def test_refuses_bad_data_before_compute_is_bought(app: Any, what: str, text: str) -> None:
    app.clear_data()
    app.client("s3").put_object(
        Bucket=app.outputs["DataBucket"], Key="flight-delays/monthly/month=2013-01/part-0.csv", Body=text.encode()
    )
    before = jobs(app), versions(app)
    ended = app.run("TrainMachine", {"trigger": "manual", "reason": what})
    assert ended.status == "FAILED"
    assert (jobs(app), versions(app)) == before
    assert [n["outcome"] for n in app.told("training")] == ["failed"]


@pytest.mark.fault("B12")
def test_refuses_a_truncated_file(app: Any) -> None:
    s3 = app.client("s3")
    key = "flight-delays/monthly/month=2013-01/part-0.csv"
    body = s3.get_object(Bucket=app.outputs["DataBucket"], Key=key)["Body"].read()
    s3.put_object(Bucket=app.outputs["DataBucket"], Key=key, Body=body[: len(body) - 20])
    before = jobs(app)
    ended = app.run("TrainMachine", {"trigger": "manual", "reason": "truncated"})
    assert ended.status == "FAILED"
    assert jobs(app) == before


@pytest.mark.fault("B09")
@pytest.mark.parametrize("how", ["missing", "empty", "not_a_tar"])
def test_a_completed_job_without_an_artefact_registers_nothing(app: Any, how: str) -> None:
    before = versions(app)
    app.cloud.fault("B09", artefact=how)
    ended = app.run("TrainMachine", {"trigger": "manual", "reason": "B09"})
    assert ended.status == "FAILED"
    assert versions(app) == before
    assert [n["outcome"] for n in app.told("training")] == ["failed"]


def test_a_worse_challenger_is_refused_with_the_reason(app: Any) -> None:
    """One round of one split cannot beat the champion; a refusal is an answer, not an error."""
    before = versions(app)
    ended = app.run(
        "TrainMachine",
        {
            "trigger": "manual",
            "reason": "worse",
            "hyperparameters": {"num_round": "1", "max_depth": "1", "eta": "0.01"},
        },
    )
    assert ended.status == "SUCCEEDED", ended.cause
    assert ended.output["outcome"] == "refused"
    assert versions(app) == before
    assert [n["outcome"] for n in app.told("training")] == ["refused"]
