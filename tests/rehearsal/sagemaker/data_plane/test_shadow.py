"""Copies of requests for a shadow variant."""

import json

import pytest

CAPTURE = {
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://capture/x",
    "CaptureOptions": [{"CaptureMode": "InputAndOutput"}],
    "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
}


def _endpoint(plane, shadow_weight=1.0, MODE="", **more):
    shadow = plane.variant(plane.model("new", plane.container(SUFFIX="-new", MODE=MODE)), "shadow")
    plane.endpoint(
        plane.variant(plane.model("old", plane.container(SUFFIX="-old"))),
        ShadowProductionVariants=[{**shadow, "InitialVariantWeight": shadow_weight}],
        **more,
    )


def _sum(plane, metric, variant):
    plane.kit.sm.flush()
    return sum(
        value * count
        for one in plane.kit.host.metrics
        if one["MetricName"] == metric
        if {d["Name"]: d["Value"] for d in one["Dimensions"]} == {"EndpointName": "e", "VariantName": variant}
        for value, count in zip(one["Values"], one["Counts"], strict=True)
    )


def _invocations(plane, variant):
    return _sum(plane, "Invocations", variant)


def _errors(plane, variant):
    return _sum(plane, "Invocation5XXErrors", variant)


def test_the_caller_gets_the_production_answer_and_the_shadow_is_counted_and_captured(plane):
    _endpoint(plane, DataCaptureConfig=CAPTURE)
    assert {body for _, _, body in plane.many([b"x"] * 5)} == {b"x-old"}
    assert (_invocations(plane, "main"), _invocations(plane, "shadow")) == (5, 5)
    plane.kit.sm.flush()
    lines = {
        key.split("/")[2]: [json.loads(line) for line in body.decode().splitlines()]
        for (bucket, key), body in plane.kit.host.objects.items()
        if bucket == "capture"
    }
    assert {one["captureData"]["endpointOutput"]["data"] for one in lines["shadow"]} == {"x-new"}
    assert {one["eventMetadata"]["invocationSource"] for one in lines["shadow"]} == {"ShadowExperiment"}
    assert "invocationSource" not in lines["main"][0]["eventMetadata"]


def test_the_shadow_gets_its_weight_of_the_traffic(plane):
    _endpoint(plane, 0.25)
    plane.many([b"x"] * 40)
    assert _invocations(plane, "shadow") == 10


@pytest.mark.fault("A29")
def test_a_slow_shadow_is_not_felt(plane):
    _endpoint(plane, MODE="slow")
    answers = plane.many([b"x"] * 10)
    assert {answer[::2] for answer in answers} == {(200, b"x-old")}
    assert plane.slowest_seconds < 1, "the shadow takes 1.5 s"
    assert _invocations(plane, "shadow") == 10


@pytest.mark.fault("A29")
def test_a_shadow_that_is_down_is_not_felt(plane):
    _endpoint(plane)
    live = plane.kit.sm._core.live[plane.kit.scope, "e"]
    (shadow,) = (fleet for fleet in live.fleets() if fleet.variant == "shadow")
    shadow.instances[0].servers[0].port = 1  # nobody listens there
    assert {answer[::2] for answer in plane.many([b"x"] * 10)} == {(200, b"x-old")}
    assert _errors(plane, "main") == 0
    assert _errors(plane, "shadow") == 10
