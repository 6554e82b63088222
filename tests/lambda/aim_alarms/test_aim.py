"""Alarms on the new fleet alone, aimed at the config that is released."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import pytest

from slipway_lambda.aim_alarms.handler import aim
from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.ports import alarms as port
from slipway_lambda.ports.alarms import AlarmState, CloudWatchAlarms

VALUES = {"endpoint": "flights-dev", "variant": "main", "alarm_names": ["errors", "floor", "mine"]}
SPEC: dict[str, Any] = {
    **{f.name: [] if "tuple" in str(f.type) else "" for f in fields(ReleaseSpec)},
    **VALUES,
    "new_fleet_alarms": ["errors", "gone"],
    "other_alarms": ["mine"],
}
FLEETS = {"EndpointName": "flights-dev", "VariantName": "main"}


class Kept:
    """Alarms in memory."""

    def __init__(self, *names: str) -> None:
        self.dimensions: dict[str, Mapping[str, str]] = {name: {} for name in names}

    def describe(self, names: Sequence[str]) -> list[AlarmState]:
        return [AlarmState(n, "OK", "", True, dict(d)) for n, d in self.dimensions.items() if n in names]

    def invocations(self, *_: Any) -> int:
        raise AssertionError("nobody asks")

    def aim(self, name: str, dimensions: Mapping[str, str]) -> None:
        self.dimensions[name] = dimensions


def test_only_alarms_of_the_new_fleet_are_aimed_and_one_that_is_gone_is_left_to_the_check() -> None:
    kept = Kept("errors", "floor", "mine")
    for _ in range(2):  # safe to repeat
        assert aim({"spec": SPEC, "config": "flights-dev-v2-1"}, kept) == {"aimed": ["errors"]}
    assert kept.dimensions == {"errors": {**FLEETS, "EndpointConfigName": "flights-dev-v2-1"}, "floor": {}, "mine": {}}


def test_each_alarm_has_its_own_dimensions() -> None:
    assert ReleaseSpec.from_dict(SPEC | {"new_fleet_alarms": ["errors"]}).dimensions_of_alarms("c") == {
        "errors": {**FLEETS, "EndpointConfigName": "c"},
        "floor": FLEETS,
        "mine": None,
    }


class CloudWatch:
    """One alarm, as the service describes it."""

    def __init__(self) -> None:
        self.put: dict[str, Any] = {}
        self.state: dict[str, Any] = {}

    def describe_alarms(self, **_: Any) -> dict[str, Any]:
        alarm = {
            "AlarmName": "errors",
            "AlarmArn": "arn",
            "StateValue": "ALARM",
            "MetricName": "Invocation5XXErrors",
            "Threshold": 0.0,
            "ActionsEnabled": False,
            "Dimensions": [{"Name": "EndpointName", "Value": "old"}],
        }
        return {"MetricAlarms": [alarm]}

    def put_metric_alarm(self, **request: Any) -> None:
        self.put = request

    def set_alarm_state(self, **request: Any) -> None:
        self.state = request


def test_aiming_keeps_everything_else_and_forgets_the_old_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """A switched off alarm stays switched off, and a bound of 0 is a bound: the check must find both."""
    cloudwatch = CloudWatch()
    monkeypatch.setattr(port, "client", lambda _: cloudwatch)
    CloudWatchAlarms().aim("errors", {"EndpointConfigName": "new"})
    assert cloudwatch.put == {
        "AlarmName": "errors",
        "MetricName": "Invocation5XXErrors",
        "Threshold": 0.0,
        "ActionsEnabled": False,
        "Dimensions": [{"Name": "EndpointConfigName", "Value": "new"}],
    }
    assert cloudwatch.state["StateValue"] == "INSUFFICIENT_DATA"
