import gzip
import json
import threading

import pytest

from rehearsal.sagemaker import Limits, SageMaker, ServiceError

SUM = """
def answer(body, headers):
    rows = [line.split(",") for line in body.decode().splitlines()]
    return 200, "".join(str(sum(int(v) for v in row)) + "\\n" for row in rows).encode()
"""
COUNT = "def answer(body, headers): return 200, (str(len(body.splitlines())) + '\\n').encode()"


def test_each_object_becomes_one_with_the_suffix_out(jobs):
    jobs.put("in/a.csv", b"1,2\n3,4\n")
    jobs.put("in/sub/b.csv", b"5,6\n")
    jobs.model(SUM)
    job = jobs.transformed()
    assert job["TransformJobStatus"] == "Completed", job
    assert (jobs.out("a.csv.out"), jobs.out("sub/b.csv.out")) == (b"3\n7\n", b"11\n")
    assert job["TransformStartTime"] <= job["TransformEndTime"]
    statuses = [one["TransformJobStatus"] for one in jobs.kit.details("SageMaker Transform Job State Change")]
    assert statuses == ["InProgress", "InProgress", "Completed"]
    assert jobs.kit.sm.processes() == []


def test_the_container_sees_batch_variables_only_as_they_were_given(jobs):
    jobs.put("in/a", b"x\n")
    jobs.model("def answer(body, headers): return 200, json.dumps([dict(os.environ), dict(headers)]).encode()")
    jobs.transformed(output={"Accept": "application/json"}, Environment={"COLOUR": "blue"})
    environment, headers = json.loads(jobs.out("a.out"))
    assert environment["SAGEMAKER_BATCH"] == "true"
    assert environment["COLOUR"] == "blue"
    assert not [name for name in environment if name in ("SAGEMAKER_BATCH_STRATEGY", "SAGEMAKER_MAX_PAYLOAD_IN_MB")]
    assert (headers["Content-Type"], headers["Accept"]) == ("text/csv", "application/json")
    jobs.transformed("two", BatchStrategy="MultiRecord", MaxPayloadInMB=1, MaxConcurrentTransforms=2)
    environment, _ = json.loads(jobs.out("a.out"))
    assert environment["SAGEMAKER_BATCH_STRATEGY"] == "MULTI_RECORD"
    assert environment["SAGEMAKER_MAX_PAYLOAD_IN_MB"] == "1"
    assert environment["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] == "2"


@pytest.mark.parametrize(
    ("settings", "source", "expected"),
    [
        ({"BatchStrategy": "SingleRecord"}, {}, b"1\n1\n1\n"),
        ({"BatchStrategy": "MultiRecord"}, {}, b"3\n"),
        ({"BatchStrategy": "MultiRecord"}, {"SplitType": "None"}, b"3\n"),
        ({"BatchStrategy": "SingleRecord", "MaxConcurrentTransforms": 3}, {}, b"1\n1\n1\n"),
        ({"MaxPayloadInMB": 0}, {"SplitType": "None"}, b"3\n"),
    ],
)
def test_records_are_grouped_as_asked(jobs, settings, source, expected):
    jobs.put("in/a", b"a\nb\nc\n")
    jobs.model(COUNT)
    job = jobs.transformed(source=source, **settings)
    assert job["TransformJobStatus"] == "Completed", job
    assert jobs.out("a.out") == expected


def test_payloads_stay_within_their_bound(jobs):
    jobs.put("in/a", (b"x" * 400_000 + b"\n") * 5)
    jobs.model("def answer(body, headers): return 200, (str(len(body)) + ' ').encode()")
    jobs.transformed(MaxPayloadInMB=1)
    sizes = [int(size) for size in jobs.out("a.out").split()]
    assert sizes == [800_002, 800_002, 400_001]


def test_a_record_beyond_the_bound_fails_its_object_and_the_job_but_not_the_others(jobs):
    jobs.put("in/a", b"x" * 1_100_000 + b"\n")
    jobs.put("in/b", b"fine\n")
    jobs.model(COUNT)
    job = jobs.transformed(MaxPayloadInMB=1)
    assert (job["TransformJobStatus"], job["FailureReason"]) == (
        "Failed",
        "ClientError: See job logs for more information",
    )
    assert jobs.out("b.out") == b"1\n"
    assert ("artefacts", "out/a.out") not in jobs.objects
    assert any("data/in/a: a record of more than 1048576 bytes" in line for line in _log(jobs))


def _log(jobs):
    return jobs.kit.host.logs["/aws/sagemaker/TransformJobs"]


def test_settings_the_request_leaves_open_are_the_containers(jobs):
    jobs.put("in/a", b"a\nb\n")
    jobs.model(COUNT, OFFERED=json.dumps({"MaxConcurrentTransforms": 2, "BatchStrategy": "SINGLE_RECORD"}))
    jobs.transformed()
    assert jobs.out("a.out") == b"1\n1\n"
    jobs.transformed("two", BatchStrategy="MultiRecord")
    assert jobs.out("a.out") == b"2\n"


def test_order_is_kept_when_requests_overlap(jobs):
    jobs.put("in/a", b"".join(b"%d\n" % n for n in range(40)))
    jobs.model("def answer(body, headers): time.sleep(0.02 if int(body) % 2 == 0 else 0); return 200, body")
    jobs.transformed(BatchStrategy="SingleRecord", MaxConcurrentTransforms=8)
    assert jobs.out("a.out") == b"".join(b"%d\n" % n for n in range(40))


def test_assembling_by_line_ends_every_answer(jobs):
    jobs.put("in/a", b"a\nb\n")
    jobs.model("def answer(body, headers): return 200, body.strip().upper()")
    jobs.transformed(BatchStrategy="SingleRecord", output={"AssembleWith": "Line"})
    assert jobs.out("a.out") == b"A\nB\n"
    jobs.transformed("two", BatchStrategy="SingleRecord")
    assert jobs.out("a.out") == b"AB"


def test_zipped_input_is_unzipped(jobs):
    jobs.put("in/a.gz", gzip.compress(b"1,1\n2,2\n"))
    jobs.model(SUM)
    jobs.transformed(source={"CompressionType": "Gzip"})
    assert jobs.out("a.gz.out") == b"2\n4\n"


@pytest.mark.parametrize(
    ("processing", "expected"),
    [
        ({"InputFilter": "$[1:]"}, b"5\n11\n"),
        ({"InputFilter": "$[0,2]"}, b"12\n25\n"),
        ({"InputFilter": "$[1:]", "JoinSource": "Input"}, b"10,2,3,5\n20,6,5,11\n"),
        ({"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"}, b"10,5\n20,11\n"),
        ({"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[-1]"}, b"5\n11\n"),
    ],
)
def test_csv_is_filtered_and_joined(jobs, processing, expected):
    first = b"10,2,3\n20,6,5\n" if processing["InputFilter"] == "$[1:]" else b"10,9,2\n20,9,5\n"
    jobs.put("in/a.csv", first)
    jobs.model(SUM)
    job = jobs.transformed(DataProcessing=processing, output={"AssembleWith": "Line"})
    assert job["TransformJobStatus"] == "Completed", job
    body = jobs.out("a.csv.out")
    assert body == (expected if processing["InputFilter"] == "$[1:]" else b"12\n25\n")


def test_json_is_filtered_and_joined(jobs):
    jobs.put("in/a", b'{"id": 7, "features": [1, 2], "note": "n"}\n{"id": 8, "features": [3], "note": "m"}\n')
    code = """
def answer(body, headers):
    return 200, b"".join(json.dumps({"score": sum(json.loads(line))}).encode() + b"\\n" for line in body.splitlines())
"""
    jobs.model(code)
    jobs.transformed(
        source={"ContentType": "application/jsonlines"},
        DataProcessing={
            "InputFilter": "$.features", "JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']",
        },
    )  # fmt: skip
    assert [json.loads(line) for line in jobs.out("a.out").splitlines()] == [[7, {"score": 3}], [8, {"score": 3}]]
    jobs.transformed(
        "two", source={"ContentType": "application/jsonlines"},
        DataProcessing={"InputFilter": "$.features", "JoinSource": "Input"},
    )  # fmt: skip
    first = json.loads(jobs.out("a.out").splitlines()[0])
    assert first == {"id": 7, "features": [1, 2], "note": "n", "SageMakerOutput": {"score": 3}}


def test_predictions_that_do_not_match_their_records_cannot_be_joined(jobs):
    jobs.put("in/a.csv", b"1,2\n3,4\n")
    jobs.model("def answer(body, headers): return 200, b'1\\n'")
    job = jobs.transformed(DataProcessing={"JoinSource": "Input"})
    assert job["FailureReason"] == "ClientError: See job logs for more information"
    assert any("2 input records and 1 predictions" in line for line in _log(jobs))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"DataProcessing": {"InputFilter": "$..a"}}, "not supported from"),
        ({"DataProcessing": {"InputFilter": "features"}}, "must start with"),
        ({"source": {"ContentType": "image/png"}, "DataProcessing": {"JoinSource": "Input"}}, "needs ContentType"),
        ({"source": {"SplitType": "RecordIO"}}, "SplitType RecordIO"),
        ({"MaxPayloadInMB": 30, "MaxConcurrentTransforms": 4}, "must not exceed 100 MB"),
    ],
)
def test_requests_that_cannot_be_are_refused(jobs, more, words):
    jobs.model()
    with pytest.raises(ServiceError, match=words):
        jobs.transform(**more)


def test_an_unknown_model_is_named(jobs):
    with pytest.raises(ServiceError, match=r'Could not find model "arn:.*:model/m"'):
        jobs.transform()


@pytest.fixture
def quick(jobs, tmp_path):
    """A cloud that retries and gives up soon."""
    limits = Limits(transform_retry_seconds=0.01, startup_seconds=30, ping_seconds=0.03, server_grace_seconds=2)
    jobs.kit.sm = SageMaker(jobs.kit.host, tmp_path / "quick", limits)
    yield jobs
    jobs.kit.sm.close()


def test_a_server_error_is_tried_again_and_a_refusal_is_not(quick):
    quick.put("in/a", b"x\n")
    code = """
seen = []
def answer(body, headers):
    seen.append(1)
    print("asked", flush=True)
    return (int(os.environ["STATUS"]), b"no") if len(seen) < int(os.environ["GOOD"]) else (200, b"ok")
"""
    quick.model(code, STATUS="503", GOOD="3")
    assert quick.transformed()["TransformJobStatus"] == "Completed"
    assert quick.out("a.out") == b"ok"
    job = quick.transformed("two", Environment={"STATUS": "400"})
    assert job["FailureReason"] == "ClientError: See job logs for more information"
    assert any("Bad HTTP status received from algorithm: 400" in line for line in _log(quick))
    job = quick.transformed("three", Environment={"GOOD": "9"}, ModelClientConfig={"InvocationsMaxRetries": 1})
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert _log(quick).count("asked") == 3 + 1 + 2


def test_a_container_that_does_not_answer_in_time_fails_the_job(quick):
    quick.put("in/a", b"x\n")
    quick.model("def answer(body, headers): time.sleep(30); return 200, b''")
    job = quick.transformed(ModelClientConfig={"InvocationsTimeoutInSeconds": 1, "InvocationsMaxRetries": 0})
    assert job["FailureReason"] == "AlgorithmError: See job logs for more information"
    assert any("did not respond to /invocations request within 1 s" in line for line in _log(quick))


def test_a_container_that_never_starts_fails_the_job(quick):
    quick.put("in/a", b"x\n")
    quick.model("raise SystemExit(4)")
    assert "before it passed the ping health check, exit code: 4" in quick.transformed()["FailureReason"]


def test_stop_ends_the_servers_and_keeps_what_was_finished(jobs):
    jobs.put("in/a", b"x\n")
    jobs.put("in/b", b"hang\n")
    jobs.model("def answer(body, headers): time.sleep(30 if b'hang' in body else 0); return 200, b'ok'")
    jobs.transform()
    jobs.kit.until(lambda: ("artefacts", "out/a.out") in jobs.objects)
    jobs.kit.call("StopTransformJob", TransformJobName="job")
    assert jobs.kit.ended("Transform")["TransformJobStatus"] == "Stopped"
    assert ("artefacts", "out/b.out") not in jobs.objects
    assert jobs.kit.sm.processes() == []
    with pytest.raises(ServiceError, match="in status Stopped"):
        jobs.kit.call("StopTransformJob", TransformJobName="job")


def test_instances_share_the_objects(jobs):
    for number in range(6):
        jobs.put(f"in/{number}", b"x\n")
    jobs.model("def answer(body, headers): time.sleep(0.1); return 200, str(os.getpid()).encode()")
    job = jobs.transformed(count=2)
    assert job["TransformJobStatus"] == "Completed", job
    assert len({jobs.out(f"{number}.out") for number in range(6)}) == 2


def test_capture_writes_manifests_of_both_sides(jobs):
    jobs.put("in/a.csv", b"1,2\n")
    jobs.put("in/b.csv", b"3,4\n5,6\n")
    jobs.model(SUM)
    capture = {"DestinationS3Uri": "s3://artefacts/captured", "GenerateInferenceId": True}
    job = jobs.transformed(DataCaptureConfig=capture, output={"AssembleWith": "Line"})
    assert job["TransformJobStatus"] == "Completed", job
    found = {key: body for (_, key), body in jobs.objects.items() if key.startswith("captured/")}
    (side_in, side_out) = sorted(found)
    assert side_in.startswith("captured/input/2026/11/20/14/")
    assert json.loads(found[side_in]) == [{"prefix": "s3://data/in/"}, "a.csv", "b.csv"]
    assert json.loads(found[side_out]) == [{"prefix": "s3://artefacts/out/"}, "a.csv.out", "b.csv.out"]
    rows = [line.split(",") for line in jobs.out("b.csv.out").decode().splitlines()]
    assert [row[0] for row in rows] == ["7", "11"]
    assert len({row[1] for row in rows}) == 2
    assert rows[0][2].startswith("2026-11-20T14:05:")


def test_the_output_key_is_used(jobs, encrypted):
    jobs.put("in/a", b"x\n")
    jobs.model()
    jobs.transformed(output={"KmsKeyId": "alias/out"})
    assert encrypted == {"out/a.out": ("aws:kms", "alias/out")}


def test_a_missing_input_is_told_in_the_services_words(jobs):
    jobs.model()
    assert "No S3 objects found under S3 URL" in jobs.transformed()["FailureReason"]


def test_jobs_are_listed_newest_first(jobs, clock):
    jobs.put("in/a", b"x\n")
    jobs.model()
    for name in ("one", "two"):
        jobs.transformed(name)
        clock.advance(1)
    listed = jobs.kit.call("ListTransformJobs")["TransformJobSummaries"]
    assert [one["TransformJobName"] for one in listed] == ["two", "one"]


def test_restart_fails_a_job_as_the_service_would(jobs, tmp_path):
    jobs.put("in/a", b"x\n")
    jobs.model("def answer(body, headers): time.sleep(30); return 200, b''")
    jobs.transform()
    jobs.kit.until(lambda: "TransformStartTime" in jobs.kit.call("DescribeTransformJob", TransformJobName="job"))
    kept = json.loads(json.dumps(jobs.kit.sm.snapshot()))
    jobs.kit.sm.close()
    jobs.kit.sm = SageMaker(jobs.kit.host, tmp_path / "again", Limits())
    jobs.kit.sm.resume(kept)
    assert jobs.kit.ended("Transform")["FailureReason"].startswith("InternalServerError")
    jobs.kit.sm.close()
    assert not [one for one in threading.enumerate() if one.name.startswith("job-")]
