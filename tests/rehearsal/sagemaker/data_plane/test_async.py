"""Asynchronous endpoints."""

import json

import pytest

ON = ("EndpointName", "VariantName")
SUCCESS, ERROR = (f"arn:aws:sns:eu-west-1:111122223333:{name}" for name in ("success", "error"))


def _config(most=2, **output):
    topics = {
        "SuccessTopic": SUCCESS,
        "ErrorTopic": ERROR,
        "IncludeInferenceResponseIn": ["SUCCESS_NOTIFICATION_TOPIC"],
    }
    return {
        "ClientConfig": {"MaxConcurrentInvocationsPerInstance": most},
        "OutputConfig": {
            "S3OutputPath": "s3://artefacts/out", "S3FailurePath": "s3://artefacts/bad", "NotificationConfig": topics,
            **output,
        },
    }  # fmt: skip


@pytest.fixture
def queue(plane):
    plane.endpoint(plane.variant(plane.model("m", plane.container(SUFFIX="!"))), AsyncInferenceConfig=_config())
    return plane


def _send(plane, body=b"", **headers):
    status, answered, content = plane.invoke(body, "InvokeEndpointAsync", **headers)
    assert status == 202, content
    return answered, json.loads(content)["InferenceId"]


def _object(plane, uri):
    return plane.kit.until(lambda: plane.kit.host.objects.get(tuple(uri.removeprefix("s3://").split("/", 1))))


def test_input_is_read_and_output_written_and_told(queue):
    queue.kit.host.objects["artefacts", "in/1.csv"] = b"1,2"
    headers, inference_id = _send(queue, InputLocation="s3://artefacts/in/1.csv", Inference_Id="order-1")
    assert inference_id == "order-1"
    assert _object(queue, headers["X-Amzn-SageMaker-OutputLocation"]) == b"1,2!"
    topic, message = queue.kit.until(lambda: queue.topics.messages)[0]
    assert topic == SUCCESS
    assert message.pop("eventTime")
    assert message.pop("receivedTime") == "2026-11-20T14:05:09.000Z"
    assert message == {
        "awsRegion": "eu-west-1",
        "invocationStatus": "Completed",
        "requestParameters": {"endpointName": "e", "inputLocation": "s3://artefacts/in/1.csv"},
        "responseParameters": {
            "contentType": "text/csv", "outputLocation": headers["X-Amzn-SageMaker-OutputLocation"],
        },
        "responseBody": {"content": "1,2!", "encoding": "UTF-8"},
        "inferenceId": "order-1",
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }  # fmt: skip
    for metric in ("InvocationsProcesssed", "TimeInBacklog", "TotalProcessingTime", "ModelLatency"):
        assert len(queue.values(metric, *ON)) == 1
    for metric in ("Invocations", "OverheadLatency", "InvocationsPerInstance"):
        assert queue.values(metric, *ON) == [], "not published of asynchronous endpoints"


def test_an_inline_body_and_a_name_of_the_output(queue):
    headers, _ = _send(queue, b"7", S3OutputPathExtension="today", Filename="seven.csv")
    assert headers["X-Amzn-SageMaker-OutputLocation"] == "s3://artefacts/out/today/seven.csv"
    assert _object(queue, headers["X-Amzn-SageMaker-OutputLocation"]) == b"7!"


def test_a_refusal_of_the_model_goes_to_the_failure_path_and_topic(queue):
    headers, _ = _send(queue, b"status:400")
    assert _object(queue, headers["X-Amzn-SageMaker-FailureLocation"]) == b"as asked"
    topic, message = queue.kit.until(lambda: queue.topics.messages)[0]
    assert (topic, message["invocationStatus"]) == (ERROR, "Failed")
    assert message["failureReason"].startswith("ClientError: Received client error (400) from model.")
    assert queue.values("InvocationFailures", *ON) == [1.0]


def test_input_that_cannot_be_read_fails(queue):
    _send(queue, InputLocation="s3://artefacts/missing")
    _, message = queue.kit.until(lambda: queue.topics.messages)[0]
    assert "Failed to download s3://artefacts/missing" in message["failureReason"]
    assert queue.values("RequestDownloadFailures", *ON) == [1.0]


def test_no_more_at_once_than_the_config_allows_and_all_in_the_end(queue):
    sent = [_send(queue, b"sleep:0.1")[0] for _ in range(6)]
    seen = []
    live = queue.kit.sm._core.live[queue.kit.scope, "e"]

    def done():
        seen.append(max((one.in_flight for fleet in live.fleets() for one in fleet.instances), default=0))
        return len(queue.topics.messages) == 6

    queue.kit.until(done)
    assert max(seen) == 2
    assert all(_object(queue, headers["X-Amzn-SageMaker-OutputLocation"]) for headers in sent)


def test_requests_wait_while_there_is_no_instance_and_expire(queue, clock):
    live = queue.kit.sm._core.live[queue.kit.scope, "e"]
    (fleet,) = live.fleets()
    fleet.scale(0)
    _send(queue, b"1", RequestTTLSeconds="100")
    clock.advance(61)
    queue.kit.until(lambda: 1.0 in queue.values("HasBacklogWithoutCapacity", "EndpointName"))
    assert queue.values("ApproximateBacklogSize", "EndpointName")[-1] == 1.0
    assert queue.values("ApproximateAgeOfOldestRequest", "EndpointName") == [61.0]
    assert queue.topics.messages == []
    clock.advance(40)
    _, message = queue.kit.until(lambda: queue.topics.messages)[0]
    assert "expired" in message["failureReason"]
    assert queue.values("ExpiredRequests", *ON) == [1.0]


def test_a_model_that_is_too_slow_fails(queue):
    _send(queue, b"sleep:20", InvocationTimeoutSeconds="1")
    _, message = queue.kit.until(lambda: queue.topics.messages)[0]
    assert "did not respond within 1 seconds" in message["failureReason"]


def test_what_was_queued_is_worked_on_after_a_restart(queue, tmp_path, monkeypatch):
    from rehearsal.sagemaker import SageMaker

    (fleet,) = queue.kit.sm._core.live[queue.kit.scope, "e"].fleets()
    fleet.scale(0)
    headers, _ = _send(queue, b"late")
    kept = queue.kit.sm.snapshot()
    queue.kit.sm.close()
    again = SageMaker(queue.kit.host, tmp_path / "again", queue.kit.sm._core.limits)
    try:
        again.resume(kept)
        assert _object(queue, headers["X-Amzn-SageMaker-OutputLocation"]) == b"late!"
    finally:
        again.close()


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        (b"", {}, "either InputLocation or Body"),
        (b"x", {"InputLocation": "s3://a/b"}, "either InputLocation or Body"),
        (b"x" * 128_001, {}, "at most 128000 bytes"),
        (b"x", {"RequestTTLSeconds": "59"}, "greater than or equal to 60"),
        (b"x", {"InvocationTimeoutSeconds": "soon"}, "cannot be converted to an integer"),
        (b"x", {"S3OutputPathExtension": "../up"}, "must not contain"),
        (b"x", {"Filename": "a/b"}, "regular expression pattern"),
    ],
)
def test_wrong_requests_are_refused(queue, body, headers, words):
    status, answered, content = queue.invoke(body, "InvokeEndpointAsync", **headers)
    assert status in (400, 413)
    assert words in json.loads(content)["Message"]
    assert answered["x-amzn-ErrorType"] == "ValidationError"


def test_each_kind_of_endpoint_takes_its_own_operation(queue):
    assert "takes InvokeEndpointAsync only" in json.loads(queue.invoke(b"1")[2])["Message"]


def test_a_real_time_endpoint_takes_no_asynchronous_request(plane):
    plane.endpoint(plane.variant(plane.model("m", plane.container())))
    answer = plane.invoke(b"1", "InvokeEndpointAsync")
    assert "not an asynchronous endpoint" in json.loads(answer[2])["Message"]
