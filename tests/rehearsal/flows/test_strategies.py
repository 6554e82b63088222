"""Releases in steps under traffic: a good one, and one whose second step raises an alarm."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from release_load.client import Load

pytestmark = pytest.mark.rehearsal

ENDPOINT = "flight-delays-dev"
INSTANCES = 4
RATE = 150
"""Requests a second of the wall."""
MODEL_ERROR = 424
BAKE_SECONDS = 240
"""Two whole periods of an alarm, wherever in one the step begins, and its evaluation."""
SPEED = 40
ROLLING = (
    ("  strategy: canary\n  canary_percent: 25", "  strategy: rolling\n  batch_percent: 25"),
    ("  termination_wait_seconds: 120 #", "  #"),
    ("  bake_seconds: 300", f"  bake_seconds: {BAKE_SECONDS}"),
    # Of four instances one broken one fails 25 % of all requests, two fail 50 %: only the second step is a breach.
    ("server_errors: { percent: 1,", "server_errors: { percent: 38,"),
)


@dataclass
class Watched:
    """What clients and an onlooker saw: answers by status, and the new fleet's instances that took traffic."""

    statuses: list[int] = field(default_factory=list)
    steps: set[int] = field(default_factory=set)
    most_servers: int = 0


@contextmanager
def watched(app: Any) -> Iterator[Watched]:
    """Clients that never pause, and an onlooker, until the block ends: what they saw."""
    seen, stop = Watched(), threading.Event()
    onlooker = threading.Thread(target=_look, args=(app, seen, stop))
    row = ",".join({"category": "UA"}.get(c.type, "12") for c in app.model.data.columns)
    load = Load(app.cloud, ENDPOINT, rate=RATE, rows=[row], right=None)
    onlooker.start()
    try:
        with load:
            yield seen
    finally:
        stop.set()
        onlooker.join()
    seen.statuses += load.seen.status


def _look(app: Any, seen: Watched, stop: threading.Event) -> None:
    sagemaker = app.client("sagemaker")
    while not stop.wait(0.1):
        pending = sagemaker.describe_endpoint(EndpointName=ENDPOINT).get("PendingDeploymentSummary", {})
        for variant in pending.get("ProductionVariants", []):
            for status in variant.get("VariantStatus", []):
                found = re.search(r"capacity of (\d+) instance", status.get("StatusMessage", ""))
                seen.steps |= {int(found[1])} if found else set()
        servers = [p for p in app.cloud.processes() if p.get("kind") == "server"]
        seen.most_servers = max(seen.most_servers, len(servers))


def release(app: Any, arn: str) -> Any:
    before = app.known("ReleaseMachine")
    app.approve(arn)
    (ended,) = app.ends_since("ReleaseMachine", before)
    return ended


def raised_since(app: Any, began: float) -> bool:
    """Whether the alarm on server errors was raised; by the end of a slow way back it may be quiet again."""
    cloudwatch = app.client("cloudwatch")
    (name,) = (a["AlarmName"] for a in cloudwatch.describe_alarms()["MetricAlarms"] if "ServerErrors" in a["AlarmName"])
    items = cloudwatch.describe_alarm_history(AlarmName=name, HistoryItemType="StateUpdate")["AlarmHistoryItems"]
    return any(i["Timestamp"].timestamp() >= began and i["HistorySummary"].endswith("to ALARM") for i in items)


@pytest.mark.fault("A11")
def test_a_good_version_passes_all_steps_and_a_bad_one_comes_back_from_the_second(
    app: Any, declared: Callable[..., None], hand_register: Callable[..., str]
) -> None:
    declared(*ROLLING)
    with watched(app) as seen:
        ended = release(app, hand_register())
    assert (ended.status, ended.output.get("strategy")) == ("SUCCEEDED", "rolling"), ended.cause
    assert seen.steps == set(range(1, INSTANCES + 1))
    assert seen.most_servers == INSTANCES + 1
    assert set(seen.statuses) == {200}
    good = app.endpoint()["EndpointConfigName"]
    assert good == ended.output["live_config"]
    assert [n["outcome"] for n in app.told("release")] == ["released"]

    app.cloud.clock.set_speed(SPEED)
    began = app.cloud.clock.now()
    arn = hand_register()
    app.cloud.fault("A11", endpoint=ENDPOINT)  # the next fleet that is made answers 500
    with watched(app) as seen:
        ended = release(app, arn)
    assert (ended.status, ended.error) == ("FAILED", "ReleaseRolledBack"), ended.cause
    assert raised_since(app, began)
    assert seen.steps == {1, 2}
    # The batch that failed is still there when the first batch of the old fleet starts again.
    assert seen.most_servers <= INSTANCES + 2
    assert set(seen.statuses) == {200, MODEL_ERROR}
    assert seen.statuses[-20:] == [200] * 20
    endpoint = app.endpoint()
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", good)
    assert endpoint["ProductionVariants"][0]["CurrentInstanceCount"] == INSTANCES
    assert [n["outcome"] for n in app.told("release")] == ["rolled_back"]


@pytest.mark.fault("A17")
def test_alarms_on_the_new_fleet_alone_are_aimed_by_each_release_and_turn_a_bad_one_back(
    app: Any, declared: Callable[..., None], hand_register: Callable[..., str]
) -> None:
    """A quarter of the traffic fails: 25 % of all requests, which the bound lets pass, and 100 % of the new fleet's."""
    declared(
        ("server_errors: { percent: 1,", "server_errors: { percent: 60,"),
        ("  alarms: #", "  alarms:\n    new_fleet_only: true\n    #"),
    )
    ended = release(app, hand_register())
    assert ended.status == "SUCCEEDED", ended.cause
    good = ended.output["live_config"]
    assert aimed_at(app) == {good}
    app.told()

    app.cloud.clock.set_speed(SPEED)
    began = app.cloud.clock.now()
    arn = hand_register()
    app.cloud.fault("A11", endpoint=ENDPOINT)
    with watched(app) as seen:
        ended = release(app, arn)
    assert (ended.status, ended.error) == ("FAILED", "ReleaseRolledBack"), ended.cause
    assert raised_since(app, began)
    assert seen.steps == {1}
    assert set(seen.statuses) == {200, MODEL_ERROR}
    assert app.endpoint()["EndpointConfigName"] == good
    assert [n["outcome"] for n in app.told("release")] == ["rolled_back"]


def aimed_at(app: Any) -> set[str]:
    """Configs that the release's alarms watch."""
    alarms = app.client("cloudwatch").describe_alarms()["MetricAlarms"]
    dimensions = [d for a in alarms if a.get("Namespace") == "AWS/SageMaker" for d in a["Dimensions"]]
    return {d["Value"] for d in dimensions if d["Name"] == "EndpointConfigName"}
