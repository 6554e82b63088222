import io
import json
import tarfile
import time
from typing import Any

import pytest

from rehearsal.sagemaker import ServiceError

CHANNEL = {
    "ChannelName": "train",
    "ContentType": "text/csv",
    "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/flights"}},
}
INPUT = {
    "InputName": "raw",
    "S3Input": {"S3Uri": "s3://data/flights", "LocalPath": "/opt/ml/processing/input/raw", "S3DataType": "S3Prefix"},
}
OUTPUTS = {
    "Outputs": [
        {
            "OutputName": "report",
            "S3Output": {
                "S3Uri": "s3://artefacts/report",
                "LocalPath": "/opt/ml/processing/output/report",
                "S3UploadMode": "EndOfJob",
            },
        }
    ]
}


def _report(kit: Any, key: str = "runs/job/output/model.tar.gz") -> Any:
    with tarfile.open(fileobj=io.BytesIO(kit.host.objects["artefacts", key])) as tar:
        file = tar.extractfile("report.json")
        assert file is not None
        return json.load(file)


def _data(kit: Any) -> None:
    for month in range(1, 6):  # more than one page of the listing
        kit.host.objects["data", f"flights/month={month}/part-0.csv"] = f"row {month}\n".encode()
    kit.host.objects["data", "flights/"] = b""


def test_training_sees_the_documented_tree_and_its_artefact_is_uploaded(kit):
    _data(kit)
    arn = kit.training(InputDataConfig=[CHANNEL])["TrainingJobArn"]
    job = kit.ended("Training")
    assert job["TrainingJobStatus"] == "Completed", job
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": "s3://artefacts/runs/job/output/model.tar.gz"}
    report = _report(kit)
    files = report["files"]
    assert report["argv"] == ["train"]
    assert files["input/data/train/month=5/part-0.csv"] == "row 5\n"
    assert json.loads(files["input/config/hyperparameters.json"]) == {"max_depth": "6"}
    assert json.loads(files["input/config/inputdataconfig.json"]) == {
        "train": {
            "ContentType": "text/csv", "TrainingInputMode": "File", "S3DistributionType": "FullyReplicated",
            "RecordWrapperType": "None",
        }
    }  # fmt: skip
    assert json.loads(files["input/config/resourceconfig.json"])["hosts"] == ["algo-1"]
    environment = report["env"]
    assert environment["TRAINING_JOB_ARN"] == arn
    assert environment["COLOUR"] == "blue"
    assert environment["FROM_IMAGE"] == "yes"
    assert "runs/job/output/output.tar.gz" in [key for _, key in kit.host.objects]


def test_a_container_sees_nothing_of_the_environment_it_was_started_from(kit, monkeypatch):
    for name in ("PYTHONPATH", "AWS_ACCESS_KEY_ID", "SECRET_TOKEN"):
        monkeypatch.setenv(name, "leak")
    kit.training()
    assert kit.ended("Training")["TrainingJobStatus"] == "Completed"
    assert "leak" not in _report(kit)["env"].values()


def test_metrics_are_read_from_the_log(kit):
    kit.training()
    job = kit.ended("Training")
    assert [(one["MetricName"], one["Value"]) for one in job["FinalMetricDataList"]] == [("train:logloss", 0.25)]
    sent = [one["Value"] for one in kit.host.metrics if one["MetricName"] == "train:logloss"]
    assert {one["Namespace"] for one in kit.host.metrics} == {"/aws/sagemaker/TrainingJobs"}
    assert sent == [0.5, 0.25]
    assert "train_logloss=0.25; round 2" in kit.host.logs["/aws/sagemaker/TrainingJobs"]


def test_training_shows_every_stage_and_publishes_it(kit):
    kit.training()
    job = kit.ended("Training")
    stages = ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert [one["Status"] for one in job["SecondaryStatusTransitions"]] == stages
    events = kit.details("SageMaker Training Job State Change")
    assert [one["SecondaryStatus"] for one in events] == stages
    assert events[0]["CreationTime"] == "1795183509000"


def test_a_failing_container_gives_its_reason(kit):
    kit.training(mode="fail")
    job = kit.ended("Training")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "AlgorithmError: no labels in the training data, exit code: 1"
    assert "ModelArtifacts" not in job


def test_missing_input_fails_in_the_services_words(kit):
    kit.training(InputDataConfig=[CHANNEL])
    reason = kit.ended("Training")["FailureReason"]
    assert reason.startswith("ClientError: Data download failed:No S3 objects found under S3 URL")
    assert '"s3://data/flights"' in reason


def test_denied_input_names_the_denial(kit):
    _data(kit)
    kit.training(role=kit.denied_role, InputDataConfig=[CHANNEL])
    assert "AccessDenied" in kit.ended("Training")["FailureReason"]


def test_denied_output_fails_the_job(kit):
    kit.training(role=kit.denied_role)
    job = kit.ended("Training")
    assert job["TrainingJobStatus"] == "Failed"
    assert "AccessDenied" in job["FailureReason"]


def test_an_object_name_cannot_leave_the_input_directory(kit):
    kit.host.objects["data", "flights/../../../../escape"] = b"x"
    kit.training(InputDataConfig=[CHANNEL])
    assert "leaves the input directory" in kit.ended("Training")["FailureReason"]


def test_a_manifest_names_the_inputs(kit):
    _data(kit)
    kit.host.objects["data", "list.json"] = b'[{"prefix": "s3://data/flights/"}, "month=2/part-0.csv"]'
    source = {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": "s3://data/list.json"}}
    kit.training(InputDataConfig=[{"ChannelName": "train", "DataSource": source}])
    assert kit.ended("Training")["TrainingJobStatus"] == "Completed"
    inputs = [name for name in _report(kit)["files"] if name.startswith("input/data")]
    assert inputs == ["input/data/train/month=2/part-0.csv"]


def test_checkpoints_are_restored_and_mirrored(kit):
    kit.host.objects["artefacts", "ck/old.txt"] = b"1"
    kit.training(CheckpointConfig={"S3Uri": "s3://artefacts/ck"})
    assert kit.ended("Training")["TrainingJobStatus"] == "Completed"
    assert _report(kit)["files"]["checkpoints/old.txt"] == "1"
    assert kit.host.objects["artefacts", "ck/last.txt"] == b"9"


def test_checkpoints_reach_s3_while_the_job_runs(kit):
    kit.training(mode="wait", CheckpointConfig={"S3Uri": "s3://artefacts/ck"})
    kit.until(lambda: kit.host.objects.get(("artefacts", "ck/step.txt")) == b"7")
    kit.call("StopTrainingJob", TrainingJobName="job")
    assert kit.ended("Training")["TrainingJobStatus"] == "Stopped"


def test_stop_lets_the_container_save_what_it_has(kit):
    kit.training(mode="wait")
    kit.until(lambda: "waiting" in kit.host.logs.get("/aws/sagemaker/TrainingJobs", []))
    kit.call("StopTrainingJob", TrainingJobName="job")
    job = kit.ended("Training")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "Stopped")
    assert ("artefacts", "runs/job/output/model.tar.gz") in kit.host.objects
    with pytest.raises(ServiceError, match="in status Stopped"):
        kit.call("StopTrainingJob", TrainingJobName="job")


def test_a_container_that_ignores_the_stop_is_killed(kit):
    kit.training(mode="stubborn")
    kit.until(lambda: "waiting" in kit.host.logs.get("/aws/sagemaker/TrainingJobs", []))
    kit.call("StopTrainingJob", TrainingJobName="job")
    began = time.monotonic()
    assert kit.ended("Training")["TrainingJobStatus"] == "Stopped"
    assert time.monotonic() - began < 4
    assert kit.sm.processes() == []


@pytest.mark.fault("B06")
def test_too_long_a_training_is_stopped_not_completed(kit):
    kit.training(mode="wait", StoppingCondition={"MaxRuntimeInSeconds": 1})
    job = kit.ended("Training")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")


@pytest.mark.fault("B09")
@pytest.mark.parametrize(("artefact", "body"), [("missing", None), ("empty", b""), ("not_a_tar", b"<html>")])
def test_a_completed_job_can_lack_a_usable_artefact(kit, artefact, body):
    kit.sm.fault("B09", artefact=artefact)
    kit.training()
    assert kit.ended("Training")["TrainingJobStatus"] == "Completed"
    found = kit.host.objects.get(("artefacts", "runs/job/output/model.tar.gz"))
    assert found is None if body is None else found is not None and found.startswith(body) and len(found) < 99


def test_a_job_leaves_no_file_and_no_process(kit):
    kit.training()
    kit.ended("Training")
    kit.until(lambda: not list((kit.root / "jobs").iterdir()))
    assert kit.sm.processes() == []
    assert not list((kit.root / "pids").iterdir())


def test_a_name_is_used_once(kit):
    kit.training()
    with pytest.raises(ServiceError, match="must be unique") as refusal:
        kit.training()
    assert refusal.value.code == "ResourceInUse"
    kit.ended("Training")


def test_an_unknown_image_fails_the_job(kit):
    kit.processing(AppSpecification={"ImageUri": "nowhere/none:1"})
    assert "Cannot find image 'nowhere/none:1'" in kit.ended("Processing")["FailureReason"]


def test_processing_gets_inputs_and_config_and_its_outputs_are_uploaded(kit):
    _data(kit)
    kit.processing(ProcessingInputs=[INPUT], ProcessingOutputConfig=OUTPUTS)
    job = kit.ended("Processing")
    assert job["ProcessingJobStatus"] == "Completed", job
    assert job["ExitMessage"] == "Completed: all fine"
    report = json.loads(kit.host.objects["artefacts", "report/report.json"])
    assert report["argv"] == ["prepare"]
    assert report["files"]["processing/input/raw/month=1/part-0.csv"] == "row 1\n"
    config = json.loads(report["files"]["config/processingjobconfig.json"])
    assert config["ProcessingInputs"][0]["S3Input"]["S3InputMode"] == "File"
    assert config["AppSpecification"]["ContainerEntrypoint"] is None
    event = kit.details("SageMaker Processing Job State Change")[-1]
    assert event["ProcessingJobStatus"] == "Completed"
    assert event["ProcessingInputs"][0]["S3Input"]["S3DataType"] == "S3_PREFIX"
    assert "ExitMessage" not in event


def test_failed_processing_keeps_its_message_and_uploads_nothing(kit):
    kit.processing(mode="fail", ProcessingOutputConfig=OUTPUTS)
    job = kit.ended("Processing")
    assert job["ProcessingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("AlgorithmError")
    assert job["ExitMessage"] == "DataFault: no labels"
    assert not kit.host.objects


def test_a_message_that_is_not_text_fails_the_job(kit):
    kit.processing(mode="binary_message")
    assert "not UTF-8" in kit.ended("Processing")["FailureReason"]


def test_processing_paths_must_be_the_containers_own(kit):
    outside = {**INPUT, "S3Input": {**INPUT["S3Input"], "LocalPath": "/etc/passwd"}}
    with pytest.raises(ServiceError, match="must start with /opt/ml/processing"):
        kit.processing(ProcessingInputs=[outside])
    sneaky = {**INPUT, "S3Input": {**INPUT["S3Input"], "LocalPath": "/opt/ml/processing/../../../x"}}
    _data(kit)
    kit.processing(ProcessingInputs=[sneaky])
    assert "is not under /opt/ml" in kit.ended("Processing")["FailureReason"]


def test_close_ends_a_running_job(kit):
    kit.training(mode="stubborn")
    kit.until(kit.sm.processes)
    began = time.monotonic()
    kit.sm.close()
    assert time.monotonic() - began < 5
    assert kit.sm.processes() == []
