"""What stands in the Training stack."""

import json
from typing import Any

import pytest


@pytest.mark.fault("C13")
def test_who_trains_is_denied_approving(platform: Any) -> None:
    denied = [s for s in platform.policy("Training", "WorkflowMachineRole") if s["Effect"] == "Deny"]
    assert denied == [
        {
            "Sid": "WhoTrainsDoesNotApprove",
            "Effect": "Deny",
            "Action": ["sagemaker:CreateModelPackage", "sagemaker:UpdateModelPackage"],
            "Resource": "*",
            "Condition": {"StringEquals": {"sagemaker:ModelApprovalStatus": "Approved"}},
        }
    ]


@pytest.mark.fault("C13")
def test_no_role_of_the_stack_may_update_a_version(platform: Any) -> None:
    for policy in platform.of("Training", "AWS::IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if statement["Effect"] == "Allow":
                assert "sagemaker:UpdateModelPackage" not in statement["Action"]


@pytest.mark.fault("S08")
@pytest.mark.parametrize(
    ("stack", "role", "job"),
    [
        ("Training", "DataJobRole", "processing-job"),
        ("Training", "TrainerRole", "training-job"),
        ("Monitoring", "DataQualityJobRole", "processing-job"),
    ],
)
def test_a_job_role_is_only_for_jobs_of_this_account(platform: Any, stack: str, role: str, job: str) -> None:
    (found,) = [r for k, r in platform.of(stack, "AWS::IAM::Role").items() if role in k]
    (statement,) = found["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "sagemaker.amazonaws.com"}
    assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == {"Ref": "AWS::AccountId"}
    assert json.dumps(statement["Condition"]["ArnLike"]["aws:SourceArn"]).rstrip('"]}').endswith(f":{job}/*")


def test_the_trainer_cannot_read_the_holdout(platform: Any) -> None:
    read = [s for s in platform.policy("Training", "TrainerRole") if s["Action"] == "s3:GetObject"]
    text = json.dumps(read)
    assert "/runs/*/prepared/train/*" in text
    assert "holdout" not in text
    assert '/runs/*"' not in text


def test_the_machine_passes_only_its_jobs_roles_and_only_to_sagemaker(platform: Any) -> None:
    passed = [s for s in platform.policy("Training", "WorkflowMachineRole") if s["Action"] == "iam:PassRole"]
    assert passed
    for statement in passed:
        assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
        assert "JobRole" in json.dumps(statement["Resource"]) or "TrainerRole" in json.dumps(statement["Resource"])


def test_spot_training_waits_longer_than_it_may_run(synthesise: Any) -> None:
    states = synthesise(training={"spot": True, "max_runtime_seconds": 600}).machine("Training")["States"]
    job = states["Train, and describe the data"]["Branches"][1]["States"]["Train model"]
    assert job["Arguments"]["EnableManagedSpotTraining"] is True
    assert job["Arguments"]["StoppingCondition"] == {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 1200}
    assert job["TimeoutSeconds"] > 1200
    assert "checkpoints" in job["Arguments"]["CheckpointConfig"]["S3Uri"]


@pytest.mark.parametrize(
    ("instance", "keyed"),
    [
        ("ml.m5.xlarge", True),
        ("ml.c6i.large", True),
        ("ml.m5d.large", False),
        ("ml.g4dn.xlarge", False),
        ("ml.g5.xlarge", False),
        ("ml.p4d.24xlarge", False),
    ],
)
def test_a_volume_key_is_given_only_where_sagemaker_takes_one(instance: str, keyed: bool) -> None:
    """Instances with disks of their own refuse it (CreateTrainingJob, VolumeKmsKeyId)."""
    from slipway.config.instances import has_own_disks

    assert has_own_disks(instance) is not keyed


def test_the_machine_outlives_its_jobs(platform: Any) -> None:
    definition = platform.machine("Training")
    states = definition["States"]
    branches = states["Train, and describe the data"]["Branches"]
    jobs = [states["Prepare the data"], states["Evaluate champion and challenger"]]
    jobs += [s for b in branches for s in b["States"].values()]
    assert definition["TimeoutSeconds"] >= sum(j["TimeoutSeconds"] for j in jobs) - min(
        s["TimeoutSeconds"] for b in branches for s in b["States"].values()
    )
