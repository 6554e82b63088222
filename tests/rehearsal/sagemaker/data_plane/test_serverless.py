"""Serverless variants."""

import json

import pytest

ON = ("EndpointName", "VariantName")
CONFIG = {"MemorySizeInMB": 2048, "MaxConcurrency": 2}


@pytest.fixture
def serverless(plane):
    plane.endpoint(plane.variant(plane.model("m", plane.container()), ServerlessConfig=CONFIG))
    return plane


def test_nothing_runs_until_a_request_whose_wait_is_shown(serverless):
    assert serverless.kit.sm.processes() == []
    assert serverless.invoke(b"x")[0] == 200
    (setup_us,) = serverless.values("ModelSetupTime", *ON)
    (overhead_us,) = serverless.values("OverheadLatency", *ON)
    assert 10_000 < setup_us < overhead_us * 1.01
    serverless.invoke(b"x")
    assert len(serverless.values("ModelSetupTime", *ON)) == 1
    assert len(serverless.kit.sm.processes()) == 1


def test_more_at_once_than_its_concurrency_is_throttled(serverless):
    answers = serverless.many([b"sleep:0.4"] * 5)
    assert sorted(answer[0] for answer in answers) == [200, 200, 429, 429, 429]
    throttled = next(answer for answer in answers if answer[0] == 429)
    assert throttled[1]["x-amzn-ErrorType"] == "ThrottlingException"
    assert len(serverless.kit.sm.processes()) == 2
    assert max(serverless.values("ServerlessConcurrentExecutionsUtilization", *ON)) == 1.0


def test_after_idle_time_nothing_runs_and_the_next_request_starts_it_again(serverless, clock):
    serverless.invoke(b"x")
    clock.advance(299)
    serverless.kit.sm.flush()
    assert len(serverless.kit.sm.processes()) == 1
    clock.advance(2)
    serverless.kit.until(lambda: not serverless.kit.sm.processes())
    assert serverless.invoke(b"x")[0] == 200
    assert len(serverless.values("ModelSetupTime", *ON)) == 2


def test_a_container_that_never_starts_is_said_to_be_not_ready(plane):
    plane.endpoint(plane.variant(plane.model("m", plane.container(MODE="eat")), ServerlessConfig=CONFIG))
    plane.kit.host.images[plane.image].directory.joinpath("main.py").write_text("raise SystemExit(3)")
    status, headers, body = plane.invoke(b"x")
    assert (status, headers["x-amzn-ErrorType"]) == (429, "ModelNotReadyException")
    assert "still being provisioned" in json.loads(body)["Message"]


def test_provisioned_concurrency_is_there_before_a_request_and_stays(plane, clock):
    config = {**CONFIG, "ProvisionedConcurrency": 1}
    plane.endpoint(plane.variant(plane.model("m", plane.container()), ServerlessConfig=config))
    assert len(plane.kit.sm.processes()) == 1
    answers = plane.many([b"sleep:0.3"] * 2)
    assert [answer[0] for answer in answers] == [200, 200]
    assert len(plane.values("ModelSetupTime", *ON)) == 1
    assert sum(plane.values("ServerlessProvisionedConcurrencySpilloverInvocations", *ON)) == 1
    clock.advance(301)
    plane.kit.until(lambda: len(plane.kit.sm.processes()) == 1)
