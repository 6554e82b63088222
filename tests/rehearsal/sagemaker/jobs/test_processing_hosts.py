import json

import pytest

from rehearsal.sagemaker import Limits, SageMaker, ServiceError

FEATURES = {"OutputName": "a", "FeatureStoreOutput": {"FeatureGroupName": "g"}}
OUT = "/opt/ml/processing/out"


def _input(**more):
    source = {"S3Uri": "s3://data/in/", "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix", **more}
    return [{"InputName": "raw", "S3Input": source}]


def _output(mode="EndOfJob", **more):
    output = {"S3Uri": "s3://artefacts/out", "LocalPath": OUT, "S3UploadMode": mode}
    return {"Outputs": [{"OutputName": "out", "S3Output": output}], **more}


def test_hosts_share_the_objects_and_all_their_outputs_are_uploaded(jobs):
    for number in range(3):
        jobs.put(f"in/{number}", b"x")
    code = """
with open(path('config/resourceconfig.json')) as f: me = json.load(f)
write('processing/out/' + me['current_host'], ' '.join(tree('processing/in')) + ' of ' + ','.join(me['hosts']))
write('output/message', me['current_host'] + ';')
"""
    job = jobs.processed(
        code,
        count=2,
        ProcessingInputs=_input(S3DataDistributionType="ShardedByS3Key"),
        ProcessingOutputConfig=_output(),
    )
    assert job["ProcessingJobStatus"] == "Completed", job
    assert jobs.objects["artefacts", "out/algo-1"] == b"0 2 of algo-1,algo-2"
    assert jobs.objects["artefacts", "out/algo-2"] == b"1 of algo-1,algo-2"
    assert job["ExitMessage"] == "algo-1;algo-2;"


def test_one_failing_host_fails_the_job(jobs):
    code = "sys.exit(3) if json.load(open(path('config/resourceconfig.json')))['current_host'] == 'algo-2' else wait()"
    job = jobs.processed(code, count=2, ProcessingOutputConfig=_output())
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert jobs.kit.sm.processes() == []


def test_a_continuous_output_is_there_before_the_end(jobs):
    code = "write('processing/out/a', '1'); wait()"
    jobs.kit.processing(
        AppSpecification={"ImageUri": jobs.run_image}, Environment={"CODE": code},
        ProcessingOutputConfig=_output("Continuous"),
    )  # fmt: skip
    jobs.kit.until(lambda: jobs.objects.get(("artefacts", "out/a")) == b"1")
    jobs.kit.call("StopProcessingJob", ProcessingJobName="job")
    assert jobs.kit.ended("Processing")["ProcessingJobStatus"] == "Stopped"


def test_the_output_key_is_used(jobs, encrypted):
    jobs.processed("write('processing/out/a', '1')", ProcessingOutputConfig=_output(KmsKeyId="alias/out"))
    assert encrypted == {"out/a": ("aws:kms", "alias/out")}


def test_isolation_takes_credentials_away(jobs, monkeypatch):
    offer = lambda role, scope: {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/x"}  # noqa: E731
    monkeypatch.setattr(jobs.kit.host, "container_environment", offer, raising=False)
    code = "write('processing/out/env', json.dumps(dict(os.environ)))"
    for name, isolated in (("open", False), ("shut", True)):
        network = {"EnableNetworkIsolation": isolated}
        jobs.processed(code, name, ProcessingOutputConfig=_output(), NetworkConfig=network)
        found = json.loads(jobs.objects["artefacts", "out/env"])
        assert ("AWS_CONTAINER_CREDENTIALS_FULL_URI" in found) is not isolated


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"ProcessingInputs": [{**_input()[0], "AppManaged": True}]}, "AppManaged"),
        ({"ProcessingInputs": [{"InputName": "a", "DatasetDefinition": {"LocalPath": "/opt/ml/processing/a"}}]},
         "DatasetDefinition"),
        ({"ProcessingInputs": _input(S3InputMode="Pipe")}, "Pipe input mode"),
        ({"ProcessingInputs": _input() * 2}, "InputName must be unique"),
        ({"ProcessingOutputConfig": {"Outputs": [FEATURES]}}, "feature group"),
    ],
)  # fmt: skip
def test_requests_that_cannot_be_are_refused(jobs, more, words):
    with pytest.raises(ServiceError, match=words):
        jobs.processed("", **more)


def test_time_is_limited(jobs):
    job = jobs.processed("wait()", StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert job["ProcessingJobStatus"] == "Stopped"


@pytest.mark.fault("B03")
def test_no_capacity_fails_the_job(jobs):
    jobs.kit.sm.fault("B03", job="job")
    assert jobs.processed("")["FailureReason"].startswith("CapacityError")


def test_restart_fails_a_job_as_the_service_would(jobs, tmp_path):
    jobs.kit.processing(AppSpecification={"ImageUri": jobs.run_image}, Environment={"CODE": "wait()"})
    jobs.kit.until(jobs.kit.sm.processes)
    kept = json.loads(json.dumps(jobs.kit.sm.snapshot()))
    jobs.kit.sm.close()
    jobs.kit.sm = SageMaker(jobs.kit.host, tmp_path / "again", Limits())
    jobs.kit.sm.resume(kept)
    assert jobs.kit.ended("Processing")["FailureReason"].startswith("InternalServerError")
    jobs.kit.sm.close()
