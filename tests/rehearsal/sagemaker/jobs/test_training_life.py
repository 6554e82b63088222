import json
import threading
import time

import pytest

from rehearsal.sagemaker import Limits, SageMaker, ServiceError

SPOT = {
    "EnableManagedSpotTraining": True,
    "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
    "CheckpointConfig": {"S3Uri": "s3://artefacts/ck"},
}
# Counts to 6 in its checkpoint, one step at a time; tells from which step it began.
STEPS = """
begun = int(read('checkpoints/step')) if os.path.exists(path('checkpoints/step')) else 0
for step in range(begun + 1, 7):
    write('checkpoints/step', str(step))
    print('waiting' if step == 3 else 'step', flush=True)
    while step == 3 and begun == 0: time.sleep(0.02)
write('model/report.json', json.dumps(begun))
"""


@pytest.mark.fault("B04")
def test_a_spot_interruption_resumes_from_the_checkpoint(jobs, clock):
    jobs.kit.sm.fault("B04", job="job", capacity_seconds=0, checkpoints=1)
    job = jobs.trained(STEPS, **SPOT)
    assert job["TrainingJobStatus"] == "Completed", job
    assert jobs.model_json() == 3
    assert jobs.stages(job) == [
        "Starting", "Downloading", "Training", "Interrupted", "Starting", "Downloading", "Training", "Uploading",
        "Completed",
    ]  # fmt: skip


@pytest.mark.fault("B06")
def test_capacity_that_does_not_come_back_in_time_stops_the_job(jobs, clock):
    jobs.kit.sm.fault("B04", job="job", capacity_seconds=10_000)
    jobs.train(STEPS, **SPOT)
    jobs.kit.until(
        lambda: jobs.kit.call("DescribeTrainingJob", TrainingJobName="job")["SecondaryStatus"] == "Interrupted"
    )
    clock.advance(200)
    job = jobs.kit.ended("Training")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxWaitTimeExceeded")
    assert "ModelArtifacts" not in job


def test_spot_is_billed_at_less_than_its_time(jobs, clock):
    jobs.train("wait()", **SPOT)
    jobs.waiting()
    clock.advance(100)
    jobs.kit.call("StopTrainingJob", TrainingJobName="job")
    job = jobs.kit.ended("Training")
    assert (job["TrainingTimeInSeconds"], job["BillableTimeInSeconds"]) == (100, 30)


def test_time_without_instances_is_not_training_time(jobs, clock):
    jobs.kit.sm.fault("B04", job="job", capacity_seconds=50)
    jobs.train(STEPS, **SPOT)
    status = lambda: jobs.kit.call("DescribeTrainingJob", TrainingJobName="job")["SecondaryStatus"]  # noqa: E731
    jobs.kit.until(lambda: status() == "Interrupted")
    clock.advance(50)
    assert jobs.kit.ended("Training")["TrainingTimeInSeconds"] < 10


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"EnableManagedSpotTraining": True}, "MaxWaitTimeInSeconds must be present"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}}, "only if EnableManagedSpot"),
        ({"AlgorithmSpecification": {"AlgorithmName": "mine", "TrainingInputMode": "File"}}, "AlgorithmName mine"),
        ({"AlgorithmSpecification": {"TrainingInputMode": "File"}}, "TrainingImage or an AlgorithmName"),
        ({"RemoteDebugConfig": {"EnableRemoteDebug": True}}, "remote debugging"),
        ({"CheckpointConfig": {"S3Uri": "s3://artefacts/ck", "LocalPath": "/etc"}}, "outside /opt/ml"),
    ],
)
def test_requests_that_cannot_be_are_refused(jobs, more, words):
    with pytest.raises(ServiceError, match=words):
        jobs.train("", **more)


@pytest.mark.fault("B03")
def test_no_capacity_fails_the_job_before_anything_runs(jobs):
    jobs.kit.sm.fault("B03", instance_type="ml.m5.large")
    job = jobs.trained("write('model/a', 'A')")
    assert job["FailureReason"].startswith("CapacityError: Unable to provision requested ML compute capacity.")
    assert jobs.stages(job) == ["Starting", "Failed"]
    assert jobs.trained("write('model/a', 'A')", "next")["TrainingJobStatus"] == "Completed"


def test_a_job_may_be_pending_for_capacity(jobs, clock):
    jobs.kit.sm.fault("B03", job="job", pending_seconds=600)
    jobs.train("write('model/a', 'A')")
    status = lambda: jobs.kit.call("DescribeTrainingJob", TrainingJobName="job")["SecondaryStatus"]  # noqa: E731
    jobs.kit.until(lambda: status() == "Pending")
    clock.advance(600)
    assert jobs.stages(jobs.kit.ended("Training"))[:4] == ["Starting", "Pending", "Starting", "Downloading"]


def test_a_job_that_is_pending_too_long_is_stopped(jobs, clock):
    jobs.kit.sm.fault("B03", job="job", pending_seconds=6000)
    jobs.train("", StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxPendingTimeInSeconds": 1800})
    status = lambda: jobs.kit.call("DescribeTrainingJob", TrainingJobName="job")["SecondaryStatus"]  # noqa: E731
    jobs.kit.until(lambda: status() == "Pending")
    clock.advance(1801)
    assert jobs.kit.ended("Training")["TrainingJobStatus"] == "Stopped"


@pytest.mark.fault("B08")
def test_a_lost_host_is_retried_only_with_a_retry_strategy(jobs):
    jobs.kit.sm.fault("B08", times=2, how="host")
    job = jobs.trained("time.sleep(0.5)", "plain")
    assert job["FailureReason"].startswith("InternalServerError: We encountered an internal error. Please try again.")
    job = jobs.trained("time.sleep(0.5)", RetryStrategy={"MaximumRetryAttempts": 1})
    assert job["TrainingJobStatus"] == "Completed", job
    assert jobs.stages(job).count("Restarting") == 1


@pytest.mark.fault("B08")
@pytest.mark.parametrize(
    ("how", "reason"),
    [("exit", "AlgorithmError: , exit code: 134"), ("memory", "AlgorithmError: , exit code: 137")],
)
def test_a_container_that_dies_fails_the_job_with_its_code(jobs, how, reason):
    jobs.kit.sm.fault("B08", job="job", how=how)
    assert jobs.trained("wait()")["FailureReason"] == reason


@pytest.mark.fault("B08")
def test_a_container_that_hangs_is_ended_by_its_time_limit(jobs):
    jobs.kit.sm.fault("B08", job="job", how="hang")
    job = jobs.trained("wait()", StoppingCondition={"MaxRuntimeInSeconds": 1})
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", "MaxRuntimeExceeded")
    assert jobs.kit.sm.processes() == []


@pytest.mark.fault("B07")
def test_a_checkpoint_sync_can_stop_silently(jobs):
    jobs.kit.sm.fault("B07", job="job")
    job = jobs.trained("time.sleep(0.5); write('checkpoints/a', '1'); write('model/a', 'A')", **SPOT)
    assert job["TrainingJobStatus"] == "Completed"
    assert ("artefacts", "ck/a") not in jobs.objects


@pytest.mark.fault("B06")
@pytest.mark.parametrize("status", ["MaxRuntimeExceeded", "MaxWaitTimeExceeded"])
def test_a_time_limit_can_be_asked_for(jobs, status):
    jobs.kit.sm.fault("B06", job="job", status=status)
    job = jobs.trained("wait()")
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Stopped", status)


@pytest.mark.fault("B13")
def test_a_metric_can_be_missing_and_none_is_nan(jobs):
    algorithm = jobs.algorithm(
        MetricDefinitions=[{"Name": name, "Regex": f"{name}=(\\S+);"} for name in ("a", "b", "c")]
    )
    jobs.kit.sm.fault("B13", job="job", metric="b")
    job = jobs.trained("print('a=1; b=2; c=nan;', flush=True)", AlgorithmSpecification=algorithm)
    assert [(one["MetricName"], one["Value"]) for one in job["FinalMetricDataList"]] == [("a", 1.0)]


@pytest.mark.fault("B01")
@pytest.mark.fault("B02")
@pytest.mark.parametrize(("row", "code"), [("B01", "ThrottlingException"), ("B02", "ResourceLimitExceeded")])
def test_creation_can_be_refused(jobs, row, code):
    jobs.kit.sm.fault(row)
    with pytest.raises(ServiceError) as refusal:
        jobs.train("")
    assert refusal.value.code == code
    jobs.trained("")


@pytest.mark.fault("B10")
def test_a_created_job_whose_answer_was_lost_exists(jobs):
    jobs.kit.sm.fault("B10")
    with pytest.raises(ServiceError) as lost:
        jobs.train("")
    assert lost.value.status == 500
    with pytest.raises(ServiceError, match="must be unique"):
        jobs.train("")
    assert jobs.kit.ended("Training")["TrainingJobStatus"] == "Completed"


def test_instances_beyond_the_quota_are_refused(jobs, tmp_path):
    quota = {"ml.m5.large for training job usage": 3}
    sm = jobs.kit.sm = SageMaker(jobs.kit.host, tmp_path / "small", Limits(job_instance_quotas=quota))
    two = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    jobs.train("wait()", ResourceConfig=two)
    with pytest.raises(
        ServiceError, match="is 3 Instances, with current utilization of 2 Instances and a request delta"
    ):
        jobs.train("", "second", ResourceConfig=two)
    jobs.trained("", "other", ResourceConfig={**two, "InstanceType": "ml.m5.xlarge"})
    sm.close()


def test_instances_are_kept_warm_for_a_matching_job(jobs, clock):
    keep = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1, "KeepAlivePeriodInSeconds": 300}
    describe = lambda name: jobs.kit.call("DescribeTrainingJob", TrainingJobName=name)["WarmPoolStatus"]  # noqa: E731
    jobs.trained("", "one", ResourceConfig=keep)
    assert describe("one")["Status"] == "Available"
    with pytest.raises(ServiceError, match="keeps a warm pool"):
        jobs.kit.call("DeleteTrainingJob", TrainingJobName="one")
    clock.advance(100)
    jobs.train("wait()", "two", ResourceConfig=keep)
    assert describe("one") == {
        "Status": "Reused", "ReusedByJob": "two", "ResourceRetainedBillableTimeInSeconds": 100,
    }  # fmt: skip
    assert describe("two")["Status"] == "InUse"
    jobs.waiting()
    jobs.kit.call("StopTrainingJob", TrainingJobName="two")
    jobs.kit.ended("Training", "two")
    assert describe("two")["Status"] == "Terminated"
    jobs.trained("", "three", ResourceConfig=keep)
    jobs.kit.call("UpdateTrainingJob", TrainingJobName="three", ResourceConfig={"KeepAlivePeriodInSeconds": 60})
    clock.advance(61)
    assert describe("three") == {"Status": "Terminated", "ResourceRetainedBillableTimeInSeconds": 60}
    listed = jobs.kit.call("ListTrainingJobs", WarmPoolStatusEquals="Reused")["TrainingJobSummaries"]
    assert [one["TrainingJobName"] for one in listed] == ["one"]
    with pytest.raises(ServiceError, match="only while the warm pool"):
        jobs.kit.call("UpdateTrainingJob", TrainingJobName="three", ResourceConfig={"KeepAlivePeriodInSeconds": 60})


def test_a_profiler_configuration_is_a_record(jobs):
    jobs.train("wait()")
    jobs.waiting()
    interval = {"ProfilingIntervalInMilliseconds": 500}
    jobs.kit.call("UpdateTrainingJob", TrainingJobName="job", ProfilerConfig={"S3OutputPath": "s3://a/b", **interval})
    job = jobs.kit.call("DescribeTrainingJob", TrainingJobName="job")
    assert (job["ProfilerConfig"]["ProfilingIntervalInMilliseconds"], job["ProfilingStatus"]) == (500, "Disabled")
    jobs.kit.call("StopTrainingJob", TrainingJobName="job")
    jobs.kit.ended("Training")
    with pytest.raises(ServiceError, match="cannot be profiled"):
        jobs.kit.call("UpdateTrainingJob", TrainingJobName="job", ProfilerConfig=interval)


def _restarted(jobs, tmp_path):
    """A cloud that was killed and started again with what the first one kept."""
    kept = json.loads(json.dumps(jobs.kit.sm.snapshot()))
    jobs.kit.sm.close()
    stale = tmp_path / "again" / "jobs" / "stale-1"
    stale.mkdir(parents=True)
    jobs.kit.sm = SageMaker(jobs.kit.host, tmp_path / "again", Limits(job_grace_seconds=1, job_grace_floor_seconds=1))
    jobs.kit.sm.resume(kept)
    assert not stale.exists()


def test_restart_fails_a_job_as_the_service_would(jobs, tmp_path):
    jobs.train("wait()")
    jobs.waiting()
    _restarted(jobs, tmp_path)
    job = jobs.kit.ended("Training")
    assert job["FailureReason"].startswith("InternalServerError: We encountered an internal error. Please try again.")
    jobs.kit.sm.close()


def test_restart_resumes_a_spot_job_from_its_checkpoint(jobs, tmp_path):
    jobs.train(STEPS, **SPOT)
    jobs.kit.until(lambda: jobs.objects.get(("artefacts", "ck/step")) == b"3")
    _restarted(jobs, tmp_path)
    job = jobs.kit.ended("Training")
    assert job["TrainingJobStatus"] == "Completed", job
    assert jobs.model_json() == 3
    assert "Interrupted" in jobs.stages(job)
    jobs.kit.sm.close()


def test_restart_takes_an_attempt_of_the_retry_strategy(jobs, tmp_path):
    code = "wait() if not tree('checkpoints') and write('checkpoints/a', '1') is None else write('model/a', 'A')"
    checkpoints = {"S3Uri": "s3://artefacts/ck"}
    jobs.train(code, RetryStrategy={"MaximumRetryAttempts": 1}, CheckpointConfig=checkpoints)
    jobs.kit.until(lambda: ("artefacts", "ck/a") in jobs.objects)
    _restarted(jobs, tmp_path)
    assert jobs.kit.ended("Training")["TrainingJobStatus"] == "Completed"
    jobs.kit.sm.close()


def test_restart_ends_what_was_stopping_and_leaves_what_had_ended(jobs, tmp_path):
    jobs.trained("write('model/a', 'A')", "done")
    jobs.train("signal.signal(signal.SIGTERM, signal.SIG_IGN); wait()")
    jobs.waiting()
    jobs.kit.call("StopTrainingJob", TrainingJobName="job")
    _restarted(jobs, tmp_path)
    assert jobs.kit.ended("Training")["TrainingJobStatus"] == "Stopped"
    assert jobs.kit.ended("Training", "done")["TrainingJobStatus"] == "Completed"
    jobs.kit.sm.close()


def test_shutting_down_leaves_no_job_thread_and_no_false_end(jobs):
    jobs.train("wait()")
    jobs.waiting()
    jobs.kit.sm.close()
    assert not [one for one in threading.enumerate() if one.name.startswith(("job-", "pipe-"))]
    kept = jobs.kit.sm.snapshot()[0]["tables"]["training_jobs"]["job"]
    assert kept["TrainingJobStatus"] == "InProgress"


@pytest.mark.fault("B11")
def test_a_stopped_job_is_gone_with_all_that_it_started(jobs):
    jobs.train("subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']); wait()")
    jobs.waiting()
    began = time.monotonic()
    jobs.kit.call("StopTrainingJob", TrainingJobName="job")
    jobs.kit.call("StopTrainingJob", TrainingJobName="job")  # again: nothing new
    job = jobs.kit.ended("Training")
    assert jobs.stages(job).count("Stopping") == 2  # once asked, once while what it left is uploaded
    assert time.monotonic() - began < 5
    assert jobs.kit.sm.processes() == []
