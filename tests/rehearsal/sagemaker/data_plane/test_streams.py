"""Answers that are streamed, sessions, and answers that are wrong."""

import json

import pytest
from botocore.eventstream import EventStreamBuffer

STREAM = "InvokeEndpointWithResponseStream"


@pytest.fixture
def single(plane):
    plane.endpoint(plane.variant(plane.model("m", plane.container(SUFFIX="!"))))
    return plane


def _events(parts):
    buffer = EventStreamBuffer()
    for part in parts:
        buffer.add_data(part)
    return [(event.headers, event.payload) for event in buffer]


def test_chunks_arrive_as_payload_parts_while_they_come(single):
    status, headers, parts = single.invoke(b"stream", STREAM)
    assert (status, headers["Content-Type"]) == (200, "application/vnd.amazon.eventstream")
    assert headers["X-Amzn-SageMaker-Content-Type"] == "text/plain"
    events = _events(parts)
    assert b"".join(payload for _, payload in events) == b"one two three"
    assert len(events) == 3
    assert {found[":event-type"] for found, _ in events} == {"PayloadPart"}
    assert len(single.values("Invocations", "EndpointName", "VariantName")) == 1


def test_a_stream_that_breaks_ends_with_a_model_stream_error(single):
    _, _, parts = single.invoke(b"stream broken", STREAM)
    headers, payload = _events(parts)[-1]
    assert (headers[":message-type"], headers[":exception-type"]) == ("exception", "ModelStreamError")
    assert json.loads(payload)["ErrorCode"] == "StreamBroken"
    assert single.values("Invocation5XXErrors", "EndpointName", "VariantName") == [1.0]


def test_a_refusal_before_the_first_byte_is_an_ordinary_model_error(single):
    status, headers, body = single.invoke(b"status:503", STREAM)
    assert (status, headers["x-amzn-ErrorType"], json.loads(body)["OriginalStatusCode"]) == (424, "ModelError", 503)


def test_a_whole_answer_streams_too(single):
    assert b"".join(payload for _, payload in _events(single.invoke(b"x", STREAM)[2])) == b"x!"


def test_a_session_stays_with_its_instance(plane):
    plane.endpoint(plane.variant(plane.model("m", plane.container()), InitialInstanceCount=3))
    status, headers, _ = plane.invoke(b"session", Session_Id="NEW_SESSION")
    assert (status, headers["X-Amzn-SageMaker-New-Session-Id"].partition(";")[0]) == (200, "s1")
    assert len({plane.invoke(b"pid", Session_Id="s1")[2] for _ in range(8)}) == 1
    assert plane.invoke(b"close session", Session_Id="s1")[0] == 200
    assert "does not exist or has expired" in json.loads(plane.invoke(b"pid", Session_Id="s1")[2])["Message"]


@pytest.mark.fault("S17")
@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"garbage", "malformed"),
        (b"cut", "cut off"),
        (b"size:6291457", "larger than 6291456 bytes"),
        (b"sleep:30", "timed out while waiting"),
    ],
)
def test_an_answer_that_is_wrong_is_a_model_error(single, body, words):
    status, headers, answer = single.invoke(body)
    assert (status, headers["x-amzn-ErrorType"]) == (424, "ModelError")
    assert words in json.loads(answer)["OriginalMessage"]
    assert single.invoke(b"x")[2] == b"x!", "others are unaffected"


def test_the_largest_request_and_answer_pass(single):
    assert len(single.invoke(b"size:6291456")[2]) == 6_291_456
    assert len(single.invoke(b"z" * 6_291_455)[2]) == 6_291_456
