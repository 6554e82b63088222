"""Monitoring on the deployed app: drift starts one training, and silence is not health."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal

ENDPOINT = "flight-delays-dev"
SPEED = 120.0


@pytest.fixture(autouse=True)
def real_speed(app: Any) -> Iterator[None]:
    """An hour that lasts as long as the test, so that all it sends is in one window."""
    app.cloud.clock.set_speed(1)
    yield
    app.cloud.clock.set_speed(SPEED)


@pytest.mark.fault("E01")
def test_a_window_without_records_is_a_finding_and_no_retraining(app: Any) -> None:
    app.to_next_hour()
    before = app.known("TrainMachine")
    ended = app.run("MonitorMachine", app.hour())
    assert ended.output["outcome"] == "no_records"
    assert [n["outcome"] for n in app.told(by=ended)] == ["no_records"]
    assert app.known("TrainMachine") == before


def test_records_like_the_training_data_are_no_drift(app: Any) -> None:
    app.to_next_hour()
    app.send(shift=0.0)
    ended = app.run("MonitorMachine", app.hour())
    assert ended.status == "SUCCEEDED", ended.cause
    assert ended.output["violations"] == []
    assert ended.output["decision"] == "nothing", ended.output["reason"]
    assert app.told(by=ended) == []


@pytest.mark.fault("E10")
def test_drift_seen_many_times_over_starts_one_training(app: Any) -> None:
    before = app.known("TrainMachine")
    app.cloud.clock.advance(timedelta(hours=app.model.retrain.cooldown_hours + 1).total_seconds())
    app.to_next_hour()
    app.send(shift=25.0)
    seen = app.hour()
    monitors = [app.start("MonitorMachine", seen) for _ in range(4)]
    ends = [app.end_of(arn) for arn in monitors]
    assert [e.status for e in ends] == ["SUCCEEDED"] * 4
    assert all(any(v["feature_name"] == "temp" for v in e.output["violations"]) for e in ends)
    (training,) = app.ends_since("TrainMachine", before)
    assert training.output["triggered_by"] == "drift"
    # and the next hour's drift is under the cool-down
    app.to_next_hour()
    app.send(shift=25.0, seed=6)
    ended = app.run("MonitorMachine", app.hour())
    assert ended.output["decision"] == "tell"
    assert "cool" in ended.output["reason"]
    assert len(app.known("TrainMachine") - before) == 1


def test_the_schedule_itself_runs_the_monitor(app: Any) -> None:
    before = app.known("MonitorMachine")
    app.to_next_hour()
    app.cloud.clock.advance(3600)  # nobody calls for this hour
    app.cloud.clock.advance(3600)
    new = app.wait_for(lambda: app.known("MonitorMachine") - before, "the schedule starts the monitor")
    ends = [app.end_of(arn) for arn in new]
    assert {e.status for e in ends} == {"SUCCEEDED"}
    assert "no_records" in {e.output["outcome"] for e in ends}


def test_published_metrics_have_the_documented_dimensions(app: Any) -> None:
    app.to_next_hour()
    app.send(shift=0.0)
    app.run("MonitorMachine", app.hour())
    metrics = app.client("cloudwatch").list_metrics(Namespace="aws/sagemaker/Endpoints/data-metrics")["Metrics"]
    names = {m["MetricName"] for m in metrics}
    assert "feature_baseline_drift_temp" in names
    for metric in metrics:
        assert {d["Name"] for d in metric["Dimensions"]} == {"Endpoint", "MonitoringSchedule"}
    assert all(d["Value"] == ENDPOINT for m in metrics for d in m["Dimensions"] if d["Name"] == "Endpoint")
