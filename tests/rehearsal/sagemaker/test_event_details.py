"""Each kind of event in the form of the developer guide's samples."""

import json

import pytest

from rehearsal.sagemaker import events
from rehearsal.sagemaker.event_details import FORMS, detail, status_change
from rehearsal.sagemaker.shapes import service_model

NOW = 1_795_183_509.101
ARN = "arn:aws:sagemaker:eu-west-1:111122223333:"
RECORDS = {
    events.TRAINING_JOB: (
        {
            "TrainingJobName": "j", "TrainingJobArn": f"{ARN}training-job/j", "TrainingJobStatus": "Failed",
            "SecondaryStatus": "Failed", "FailureReason": "AlgorithmError", "CreationTime": NOW, "TrainingEndTime": NOW,
            "_private": 1,
        },
        {
            "TrainingJobStatus": "Failed", "CreationTime": "1795183509101", "TrainingEndTime": "1795183509101",
            "HyperParameters": {}, "Tags": {"team": "ops"},
        },
    ),
    events.PROCESSING_JOB: (
        {
            "ProcessingJobName": "j", "ProcessingJobArn": f"{ARN}processing-job/j", "ProcessingJobStatus": "Completed",
            "ExitMessage": "CompletedWithViolations: 3", "MonitoringScheduleArn": f"{ARN}monitoring-schedule/s",
            "CreationTime": NOW,
            "ProcessingInputs": [{"InputName": "i", "S3Input": {
                "S3Uri": "s3://a/b", "S3DataType": "ManifestFile", "S3InputMode": "Pipe",
                "S3DataDistributionType": "FullyReplicated"}}],
            "ProcessingOutputConfig": {"KmsKeyId": "k", "Outputs": [
                {"OutputName": "o", "S3Output": {"S3Uri": "s3://a/c", "S3UploadMode": "EndOfJob"}}]},
        },
        {
            "CreationTime": 1_795_183_509_101,
            "ProcessingInputs": [{"InputName": "i", "S3Input": {
                "S3Uri": "s3://a/b", "S3DataType": "MANIFEST_FILE", "S3InputMode": "PIPE",
                "S3DataDistributionType": "FULLYREPLICATED"}}],
            "ProcessingOutputConfig": {"KmsKeyId": "k", "Outputs": [
                {"OutputName": "o", "S3Output": {"S3Uri": "s3://a/c", "S3UploadMode": "END_OF_JOB"}}]},
            "ExitMessage": None, "MonitoringScheduleArn": None, "Tags": None,
        },
    ),
    events.TRANSFORM_JOB: (
        {"TransformJobName": "j", "TransformJobStatus": "Completed", "CreationTime": NOW, "TransformEndTime": NOW},
        {"CreationTime": "2026-11-20T14:05:09Z", "TransformEndTime": "2026-11-20T14:05:09Z", "Tags": {"team": "ops"}},
    ),
    events.TUNING_JOB: (
        {"HyperParameterTuningJobName": "j", "HyperParameterTuningJobStatus": "InProgress", "CreationTime": NOW},
        {"HyperParameterTuningJobStatus": "InProgress", "CreationTime": "1795183509101", "Tags": {"team": "ops"}},
    ),
    events.MODEL_CARD: (
        {"ModelCardName": "c", "ModelCardVersion": 2, "ModelCardStatus": "Draft", "Content": "{}", "CreationTime": NOW},
        {"CreationTime": "2026-11-20T14:05:09.101Z", "Content": None, "SecurityConfig": {}, "Tags": None},
    ),
    events.MODEL_PACKAGE: (
        {"ModelPackageArn": f"{ARN}model-package/g/1", "CreationTime": NOW, "ModelLifeCycle": {"Stage": "QA"},
         "DriftCheckBaselines": {}},
        {"CreationTime": "2026-11-20T14:05:09Z", "ModelLifeCycle": {"Stage": "QA"}, "DriftCheckBaselines": None,
         "UpdatedModelPackageFields": None, "Tags": None},
    ),
    events.FEATURE_GROUP: (
        {"FeatureGroupName": "f", "FeatureGroupStatus": "Created", "CreationTime": NOW},
        {"FeatureGroupStatus": "Created", "CreationTime": 1_795_183_509_101, "Tags": {"team": "ops"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted(RECORDS))
def test_a_record_is_written_as_the_sample_is(kind):
    record, expected = RECORDS[kind]
    shown = detail(kind, record, {"team": "ops"})
    assert {key: shown.get(key) for key in expected} == expected
    assert not [key for key in shown if key.startswith("_")]
    json.dumps(shown)


def test_members_are_those_of_the_api_or_documented_for_the_event():
    model = service_model()
    known = {name for shape in model.shape_names for name in getattr(model.shape_for(shape), "members", {})}
    only_in_events = {"UpdatedModelPackageFields", "AccountId"}
    for kind, form in FORMS.items():
        assert set(form.members) <= known | only_in_events, kind


def test_a_pipeline_tells_in_camel_case_of_both_its_resources(kit):
    arns = (f"{ARN}pipeline/p", f"{ARN}pipeline/p/execution/abc")
    change = {"currentPipelineExecutionStatus": "Failed", "executionStartTime": NOW, "executionEndTime": None}
    seen = []
    kit.host.publish_event = lambda *event: seen.append(event)
    status_change(kit.sm._core, events.PIPELINE_EXECUTION, arns, change, kit.scope)
    kit.sm.flush()
    (detail_type, resources, shown, scope) = seen[0]
    assert (detail_type, resources, scope) == (events.PIPELINE_EXECUTION, list(arns), kit.scope)
    assert shown == {
        "currentPipelineExecutionStatus": "Failed", "executionStartTime": "2026-11-20T14:05:09Z",
        "pipelineArn": arns[0], "pipelineExecutionArn": arns[1],
    }  # fmt: skip
