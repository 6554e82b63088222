import gzip
import json
import struct

import pytest

from rehearsal.sagemaker import ServiceError

# Reads three epochs of the channel `train` and reports them.
PIPES = """
epochs = []
for n in range(3):
    with open(path('input/data/train_%d' % n), 'rb') as pipe:
        epochs.append(pipe.read().decode('latin-1'))
write('model/report.json', json.dumps({'epochs': epochs, 'config': config('inputdataconfig')}))
"""


def _pipe(jobs, code=PIPES, **channel):
    job = jobs.trained(code, InputDataConfig=[jobs.channel(InputMode="Pipe", **channel)])
    assert job["TrainingJobStatus"] == "Completed", job
    return jobs.model_json()


def test_pipe_mode_gives_the_data_anew_in_every_epoch(jobs):
    jobs.put("in/a.csv", b"1,2\n" * 50_000)
    jobs.put("in/b.csv", b"3,4\n")
    report = _pipe(jobs)
    assert report["epochs"] == ["1,2\n" * 50_000 + "3,4\n"] * 3
    assert report["config"]["train"]["TrainingInputMode"] == "Pipe"


def test_a_reader_may_leave_an_epoch_early(jobs):
    jobs.put("in/a.csv", b"x" * 1_000_000)
    code = """
with open(path('input/data/train_0'), 'rb') as pipe: first = pipe.read(10)
with open(path('input/data/train_1'), 'rb') as pipe: second = pipe.read()
write('model/report.json', json.dumps([len(first), len(second)]))
"""
    assert _pipe(jobs, code) == [10, 1_000_000]


def test_pipe_mode_unzips(jobs):
    jobs.put("in/a.csv.gz", gzip.compress(b"one\n") + gzip.compress(b"two\n"))
    assert _pipe(jobs, CompressionType="Gzip")["epochs"] == ["one\ntwo\n"] * 3


def test_objects_are_wrapped_as_recordio(jobs):
    jobs.put("in/a", b"abcde")
    jobs.put("in/b", b"")
    first = struct.pack("<II", 0xCED7230A, 5) + b"abcde\0\0\0"
    assert _pipe(jobs, RecordWrapperType="RecordIO")["epochs"][0].encode("latin-1") == first + struct.pack(
        "<II", 0xCED7230A, 0
    )


def test_shuffling_differs_by_epoch_and_is_repeatable(jobs):
    for number in range(9):
        jobs.put(f"in/{number}", str(number).encode())
    first = _pipe(jobs, ShuffleConfig={"Seed": 7})["epochs"]
    assert len(set(first)) == 3
    assert {"".join(sorted(epoch)) for epoch in first} == {"012345678"}
    jobs.trained(PIPES, "again", InputDataConfig=[jobs.channel(InputMode="Pipe", ShuffleConfig={"Seed": 7})])
    assert jobs.model_json("again")["epochs"] == first


def test_an_augmented_manifest_streams_attributes_and_what_they_refer_to(jobs):
    jobs.put("images/1", b"<one>")
    lines = [{"source-ref": "s3://data/images/1", "label": 3, "other": "no"}, {"source": "plain", "label": 4}]
    jobs.put("list.jsonl", "\n".join(json.dumps(line) for line in lines[:1]).encode())
    source = {"AttributeNames": ["source-ref", "label"]}
    report = _pipe(jobs, uri="s3://data/list.jsonl", kind="AugmentedManifestFile", source=source)
    assert report["epochs"][0] == "<one>3"


def test_a_failing_pipe_fails_the_job_in_the_services_words(jobs):
    jobs.put("in/a.gz", b"not gzip")
    job = jobs.trained(PIPES, InputDataConfig=[jobs.channel(InputMode="Pipe", CompressionType="Gzip")])
    assert job["FailureReason"].startswith("ClientError: Data download failed:train")


def test_fast_file_mode_is_a_read_only_directory(jobs):
    jobs.put("in/sub/a.csv", b"1")
    code = """
modes = [os.stat(path('input/data/train', name)).st_mode & 0o777 for name in ('sub/a.csv', '')]
write('model/report.json', json.dumps([tree('input/data/train'), *modes]))
"""
    job = jobs.trained(code, InputDataConfig=[jobs.channel(InputMode="FastFile")])
    assert job["TrainingJobStatus"] == "Completed", job
    assert jobs.model_json() == [["sub/a.csv"], 0o444, 0o555]


@pytest.mark.parametrize(
    ("channel", "words"),
    [
        ({"CompressionType": "Gzip"}, "only with Pipe input mode"),
        ({"RecordWrapperType": "RecordIO", "InputMode": "FastFile"}, "only with Pipe input mode"),
        ({"kind": "AugmentedManifestFile", "source": {"AttributeNames": ["a"]}}, "only with Pipe input mode"),
        ({"kind": "AugmentedManifestFile", "InputMode": "Pipe"}, "AttributeNames must be given"),
    ],
)
def test_channels_that_cannot_be_are_refused(jobs, channel, words):
    with pytest.raises(ServiceError, match=words):
        jobs.train("", InputDataConfig=[jobs.channel(**channel)])


def test_channel_names_are_unique(jobs):
    with pytest.raises(ServiceError, match="must be unique"):
        jobs.train("", InputDataConfig=[jobs.channel(), jobs.channel()])


def test_a_manifest_that_is_none_is_named(jobs):
    jobs.put("list.json", b"[1, 2]")
    job = jobs.trained("", InputDataConfig=[jobs.channel("s3://data/list.json", kind="ManifestFile")])
    assert '"s3://data/list.json" is not a manifest' in job["FailureReason"]


@pytest.mark.fault("B12")
@pytest.mark.parametrize(
    ("how", "seen"), [("empty", ""), ("truncated", "y,x\n"), ("column", "x\n2\n"), ("garbled", "\u0086\u00d3")]
)
def test_spoiled_training_data_reaches_the_container(jobs, how, seen):
    jobs.put("in/a.csv", b"y,x\n1,2\n")
    jobs.kit.sm.fault("B12", job="job", data=how)
    code = "write('model/report.json', json.dumps(open(path('input/data/train/a.csv'), encoding='latin-1').read()))"
    jobs.trained(code, InputDataConfig=[jobs.channel()])
    assert jobs.model_json()[: len(seen)] == seen
    assert (how == "empty") == (jobs.model_json() == "")


def test_output_can_be_left_unpacked(jobs):
    output = {"S3OutputPath": "s3://artefacts/runs", "CompressionType": "NONE"}
    job = jobs.trained("write('model/a/b.txt', 'B'); write('output/data/n.txt', 'N')", OutputDataConfig=output)
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": "s3://artefacts/runs/job/output/model/"}
    assert jobs.objects["artefacts", "runs/job/output/model/a/b.txt"] == b"B"
    assert jobs.objects["artefacts", "runs/job/output/data/n.txt"] == b"N"


def test_the_output_key_is_used(jobs, encrypted):
    jobs.trained(
        "write('model/a', 'A')",
        OutputDataConfig={"S3OutputPath": "s3://artefacts/runs", "KmsKeyId": "alias/models"},
        CheckpointConfig={"S3Uri": "s3://artefacts/ck"},
    )
    assert encrypted["runs/job/output/model.tar.gz"] == ("aws:kms", "alias/models")


@pytest.mark.fault("B15")
def test_a_denied_output_key_fails_the_job_and_writes_nothing_in_plain(jobs):
    jobs.kit.sm.fault("B15", job="job")
    output = {"S3OutputPath": "s3://artefacts/runs", "KmsKeyId": "alias/models"}
    job = jobs.trained("write('model/a', 'A')", OutputDataConfig=output)
    assert job["TrainingJobStatus"] == "Failed"
    assert "kms:GenerateDataKey" in job["FailureReason"]
    assert not jobs.objects


def test_debugger_and_tensorboard_output_is_mirrored(jobs):
    job = jobs.trained(
        "write('output/tensors/t', '1'); write('output/tensorboard/b', '2'); config('debughookconfig')",
        DebugHookConfig={"S3OutputPath": "s3://artefacts/debug"},
        TensorBoardOutputConfig={"S3OutputPath": "s3://artefacts/board"},
    )
    assert job["TrainingJobStatus"] == "Completed", job
    assert jobs.objects["artefacts", "debug/job/debug-output/t"] == b"1"
    assert jobs.objects["artefacts", "board/job/tensorboard-output/b"] == b"2"
