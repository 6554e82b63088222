import base64
import json
import threading
import time

import pytest

CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://capture/flights/capture",
    "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
}


def _captured(kit):
    kit.sm.flush()
    keys = sorted(key for bucket, key in kit.host.objects if bucket == "capture")
    lines = [line for key in keys for line in kit.host.objects["capture", key].decode().splitlines()]
    return keys, [json.loads(line) for line in lines]


def _values(kit, metric, dimensions):
    kit.sm.flush()
    found = []
    for one in kit.host.metrics:
        if one["MetricName"] == metric and {d["Name"] for d in one["Dimensions"]} == dimensions:
            assert one["Namespace"] == "AWS/SageMaker"
            for value, count in zip(one["Values"], one["Counts"], strict=True):
                found += [value] * int(count)
    return found


def test_a_models_error_is_a_424_with_its_words(kit):
    kit.endpoint()
    status, headers, body = kit.invoke(b"bad")
    document = json.loads(body)
    assert (status, headers["x-amzn-ErrorType"]) == (424, "ModelError")
    assert document["OriginalStatusCode"] == 400
    assert document["OriginalMessage"] == "row 1: not a number"
    assert document["LogStreamArn"] == "arn:aws:logs:eu-west-1:111122223333:log-group:/aws/sagemaker/Endpoints/e"
    assert document["Message"].startswith('Received client error (400) from primary with message "row 1: not a number"')


def test_a_model_that_does_not_answer_in_time_is_an_error_too(kit):
    kit.endpoint()
    status, _, body = kit.invoke(b"hang")
    assert status == 424
    assert "timed out while waiting for a response" in json.loads(body)["Message"]


def test_a_request_that_kills_every_instance_ends(kit):
    kit.endpoint(count=2)
    assert kit.invoke(b"die")[0] == 424


def test_every_instance_that_gave_no_answer_counts_as_an_error_of_its_fleet(kit):
    """Else a version that crashes now and then would be hidden by those that are asked next, also from the alarms."""
    kit.endpoint(count=2)
    kit.invoke(b"die")
    kit.sm._core.metrics.flush()
    errors = [m for m in kit.host.metrics if m["MetricName"] == "Invocation5XXErrors" and len(m["Dimensions"]) == 2]
    assert sum(v * n for m in errors for v, n in zip(m["Values"], m["Counts"], strict=True)) >= 2


def test_who_refuses_a_connection_is_not_asked_again(kit):
    """Else every request that comes before its /ping fails counts against the fleet: alarms would see a storm."""
    kit.endpoint(count=2)
    kit.invoke(b"deaf")
    assert {status for status, _, _ in map(kit.invoke, [b"1"] * 20)} == {200}
    assert sum(_values(kit, "Invocation5XXErrors", {"EndpointName", "VariantName"})) <= 2, "one waits in the backlog"


def test_unknown_endpoint_and_oversized_body_are_refused(kit):
    status, _, body = kit.invoke()
    assert (status, json.loads(body)["Message"]) == (400, "Endpoint e of account 111122223333 not found.")
    kit.endpoint()
    assert kit.invoke(b"x" * 6_291_457)[0] == 413
    assert kit.invoke(b"x" * 6_291_456)[0] == 200


def test_only_the_documented_headers_reach_the_container(kit):
    kit.endpoint()
    _, headers, body = kit.invoke(
        b"headers",
        **{
            "X-Amzn-SageMaker-Custom-Attributes": "a=1",
            "X-Amzn-SageMaker-Inference-Id": "id-1",
            "Authorization": "secret",
            "Accept": "text/csv",
        },
    )
    seen = {name.lower(): value for name, value in json.loads(body).items()}
    assert seen["x-amzn-sagemaker-custom-attributes"] == "a=1"
    assert seen["x-amzn-sagemaker-inference-id"] == "id-1"
    assert seen["accept"] == "text/csv"
    assert "authorization" not in seen
    assert headers["X-Amzn-SageMaker-Custom-Attributes"] == "seen"


def test_a_server_sees_a_clean_environment(kit, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "leak")
    kit.endpoint()
    environment = json.loads(kit.invoke(b"environment")[2])
    assert "leak" not in environment.values()
    assert "PYTHONPATH" not in environment
    assert environment["SAGEMAKER_BASE_DIR"].endswith("opt/ml")


def test_metrics_exist_for_the_variant_and_for_its_config(kit):
    kit.endpoint()
    kit.invoke_many([b"1"] * 7 + [b"bad"])
    both = {"EndpointName", "VariantName"}
    for dimensions in (both, both | {"EndpointConfigName"}):
        assert sum(_values(kit, "Invocations", dimensions)) == 8
        assert sorted(_values(kit, "Invocation4XXErrors", dimensions)) == [0.0] * 7 + [1.0]
        assert _values(kit, "Invocation5XXErrors", dimensions) == [0.0] * 8
        assert sum(_values(kit, "InvocationModelErrors", dimensions)) == 1
        latencies = _values(kit, "ModelLatency", dimensions)
        assert len(latencies) == 8
        assert all(50 < value < 2_000_000 for value in latencies), "microseconds"
    assert {d["Value"] for one in kit.host.metrics for d in one["Dimensions"]} == {"e", "main", "v1"}


def test_a_broken_model_counts_as_5xx(kit):
    kit.endpoint(mode="broken")
    assert kit.invoke()[0] == 424
    assert _values(kit, "Invocation5XXErrors", {"EndpointName", "VariantName"}) == [1.0]


def test_capture_writes_the_documented_records_under_the_hour(kit):
    kit.endpoint(DataCaptureConfig=CAPTURE)
    kit.invoke(b"0.12,3.4,blue\n", **{"X-Amzn-SageMaker-Inference-Id": "order-10233"})
    keys, records = _captured(kit)
    assert len(keys) == 1
    assert keys[0].startswith("flights/capture/e/main/2026/11/20/14/05-09-000-")
    record = records[0]
    assert record["eventMetadata"].pop("eventId")
    assert record == {
        "captureData": {
            "endpointInput": {
                "observedContentType": "text/csv", "mode": "INPUT", "data": "0.12,3.4,blue\n", "encoding": "CSV",
            },
            "endpointOutput": {
                "observedContentType": "text/csv; charset=utf-8", "mode": "OUTPUT", "data": "1", "encoding": "CSV",
            },
        },
        "eventMetadata": {"inferenceId": "order-10233", "inferenceTime": "2026-11-20T14:05:09Z"},
        "eventVersion": "0",
    }  # fmt: skip
    described = kit.call("DescribeEndpoint", EndpointName="e")["DataCaptureConfig"]
    assert (described["CaptureStatus"], described["CurrentSamplingPercentage"]) == ("Started", 100)


@pytest.mark.fault("E14")
def test_types_that_are_not_listed_are_captured_as_base64(kit):
    kit.endpoint(DataCaptureConfig={key: value for key, value in CAPTURE.items() if key != "CaptureContentTypeHeader"})
    kit.invoke(b"1,2")
    side = _captured(kit)[1][0]["captureData"]["endpointInput"]
    assert (side["encoding"], base64.b64decode(side["data"])) == ("BASE64", b"1,2")
    assert "inferenceId" not in _captured(kit)[1][0]["eventMetadata"]


def test_sampling_takes_its_percentage(kit):
    kit.endpoint(DataCaptureConfig=CAPTURE | {"InitialSamplingPercentage": 25})
    kit.invoke_many([b"1"] * 40)
    assert len(_captured(kit)[1]) == 10


@pytest.mark.fault("E13")
def test_a_record_lies_under_the_hour_of_its_invocation(kit, clock):
    kit.endpoint(DataCaptureConfig=CAPTURE)
    kit.invoke()
    clock.advance(3600)
    kit.invoke()
    keys, records = _captured(kit)
    assert [key.split("/")[7] for key in keys] == ["14", "15"]
    assert [one["eventMetadata"]["inferenceTime"] for one in records] == [
        "2026-11-20T14:05:09Z",
        "2026-11-20T15:05:09Z",
    ]


@pytest.mark.fault("H04")
def test_captured_records_wait_until_they_can_be_written(kit, monkeypatch):
    kit.endpoint(DataCaptureConfig=CAPTURE)
    works = kit.host.client

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kit.host, "client", full)
    kit.invoke_many([b"1"] * 3)
    assert _captured(kit)[1] == []
    monkeypatch.setattr(kit.host, "client", works)
    assert len(_captured(kit)[1]) == 3


def test_errors_are_not_captured(kit):
    kit.endpoint(DataCaptureConfig=CAPTURE)
    kit.invoke(b"bad")
    assert _captured(kit)[1] == []


def test_close_does_not_wait_for_a_host_that_no_longer_answers(kit, monkeypatch):
    kit.endpoint(DataCaptureConfig=CAPTURE)
    release = threading.Event()
    monkeypatch.setattr(kit.host, "client", lambda *_args: release.wait(60))
    kit.invoke()
    began = time.monotonic()
    kit.sm.close()
    release.set()
    assert time.monotonic() - began < 6
    assert kit.sm.processes() == []
