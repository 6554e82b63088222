import json

import pytest

from rehearsal.sagemaker import ServiceError

REPORT = "write('model/report.json', json.dumps({'resources': config('resourceconfig'), 'env': dict(os.environ)}))"
TWO = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 10}
# Each host listens on its own address and greets the other one by name.
GREET = """
me = config('resourceconfig')['current_host']
other = next(host for host in config('resourceconfig')['hosts'] if host != me)
assert socket.gethostname() == me
server = socket.create_server((me, 23456)); server.settimeout(10)
def call():
    for _ in range(500):
        try: return socket.create_connection((other, 23456), 1)
        except OSError: time.sleep(0.02)
    raise SystemExit(7)
client = call(); peer, _ = server.accept()
client.sendall(me.encode()); client.close()
said = peer.recv(99).decode()
write('model/' + me + '.txt', said); write('model/same.txt', me); write('output/data/' + me, 'data')
"""


def test_hosts_of_a_job_reach_each_other_by_name_and_their_models_are_merged(jobs):
    job = jobs.trained(GREET, ResourceConfig=TWO)
    assert job["TrainingJobStatus"] == "Completed", job
    assert jobs.model_files() == {"algo-1.txt": "algo-2", "algo-2.txt": "algo-1", "same.txt": "algo-1"}
    assert sorted(jobs.model_files(file="output.tar.gz")) == ["algo-1", "algo-2"]


def test_resourceconfig_tells_groups_and_hosts(jobs):
    groups = [
        {"InstanceType": "ml.m5.large", "InstanceCount": 1, "InstanceGroupName": "data"},
        {"InstanceType": "ml.c5.xlarge", "InstanceCount": 2, "InstanceGroupName": "compute"},
    ]
    code = "write('model/' + config('resourceconfig')['current_host'], json.dumps(config('resourceconfig')))"
    job = jobs.trained(code, ResourceConfig={"InstanceGroups": groups, "VolumeSizeInGB": 10})
    assert job["TrainingJobStatus"] == "Completed", job
    assert json.loads(jobs.model_files()["algo-2"]) == {
        "current_host": "algo-2",
        "current_instance_type": "ml.c5.xlarge",
        "current_group_name": "compute",
        "hosts": ["algo-1", "algo-2", "algo-3"],
        "instance_groups": [
            {"instance_group_name": "data", "instance_type": "ml.m5.large", "hosts": ["algo-1"]},
            {"instance_group_name": "compute", "instance_type": "ml.c5.xlarge", "hosts": ["algo-2", "algo-3"]},
        ],
        "network_interface_name": "lo",
    }


def test_one_failing_host_fails_the_job_and_ends_the_others(jobs):
    code = """
if config('resourceconfig')['current_host'] == 'algo-2':
    write('output/failure', 'out of luck'); sys.exit(5)
wait()
"""
    job = jobs.trained(code, ResourceConfig=TWO)
    assert job["FailureReason"] == "AlgorithmError: out of luck, exit code: 5"
    assert jobs.kit.sm.processes() == []


def test_each_host_gets_its_share_of_the_objects(jobs):
    for number in range(5):
        jobs.put(f"in/{number}.csv", b"x")
    code = "write('model/' + config('resourceconfig')['current_host'], ' '.join(tree('input/data/train')))"
    channel = jobs.channel(source={"S3DataDistributionType": "ShardedByS3Key"})
    assert jobs.trained(code, ResourceConfig=TWO, InputDataConfig=[channel])["TrainingJobStatus"] == "Completed"
    assert jobs.model_files() == {"algo-1": "0.csv 2.csv 4.csv", "algo-2": "1.csv 3.csv"}


def test_a_channel_may_be_for_some_groups_only(jobs):
    jobs.put("in/a.csv", b"x")
    groups = [{"InstanceType": "ml.m5.large", "InstanceCount": 1, "InstanceGroupName": name} for name in ("one", "two")]
    resources = {"InstanceGroups": groups, "VolumeSizeInGB": 10}
    code = "write('model/' + config('resourceconfig')['current_host'], json.dumps(list(config('inputdataconfig'))))"
    channel = jobs.channel(source={"InstanceGroupNames": ["two"]})
    assert jobs.trained(code, ResourceConfig=resources, InputDataConfig=[channel])["TrainingJobStatus"] == "Completed"
    assert jobs.model_files() == {"algo-1": "[]", "algo-2": '["train"]'}
    unknown = jobs.channel(source={"InstanceGroupNames": ["three"]})
    with pytest.raises(ServiceError, match="instance group that does not exist: three"):
        jobs.train(code, "other", ResourceConfig=resources, InputDataConfig=[unknown])


def test_what_hosts_use_is_published(jobs, monkeypatch):
    monkeypatch.setattr("rehearsal.sagemaker.jobs.utilization.INTERVAL_SECONDS", 0.2)
    seen = lambda: {  # noqa: E731
        (one["MetricName"], one["Dimensions"][0]["Value"]): one["Value"] for one in jobs.kit.host.metrics
    }
    jobs.train("print('waiting', flush=True)\nwhile True: pass", ResourceConfig=TWO)
    jobs.kit.until(lambda: seen().get(("CPUUtilization", "job/algo-2"), 0) > 20)
    assert seen()["MemoryUtilization", "job/algo-1"] > 0
    assert seen()["DiskUtilization", "job/algo-1"] > 0
    jobs.kit.call("StopTrainingJob", TrainingJobName="job")
    jobs.kit.ended("Training")


def test_one_host_sees_nothing_of_the_mechanism_for_names(jobs):
    assert jobs.trained(REPORT)["TrainingJobStatus"] == "Completed"
    environment = jobs.model_json()["env"]
    assert "SLIPWAY_HOSTS" not in environment
    assert "PYTHONPATH" not in environment


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"VolumeSizeInGB": 10}, "must have InstanceType and InstanceCount"),
        ({"InstanceType": "ml.m5.large", "InstanceCount": 0, "VolumeSizeInGB": 1}, "InstanceCount must be 1 or more"),
        ({**TWO, "InstanceGroups": [{"InstanceType": "ml.m5.large", "InstanceCount": 1, "InstanceGroupName": "a"}]},
         "cannot be given together"),
        ({**TWO, "TrainingPlanArn": "arn:aws:sagemaker:eu-west-1:111122223333:training-plan/p"}, "training plans"),
    ],
)  # fmt: skip
def test_clusters_that_cannot_be_are_refused(jobs, resources, words):
    with pytest.raises(ServiceError, match=words):
        jobs.train(REPORT, ResourceConfig=resources)
