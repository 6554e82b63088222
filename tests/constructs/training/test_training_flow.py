"""The training machine as synthesised, walked with answers in place of tasks."""

import json
from collections.abc import Callable
from typing import Any

import pytest

INPUT = {"trigger": "manual", "reason": "first"}
DIGEST = "sha256:" + "a" * 64
ARN = "arn:aws:sagemaker:eu-west-1:111122223333:model-package/flight-delays/7"
CHAMPION = {"ModelPackageArn": ARN, "ModelLifeCycle": {"Stage": "Production", "StageStatus": "Approved"}}


def answers(**changed: Any) -> dict[str, Any]:
    image = {"ImageDetails": [{"ImageDigest": DIGEST}]}
    return {
        "Check the data": {"manifest_uri": "s3://a/manifest.json", "data_version": "d" * 64, "objects": 3, "bytes": 9},
        "Find the training image": image,
        "Find the monitor image": image,
        "Find the champion": {"ModelPackageSummaryList": []},
        "Read the champion": {
            "InferenceSpecification": {"Containers": [{"ModelDataUrl": "s3://a/old/model.tar.gz"}]},
            "CustomerMetadataProperties": {"artefact_sha256": "c" * 64},
        },
        "Train model": {
            "TrainingJobStatus": "Completed",
            "SecondaryStatus": "Completed",
            "ModelArtifacts": {"S3ModelArtifacts": "s3://a/model.tar.gz"},
        },
        "Inspect the artefact": {"sha256": "b" * 64, "bytes": 10, "members": ["model.ubj"]},
        "Judge": {
            "passed": True,
            "rows": [{"gate": "absolute"}],
            "metrics": {"auc": 0.87},
            "data_rows": 5000,
            "refusal": "",
        },
        "Register model": {"ModelPackageArn": ARN},
        **changed,
    }


@pytest.fixture(scope="module")
def definition(platform: Any) -> dict[str, Any]:
    found: dict[str, Any] = platform.machine("Training")
    return found


@pytest.fixture
def train(walk: Callable[..., Any], definition: dict[str, Any]) -> Callable[..., Any]:
    return lambda payload=INPUT, name="run-1", **changed: walk(definition, payload, answers(**changed), name)


def notices(ended: Any) -> list[dict[str, Any]]:
    return [json.loads(v["Message"]) for k, v in ended.asked.items() if k.startswith("Tell: ")]


def test_every_task_is_bounded_retried_and_caught(definition: dict[str, Any], faults_of: Any) -> None:
    assert faults_of(definition) == []


def test_registers_what_passes_and_says_so_once(train: Any) -> None:
    ended = train()
    assert ended.status == "SUCCEEDED", ended.cause
    assert ended.output == {
        "outcome": "registered",
        "model_package_arn": ARN,
        "version": 7,
        "metrics": {"auc": 0.87},
        "gate_rows": [{"gate": "absolute"}],
        "data_version": "d" * 64,
        "rows": 5000,
        "triggered_by": "manual",
        "reason": "first",
        "window": None,
    }
    (notice,) = notices(ended)
    assert (notice["outcome"], notice["version"], notice["model"]) == ("registered", 7, "flight-delays")
    assert ended.path[-3:] == [
        "Tell: waiting for approval",
        "Note that it was told: waiting for approval",
        "Waiting for approval",
    ]


def test_a_version_is_registered_by_digest_and_waits_for_approval(train: Any) -> None:
    package = train().asked["Register model"]
    (container,) = package["InferenceSpecification"]["Containers"]
    assert container["Image"].endswith(f"@{DIGEST}")
    assert container["ImageDigest"] == DIGEST
    assert package["ModelApprovalStatus"] == "PendingManualApproval"
    properties = package["CustomerMetadataProperties"]
    assert properties["artefact_sha256"] == "b" * 64
    assert properties["auc"] == "0.87"
    assert properties["baseline_constraints_uri"].endswith("/flight-delays/runs/run-1/baseline/constraints.json")
    assert all(isinstance(v, str) and len(v) <= 256 for v in properties.values())
    assert package["MetadataProperties"]["GeneratedBy"].endswith(":execution:M:run-1")
    assert package["MetadataProperties"]["CommitId"] == "unknown"


def test_repeating_a_run_registers_under_the_same_token(train: Any) -> None:
    first, again, other = (train(name=n).asked["Register model"]["ClientToken"] for n in ("a", "a", "b"))
    assert first == again != other
    assert len(first) <= 36


@pytest.mark.parametrize(
    "name", ["run", "A" * 80, "a_b.c", "x" * 40, "drift-" + "m" * 20 + "-202611201400-202611201500"]
)
def test_job_names_are_ones_sagemaker_takes(train: Any, name: str) -> None:
    import re

    job = train(name=name).asked["Evaluate champion and challenger"]["ProcessingJobName"]
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", job), job


def test_long_names_that_begin_alike_are_different_runs(train: Any) -> None:
    one, two = (train(name="n" * 60 + end).asked["Prepare the data"]["ProcessingJobName"] for end in "ab")
    assert one != two


def test_without_a_champion_only_the_challenger_is_evaluated(train: Any) -> None:
    ended = train()
    names = [i["InputName"] for i in ended.asked["Evaluate champion and challenger"]["ProcessingInputs"]]
    assert names == ["holdout", "config", "model"]
    assert ended.asked["Judge"]["Payload"]["champion_expected"] is False


def test_the_champion_is_evaluated_on_the_same_holdout_in_the_same_job(train: Any) -> None:
    ended = train(**{"Find the champion": {"ModelPackageSummaryList": [CHAMPION]}})
    inputs = {
        i["InputName"]: i["S3Input"]["S3Uri"]
        for i in ended.asked["Evaluate champion and challenger"]["ProcessingInputs"]
    }
    assert inputs["champion"] == "s3://a/old/model.tar.gz"
    assert inputs["model"] == "s3://a/model.tar.gz"
    assert ended.asked["Judge"]["Payload"]["champion_expected"] is True


def test_a_version_whose_release_was_rolled_back_is_no_champion(train: Any) -> None:
    rejected = {
        **CHAMPION,
        "ModelPackageArn": ARN + "1",
        "ModelLifeCycle": {"Stage": "Production", "StageStatus": "Rejected"},
    }
    ended = train(**{"Find the champion": {"ModelPackageSummaryList": [rejected, CHAMPION]}})
    assert ended.asked["Read the champion"]["ModelPackageName"] == ARN


def test_an_unreleased_approved_version_is_champion(train: Any) -> None:
    ended = train(**{"Find the champion": {"ModelPackageSummaryList": [{"ModelPackageArn": ARN}]}})
    assert ended.asked["Read the champion"]["ModelPackageName"] == ARN


def test_does_not_take_a_missing_champion_for_none(train: Any) -> None:
    rejected = {**CHAMPION, "ModelLifeCycle": {"StageStatus": "Rejected"}}
    ended = train(**{"Find the champion": {"ModelPackageSummaryList": [rejected], "NextToken": "more"}})
    assert ended.error == "TrainingFailed"
    assert "Prepare the data" not in ended.path


def test_a_refusal_is_an_answer_told_once_and_not_registered(train: Any) -> None:
    verdict = {**answers()["Judge"], "passed": False, "refusal": "auc: 0.5 is below 0.6"}
    ended = train(Judge=verdict)
    assert ended.status == "SUCCEEDED"
    assert ended.output["outcome"] == "refused"
    assert ended.output["model_package_arn"] is None
    assert [n["cause"] for n in notices(ended)] == ["auc: 0.5 is below 0.6"]
    assert "Register model" not in ended.path


@pytest.mark.fault("B13")
@pytest.mark.parametrize("passed", [None, "true", 1, "", []])
def test_only_a_clear_yes_opens_the_gate(train: Any, passed: Any) -> None:
    ended = train(Judge={**answers()["Judge"], "passed": passed})
    assert ended.output["outcome"] == "refused"


@pytest.mark.fault("B12")
def test_bad_data_ends_the_run_before_any_job(train: Any, task_error: Any) -> None:
    cause = json.dumps({"errorType": "DataFaultError", "errorMessage": "part-0.csv is empty. Next step: Mend it."})
    ended = train(**{"Check the data": task_error("DataFaultError", cause)})
    assert ended.path == [
        "Check the data",
        "Tell: training failed",
        "Note that it was told: training failed",
        "Training failed",
    ]
    (notice,) = notices(ended)
    assert notice["cause"] == "Check the data: part-0.csv is empty."
    assert notice["next_step"] == "Mend it."
    assert ended.cause == "Check the data: part-0.csv is empty. Next step: Mend it."


def test_a_failed_job_is_told_with_its_own_message(train: Any, task_error: Any) -> None:
    cause = json.dumps(
        {"ProcessingJobStatus": "Failed", "ExitMessage": "DataFault: one class only", "FailureReason": "AlgorithmError"}
    )
    ended = train(**{"Prepare the data": task_error("States.TaskFailed", cause)})
    assert notices(ended)[0]["cause"] == "Prepare the data: DataFault: one class only"


@pytest.mark.parametrize("cause", ["", "plain words", '{"cut off', "{}", '{"FailureReason": ""}'])
def test_any_cause_at_all_is_told(train: Any, task_error: Any, cause: str) -> None:
    ended = train(**{"Train model": task_error("States.TaskFailed", cause)})
    assert ended.error == "TrainingFailed"
    assert ended.cause.startswith("Train, and describe the data: ")
    assert len(notices(ended)) == 1


@pytest.mark.parametrize("status", ["Stopped", "Failed", ""])
def test_a_training_that_was_stopped_registers_nothing(train: Any, status: str) -> None:
    job = {**answers()["Train model"], "TrainingJobStatus": status}
    ended = train(**{"Train model": job})
    assert ended.error == "TrainingFailed"
    assert "Inspect the artefact" not in ended.path


@pytest.mark.fault("B09")
def test_a_bad_artefact_is_never_evaluated_or_registered(train: Any, task_error: Any) -> None:
    ended = train(**{"Inspect the artefact": task_error("ArtefactFaultError", "{}")})
    assert ended.error == "TrainingFailed"
    assert not {"Evaluate champion and challenger", "Register model"} & set(ended.path)


STEPS = [name for name in answers() if name != "Read the champion"] + ["Prepare the data", "Describe the training data"]


@pytest.mark.parametrize("step", STEPS)
def test_every_failure_is_told_once_and_fails_the_execution(train: Any, task_error: Any, step: str) -> None:
    ended = train(**{step: task_error("Some.Error", "words")})
    assert ended.error == "TrainingFailed"
    assert [n["outcome"] for n in notices(ended)] == ["failed"]


def test_a_message_that_cannot_be_sent_fails_the_execution(train: Any, task_error: Any) -> None:
    """So that the rule on bad ends can tell of it: it is the channel that does not depend on this one."""
    ended = train(**{"Tell: waiting for approval": task_error("SNS.Down")})
    assert (ended.status, ended.error) == ("FAILED", "NotTold")


def test_a_failure_that_cannot_be_told_keeps_its_cause(train: Any, task_error: Any) -> None:
    ended = train(**{"Prepare the data": task_error("X", "words"), "Tell: training failed": task_error("SNS.Down")})
    assert ended.cause.startswith("Prepare the data: words")


def test_overrides_of_hyperparameters_win_and_all_are_strings(train: Any) -> None:
    payload = {**INPUT, "hyperparameters": {"eta": 0.5, "num_round": "7"}}
    asked = train(payload).asked["Train model"]["HyperParameters"]
    assert asked == {"max_depth": "6", "eta": "0.5", "num_round": "7"}


def test_declared_hyperparameters_stand_without_overrides(train: Any) -> None:
    assert train().asked["Train model"]["HyperParameters"] == {"max_depth": "6", "eta": "0.1"}


def test_an_empty_input_is_a_manual_run(train: Any) -> None:
    assert train({}).output["triggered_by"] == "manual"


def test_an_artefact_is_evaluated_under_the_inspected_hash(train: Any) -> None:
    asked = train().asked["Evaluate champion and challenger"]
    assert asked["Environment"] == {"SLIPWAY_EXPECTED_SHA256": "b" * 64}


def test_jobs_have_no_network_and_a_key(train: Any) -> None:
    asked = train().asked
    for step in ("Prepare the data", "Describe the training data", "Evaluate champion and challenger"):
        assert asked[step]["NetworkConfig"] == {"EnableNetworkIsolation": True}
        assert asked[step]["ProcessingOutputConfig"]["KmsKeyId"]
    assert asked["Train model"]["EnableNetworkIsolation"] is True
    assert asked["Train model"]["OutputDataConfig"]["KmsKeyId"]


REQUESTS = {
    "Prepare the data": "CreateProcessingJob",
    "Describe the training data": "CreateProcessingJob",
    "Train model": "CreateTrainingJob",
    "Evaluate champion and challenger": "CreateProcessingJob",
    "Find the champion": "ListModelPackages",
    "Read the champion": "DescribeModelPackage",
    "Register model": "CreateModelPackage",
}


@pytest.mark.parametrize("step", REQUESTS)
def test_requests_have_the_shape_of_the_api(train: Any, step: str) -> None:
    import botocore.session
    from botocore.validate import ParamValidator

    ended = train(**{"Find the champion": {"ModelPackageSummaryList": [CHAMPION]}})
    service = botocore.session.get_session().get_service_model("sagemaker")
    shape = service.operation_model(REQUESTS[step]).input_shape
    report = ParamValidator().validate(ended.asked[step], shape)
    assert not report.has_errors(), report.generate_report()
