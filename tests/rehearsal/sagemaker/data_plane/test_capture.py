"""Data capture: what is recorded of a request, and which requests."""

import json

import pytest

from rehearsal.host import Scope
from rehearsal.sagemaker.serving.capture import CaptureTarget, _sampler

CAPTURE = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://capture/x",
    "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"], "JsonContentTypes": ["application/json"]},
}


def _records(plane):
    plane.kit.sm.flush()
    found = []
    for (bucket, _), body in sorted(plane.kit.host.objects.items()):
        if bucket == "capture":
            found += [json.loads(line) for line in body.decode().splitlines()]
    return found


def _endpoint(plane, **changed):
    plane.endpoint(plane.variant(plane.model("m", plane.container())), DataCaptureConfig=CAPTURE | changed)


def test_json_csv_and_the_rest_have_their_encodings(plane):
    _endpoint(plane)
    plane.invoke(b"headers", Custom_Attributes="trace=1")
    side = _records(plane)[0]["captureData"]
    assert (side["endpointInput"]["encoding"], side["endpointOutput"]["encoding"]) == ("CSV", "JSON")
    assert _records(plane)[0]["eventMetadata"]["customAttributes"] == ["trace=1"]


@pytest.mark.parametrize(("mode", "sides"), [("Input", {"endpointInput"}), ("Output", {"endpointOutput"})])
def test_only_the_side_asked_for_is_recorded(plane, mode, sides):
    _endpoint(plane, CaptureOptions=[{"CaptureMode": mode}])
    plane.invoke(b"1")
    assert set(_records(plane)[0]["captureData"]) == sides


def test_text_only_by_its_content_type_is_base64(plane):
    _endpoint(plane)
    plane.invoke(b"\xff\xfe")
    assert _records(plane)[0]["captureData"]["endpointInput"] == {
        "observedContentType": "text/csv", "mode": "INPUT", "data": "//4=", "encoding": "BASE64",
    }  # fmt: skip


def test_the_key_of_the_config_encrypts_what_is_written(plane, monkeypatch):
    seen = []
    plain = plane.kit.host.client

    def client(service, role, scope):
        made = plain(service, role, scope)
        put = made.put_object
        made.put_object = lambda **more: (seen.append(more), put(**more))[1]
        return made

    monkeypatch.setattr(plane.kit.host, "client", client)
    key = "arn:aws:kms:eu-west-1:111122223333:key/1"
    _endpoint(plane, KmsKeyId=key)
    plane.invoke(b"1")
    assert _records(plane)
    assert (seen[-1]["ServerSideEncryption"], seen[-1]["SSEKMSKeyId"]) == ("aws:kms", key)


@pytest.mark.fault("E02")
def test_capture_stops_on_a_full_disk_while_the_endpoint_serves(plane):
    _endpoint(plane)
    plane.kit.sm.fault("E02", times=2, endpoint="e")
    assert {answer[0] for answer in plane.many([b"1"] * 3)} == {200}
    assert len(_records(plane)) == 1
    described = plane.kit.call("DescribeEndpoint", EndpointName="e")["DataCaptureConfig"]
    assert described["CaptureStatus"] == "Started", "the service does not tell"


@pytest.mark.fault("E14")
def test_encodings_can_be_mixed(plane):
    _endpoint(plane)
    plane.kit.sm.fault("E14", endpoint="e")
    for _ in range(2):
        plane.invoke(b"1,2")
    encodings = [one["captureData"]["endpointInput"]["encoding"] for one in _records(plane)]
    assert encodings == ["BASE64", "CSV"]


@pytest.mark.parametrize("percent", [0, 1, 7, 25, 50, 99, 100])
def test_sampling_takes_exactly_its_share_the_same_requests_each_time(percent):
    def target(endpoint):
        config = CAPTURE | {"InitialSamplingPercentage": percent}
        return CaptureTarget.of(config, Scope("1", "r"), endpoint, "v", "role")

    def taken(endpoint):
        sampler = _sampler(target(endpoint))
        return [next(sampler) for _ in range(1000)]

    assert sum(taken("e")) == percent * 10
    assert taken("e") == taken("e")
    if percent == 50:
        assert taken("e") != taken("f")


def test_a_pattern_in_the_traffic_cannot_hide_from_sampling():
    config = CAPTURE | {"InitialSamplingPercentage": 50}
    target = CaptureTarget.of(config, Scope("1", "r"), "e", "v", "role")
    assert target is not None
    sampler = _sampler(target)
    callers = {"a": 0, "b": 0}
    for number in range(2000):
        callers["ab"[number % 2]] += next(sampler)
    assert min(callers.values()) > 400
