"""Releases on the deployed app: what goes wrong in the field, and that the last good version answers all the same."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal

ENDPOINT = "flight-delays-dev"


def live_config(app: Any) -> str:
    endpoint = app.endpoint()
    assert endpoint["EndpointStatus"] == "InService"
    name: str = endpoint["EndpointConfigName"]
    return name


def lock(app: Any) -> Any:
    """Who holds the lock; the item itself stays, for its fence grows with each owner."""
    return (app.ledger(f"endpoint#{ENDPOINT}", "lock") or {}).get("owner")


def release(app: Any, arn: str) -> Any:
    before = app.known("ReleaseMachine")
    app.approve(arn)
    (ended,) = app.ends_since("ReleaseMachine", before)
    return ended


def answers(app: Any, rows: int = 20) -> int:
    """How many of `rows` requests get an answer."""
    runtime = app.client("sagemaker-runtime")
    row = ",".join({"category": "UA"}.get(c.type, "12") for c in app.model.data.columns)
    good = 0
    for _ in range(rows):
        reply = runtime.invoke_endpoint(EndpointName=ENDPOINT, ContentType="text/csv", Body=row)
        good += 0 <= float(reply["Body"].read().strip()) <= 1
    return good


def assert_rolled_back(app: Any, ended: Any, before: str, *, outcome: str = "rolled_back") -> None:
    """K, N and O of the fault catalogue: the old config answers, one notice, no lock and no green fleet left."""
    assert ended.status == "FAILED", ended
    assert live_config(app) == before
    assert answers(app) == 20
    assert [(n["what"], n["outcome"]) for n in app.told("release")] == [("release", outcome)]
    assert lock(app) is None
    configs = app.client("sagemaker").list_endpoint_configs(NameContains=ENDPOINT, MaxResults=100)["EndpointConfigs"]
    assert before in {c["EndpointConfigName"] for c in configs}
    assert len(configs) <= app.model.rollout.keep_versions


def test_a_good_version_takes_over_by_canary(app: Any, hand_register: Callable[..., str]) -> None:
    before = live_config(app)
    arn = hand_register()
    ended = release(app, arn)
    assert ended.status == "SUCCEEDED", ended.cause
    assert ended.output["outcome"] == "released"
    assert ended.output["strategy"] == "canary"
    assert live_config(app) == ended.output["live_config"] != before
    assert [(n["what"], n["outcome"]) for n in app.told("release")] == [("release", "released")]
    assert lock(app) is None
    record = app.ledger(f"endpoint#{ENDPOINT}", "live")
    assert record["package_arn"] == arn
    stage = app.client("sagemaker").describe_model_package(ModelPackageName=arn)["ModelLifeCycle"]
    assert (stage["Stage"], stage["StageStatus"]) == ("Production", "Approved")


@pytest.mark.fault("A01")
def test_a_silent_rollback_is_not_success(app: Any, hand_register: Callable[..., str]) -> None:
    before = live_config(app)
    app.cloud.fault("A01", endpoint=ENDPOINT)
    assert_rolled_back(app, release(app, hand_register()), before)


@pytest.mark.fault("A02")
def test_a_live_config_and_its_rollback_target_are_never_deleted(app: Any, hand_register: Callable[..., str]) -> None:
    configs = []
    for _ in range(3):
        assert release(app, hand_register()).status == "SUCCEEDED"
        configs.append(live_config(app))
    kept = app.client("sagemaker").list_endpoint_configs(NameContains=ENDPOINT, MaxResults=100)["EndpointConfigs"]
    assert {c["EndpointConfigName"] for c in kept} == set(configs[-app.model.rollout.keep_versions :])
    sagemaker = app.client("sagemaker")
    for config in kept:  # and what they serve is still there
        described = sagemaker.describe_endpoint_config(EndpointConfigName=config["EndpointConfigName"])
        sagemaker.describe_model(ModelName=described["ProductionVariants"][0]["ModelName"])


@pytest.mark.fault("A10")
def test_a_version_that_never_answers_ping_gets_no_traffic(app: Any, hand_register: Callable[..., str]) -> None:
    def break_the_model(members: dict[str, bytes]) -> None:
        members["model.ubj"] = members["model.ubj"][:100]

    before = live_config(app)
    assert_rolled_back(app, release(app, hand_register(break_the_model)), before)


@pytest.mark.fault("A13")
def test_healthy_but_wrong_is_refused_by_the_golden_records(app: Any, hand_register: Callable[..., str]) -> None:
    """A constant model passes every health check and every error-rate alarm."""

    def constant(members: dict[str, bytes]) -> None:
        import numpy as np
        import xgboost

        booster = xgboost.Booster()
        booster.load_model(bytearray(members["model.ubj"]))
        count = booster.num_features()
        data = xgboost.DMatrix(
            np.zeros((10, count)),
            label=[0, 1] * 5,
            feature_names=booster.feature_names,
            feature_types=booster.feature_types,
            enable_categorical=True,
        )
        stump = xgboost.train({"objective": "binary:logistic", "max_depth": 1}, data, num_boost_round=1)
        members["model.ubj"] = bytes(stump.save_raw("ubj"))

    before = live_config(app)
    assert_rolled_back(app, release(app, hand_register(constant)), before)


@pytest.mark.fault("A11")
def test_columns_in_another_order_are_caught_by_an_alarm(app: Any, hand_register: Callable[..., str]) -> None:
    """Passes /ping and refuses what clients send."""

    def reorder(members: dict[str, bytes]) -> None:
        schema = json.loads(members["schema.json"])
        schema["columns"] = schema["columns"][::-1]
        members["schema.json"] = json.dumps(schema).encode()

    before = live_config(app)
    assert_rolled_back(app, release(app, hand_register(reorder)), before)


@contextmanager
def alarm_taken_away(app: Any) -> Iterator[str]:
    """Deletes the server errors' alarm when entered; puts it back at the end. Yields its name."""
    cloudwatch = app.client("cloudwatch")
    alarm = next(
        a for a in cloudwatch.describe_alarms()["MetricAlarms"] if a.get("MetricName") == "Invocation5XXErrors"
    )
    wanted = set(cloudwatch.meta.service_model.operation_model("PutMetricAlarm").input_shape.members)
    cloudwatch.delete_alarms(AlarmNames=[alarm["AlarmName"]])
    try:
        yield alarm["AlarmName"]
    finally:
        cloudwatch.put_metric_alarm(**{k: v for k, v in alarm.items() if k in wanted and v not in (None, [], "")})


@pytest.mark.fault("A15")
def test_a_missing_alarm_stops_a_release_before_it_starts(app: Any, hand_register: Callable[..., str]) -> None:
    before = live_config(app)
    with alarm_taken_away(app) as name:
        ended = release(app, hand_register())
    assert name in ended.cause
    assert_rolled_back(app, ended, before, outcome="refused")


@pytest.mark.fault("A15")
def test_an_alarm_that_vanishes_in_the_shift_rolls_the_release_back(
    app: Any, hand_register: Callable[..., str]
) -> None:
    """SageMaker itself goes on without it."""
    before = live_config(app)
    known = app.known("ReleaseMachine")
    app.approve(hand_register())
    app.wait_for(lambda: app.endpoint()["EndpointStatus"] == "Updating", "the endpoint updates")
    with alarm_taken_away(app) as name:
        (ended,) = app.ends_since("ReleaseMachine", known)
    assert f"alarm {name} is gone" in ended.cause
    assert_rolled_back(app, ended, before)


@pytest.mark.fault("A26")
@pytest.mark.fault("C01")
def test_an_approval_told_three_times_is_released_once(app: Any, hand_register: Callable[..., str]) -> None:
    arn = hand_register()
    before = app.known("ReleaseMachine")
    app.cloud.fault("C01", times=1, copies=3)
    app.approve(arn)
    ends = app.ends_since("ReleaseMachine", before, count=3)
    assert [e.status for e in ends] == ["SUCCEEDED"] * 3
    assert [e.output.get("outcome") for e in ends].count("released") == 1
    assert [n["outcome"] for n in app.told("release")] == ["released"]
    assert app.ledger(f"endpoint#{ENDPOINT}", "live")["package_arn"] == arn


@pytest.mark.fault("C03")
def test_an_older_approval_that_comes_late_changes_nothing(app: Any, hand_register: Callable[..., str]) -> None:
    older, newer = hand_register(), hand_register()
    assert release(app, newer).status == "SUCCEEDED"
    config = live_config(app)
    app.told()
    ended = release(app, older)
    assert ended.status == "SUCCEEDED"
    assert ended.output["outcome"] in {"superseded", "nothing"}
    assert live_config(app) == config


@pytest.mark.fault("C04")
def test_an_edit_that_is_no_approval_releases_nothing(app: Any, hand_register: Callable[..., str]) -> None:
    arn = hand_register()
    before = app.known("ReleaseMachine")
    app.client("sagemaker").update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"note": "edited"})
    app.approve(arn)  # its execution is the only one, though it comes later
    ended = app.ends_since("ReleaseMachine", before)
    assert len(ended) == 1


@pytest.mark.fault("D03")
def test_an_aborted_release_frees_the_lock_and_is_told_once(app: Any, hand_register: Callable[..., str]) -> None:
    before = app.known("ReleaseMachine")
    app.approve(hand_register())
    arn = _running(app, before)
    app.wait_for(lambda: app.endpoint()["EndpointStatus"] == "Updating", "the endpoint updates")
    app.client("stepfunctions").stop_execution(executionArn=arn, error="Operator", cause="changed my mind")
    app.wait_for(lambda: lock(app) is None, "the lock is freed")
    assert [n["outcome"] for n in app.wait_for(lambda: app.told("release"), "a notice")] == ["aborted"]
    app.wait_for(lambda: app.endpoint()["EndpointStatus"] == "InService", "the endpoint settles")
    # A sweep, this one or the schedule's own, finds a config that nobody verified and brings it to an end.
    app.run("ReleaseMachine", {"trigger": "reconcile"})
    live = f"endpoint#{ENDPOINT}"
    app.wait_for(lambda: app.ledger(live, "live")["config"] == live_config(app), "the ledger names what is live")


def _running(app: Any, before: set[str]) -> str:
    new = app.wait_for(lambda: app.known("ReleaseMachine") - before, "a release starts")
    (arn,) = new
    return str(arn)
