"""Every alarm that guards a release, made by its own construct, sees the breach it is for in what an endpoint emits.

The series are written by the code that serves endpoints and by the monitor's own, so that a dimension, unit or name
which is not the emitted one leaves the alarm quiet and the test red.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from rehearsal.host import Scope
from rehearsal.sagemaker.metrics import NAMESPACE, Metrics
from slipway.config.model import Model
from slipway_constructs.release_alarms import ReleaseAlarms
from slipway_lambda.contracts.monitoring import COUNTS_NAMESPACE, schedule_name
from slipway_lambda.decide_retraining.metrics import count_metrics, dimensions
from slipway_lambda.ports import alarms as port
from slipway_lambda.ports import mismatches
from slipway_lambda.ports.alarms import CloudWatchAlarms

pytestmark = [pytest.mark.rehearsal, pytest.mark.fault("A18")]

PERIOD_SECONDS = 60
OBJECTIVES = {
    "latency_p50": {"milliseconds": 50},
    "overhead_p99": {"milliseconds": 20},
    "invocations": {"minimum": 5},
}
GOOD = {"status": 200, "model_us": 10_000.0, "overhead_us": 2_000.0}
BREACHES: dict[str, tuple[dict[str, float], int]] = {
    "ServerErrors": ({"status": 500}, 2),
    "ClientErrors": ({"status": 415}, 2),
    "Latency": ({"model_us": 2_000_000.0}, 2),
    "LatencyMedian": ({"model_us": 80_000.0}, 12),
    "Overhead": ({"overhead_us": 30_000.0}, 2),
}
"""What is wrong with how many of 20 requests, by the alarm that must see it."""


def resources(endpoint: str, **alarms: Any) -> dict[str, Any]:
    """The alarms' part of a release stack's template."""
    columns = [{"name": "distance", "type": "number"}]
    model = Model.model_validate(
        {
            "name": "flights",
            "problem": {"type": "binary_classification", "target": "late"},
            "data": {"prefix": "flights/", "columns": columns},
            "rollout": {"alarms": OBJECTIVES | alarms},
            "retrain": {"on_drift": False},
        }
    )
    stack = Stack(App(builtin_cloud_formation_validation=False), "Alarms")
    ReleaseAlarms(stack, "Alarms", model=model, endpoint=endpoint)
    found: dict[str, Any] = Template.from_stack(stack).to_json()["Resources"]
    for alarm in found.values():
        alarm["Properties"]["Namespace"] = _stand_in(alarm["Properties"]["Namespace"])
    return found


def _stand_in(namespace: str) -> str:
    """No caller may write into AWS/…: alarms and what is emitted meet in another namespace instead."""
    return f"Emitted/{NAMESPACE}" if namespace == NAMESPACE else namespace


class Endpoint:
    """Emits what a real one would for the answers it is told of, and says which of its alarms are raised."""

    def __init__(self, stacks: Any, name: str, **alarms: Any) -> None:
        self.name, self._cloud, self._watch = name, stacks.cloud, stacks.client("cloudwatch")
        self.clock = stacks.cloud.clock
        self._metrics = Metrics(self, seconds=3600)  # type: ignore[arg-type]
        made = resources(name, **alarms)
        assert stacks.deploy(name, made) == "CREATE_COMPLETE", stacks.failures(name)
        self._ids = {stacks.physical(name, logical): logical for logical in made}

    def put_metrics(self, namespace: str, data: Sequence[Mapping[str, Any]], scope: Scope) -> None:
        stamped = [{**d, "Timestamp": datetime.fromtimestamp(d["Timestamp"], UTC)} for d in data]
        self._watch.put_metric_data(Namespace=_stand_in(namespace), MetricData=stamped)

    def answers(self, count: int = 20, config: str = "v1", *, bad: int = 0, **wrong: float) -> None:
        """`count` answers in the current period, `bad` of them wrong in some way."""
        fleet = (Scope("111122223333", "eu-west-1"), self.name, "main", config)
        for number in range(count):
            self._metrics.invocation(fleet, **(GOOD | (wrong if number < bad else {})))  # type: ignore[arg-type]
        self._metrics.flush()

    def over(self, seconds: float = PERIOD_SECONDS) -> None:
        """The period ends and alarms are evaluated."""
        self.clock.advance(seconds)
        self._cloud.flush()

    def named(self, logical: str) -> str:
        # A logical id ends in eight hexadecimal digits of CDK's.
        (name,) = (n for n, i in self._ids.items() if i[:-8] == f"Alarms{logical}")
        return name

    def states(self) -> dict[str, str]:
        found = self._watch.describe_alarms(AlarmNames=list(self._ids))["MetricAlarms"]
        return {a["AlarmName"]: a["StateValue"] for a in found}

    def raised(self) -> set[str]:
        return {n for n, state in self.states().items() if state == "ALARM"}

    def calm(self) -> None:
        """Good answers until no period that an alarm looks at knows of others."""
        for _ in range(5):
            self.answers()
            self.over()
        assert self.raised() == set()


@pytest.fixture(scope="module")
def slow(stacks: Any) -> Iterator[None]:
    """Cloud time as on the wall: the tests move it themselves."""
    stacks.cloud.clock.set_speed(1)
    yield
    stacks.cloud.clock.set_speed(60)


@pytest.fixture(scope="module")
def endpoint(stacks: Any, slow: None) -> Iterator[Endpoint]:
    made = Endpoint(stacks, "both-fleets", monitor_violations=True)
    yield made
    made._metrics.close()


@pytest.mark.parametrize("alarm", sorted(BREACHES))
def test_each_objective_raises_its_own_alarm_and_no_other(endpoint: Endpoint, alarm: str) -> None:
    endpoint.calm()
    wrong, bad = BREACHES[alarm]
    for _ in range(3):
        endpoint.answers(bad=bad, **wrong)
        endpoint.over()
    assert endpoint.raised() == {endpoint.named(alarm)}


@pytest.mark.fault("A14")
@pytest.mark.parametrize("requests", [0, 4])
def test_too_few_requests_and_none_at_all_are_both_below_the_floor(endpoint: Endpoint, requests: int) -> None:
    endpoint.calm()
    for _ in range(5):
        endpoint.answers(requests)
        endpoint.over()
    assert endpoint.raised() == {endpoint.named("Invocations")}


def test_a_violation_in_the_last_window_is_seen_and_a_window_that_never_was_is_not_ok(endpoint: Endpoint) -> None:
    alarm = endpoint.named("MonitorViolations")

    def window(violations: int | None) -> str:
        if violations is not None:
            report: Any = SimpleNamespace(records=500, unparsable=0, violations=[object()] * violations)
            data = count_metrics(report, dimensions(endpoint.name, schedule_name(endpoint.name)))
            endpoint._watch.put_metric_data(Namespace=COUNTS_NAMESPACE, MetricData=data)
        endpoint.over(3600)
        return endpoint.states()[alarm]

    assert window(0) == "OK"
    assert window(3) == "ALARM"
    assert window(0) == "OK"
    assert [window(None) for _ in range(4)][-1] == "INSUFFICIENT_DATA"


@pytest.mark.fault("A13")
def test_one_answer_that_is_neither_versions_raises_the_alarm_and_none_keeps_it_quiet(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the probe publishes it: the release's own code writes the series."""
    alarm = endpoint.named("GoldenMismatches")
    monkeypatch.setattr(mismatches, "client", lambda service: endpoint._watch)

    def probed(wrong: int) -> str:
        mismatches.CloudWatchMismatches().publish(endpoint.name, wrong)
        endpoint.over()
        return endpoint.states()[alarm]

    assert [probed(0) for _ in range(3)] == ["OK"] * 3
    assert probed(1) == "ALARM"
    assert probed(0) == "ALARM", "whoever looks a minute later still sees it"
    assert [probed(0) for _ in range(4)][-1] == "OK"


@pytest.mark.fault("A17")
def test_an_aimed_alarm_sees_the_new_fleet_alone(stacks: Any, slow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old fleet's errors raise nothing; a tenth of the traffic, all failing, is not diluted by the rest."""
    made = Endpoint(stacks, "new-fleet", new_fleet_only=True)
    monkeypatch.setattr(port, "client", stacks.client)
    alarm = made.named("ServerErrors")
    fleets = {"EndpointName": made.name, "VariantName": "main"}
    CloudWatchAlarms().aim(alarm, {**fleets, "EndpointConfigName": "v2"})
    (aimed,) = CloudWatchAlarms().describe([alarm])
    assert (aimed.state, aimed.dimensions["EndpointConfigName"]) == ("INSUFFICIENT_DATA", "v2")
    for _ in range(4):
        made.answers(200, bad=200, status=500)
        made.over()
    assert made.states()[alarm] == "OK", "no data of the new fleet, evaluated"
    for _ in range(3):
        made.answers(1800, "v1")
        made.answers(10, "v2", bad=10, status=500)
        made.over()
    assert made.raised() == {alarm}
    made._metrics.close()
