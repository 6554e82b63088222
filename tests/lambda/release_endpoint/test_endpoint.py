"""The endpoint's custom resource."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from slipway_lambda.release_endpoint.endpoint import EndpointStillThereError
from slipway_lambda.release_endpoint.handler import carry_out

V1, OTHER = "flights-dev-v1-00000001", "flights-dev-canary-v1-00000001"


class Account:
    """Endpoints and Starts in one; an endpoint's status follows the list when time passes."""

    def __init__(self, *statuses: str) -> None:
        self.statuses, self.deleted, self.started, self.seconds = list(statuses), [], [], 900.0  # type: ignore[var-annotated]

    def describe(self, endpoint: str) -> dict[str, Any]:
        return {"EndpointStatus": self.statuses[0]} if self.statuses else {}

    def pause(self, seconds: float) -> None:
        self.seconds -= seconds
        if len(self.statuses) > 1 or self.statuses == ["Deleting"]:
            self.statuses.pop(0)

    def seconds_left(self) -> float:
        return self.seconds

    def delete(self, endpoint: str) -> None:
        self.deleted.append(endpoint)
        self.statuses = ["Deleting"]

    def config_names(self, containing: str) -> Iterator[str]:
        return iter([V1, OTHER])

    model_names = config_names

    def delete_config(self, name: str) -> None:
        self.deleted.append(f"config {name}")

    def delete_model(self, name: str) -> None:
        self.deleted.append(f"model {name}")

    def describe_config(self, name: str) -> dict[str, Any]:
        return {}

    describe_model = describe_config

    def start(self, state_machine_arn: str, name: str, value: Mapping[str, Any]) -> None:
        self.started.append((state_machine_arn, name, value))


def send(account: Account, kind: str, spec: str = "2", old: str = "2") -> str:
    properties = {"EndpointName": "flights-dev", "StateMachineArn": "arn:machine"}
    event = {
        "RequestType": kind,
        "RequestId": "r-1",
        "PhysicalResourceId": "flights-dev",
        "ResourceProperties": {**properties, "Spec": {"instance_count": spec}},
        "OldResourceProperties": {**properties, "Spec": {"instance_count": old}},
    }
    return carry_out(event, account, account, account.seconds_left, account.pause).physical_id


def test_creating_it_touches_nothing() -> None:
    account = Account()
    assert send(account, "Create") == "flights-dev"
    assert (account.deleted, account.started) == ([], [])


def test_changed_spec_starts_a_guarded_release_of_what_is_live() -> None:
    account = Account("InService")
    send(account, "Update", spec="4")
    assert account.started == [("arn:machine", "spec-r-1", {"trigger": "spec"})]


@pytest.mark.parametrize(("statuses", "spec"), [(("InService",), "2"), ((), "4")])
def test_same_spec_or_no_endpoint_starts_nothing(statuses: tuple[str, ...], spec: str) -> None:
    account = Account(*statuses)
    send(account, "Update", spec=spec)
    assert account.started == []


def test_deleting_it_waits_until_the_endpoint_is_gone_and_takes_only_its_own() -> None:
    account = Account("Updating", "InService")
    send(account, "Delete")
    assert account.deleted == ["flights-dev", f"config {V1}", f"model {V1}"]


def test_deleting_what_is_not_there_succeeds() -> None:
    account = Account()
    send(account, "Delete")
    assert account.deleted == [f"config {V1}", f"model {V1}"]


def test_endpoint_that_stays_says_so_before_the_time_is_over() -> None:
    account = Account("Updating")
    with pytest.raises(EndpointStillThereError, match="still Updating"):
        send(account, "Delete")
    assert 0 < account.seconds < 30
    assert account.deleted == []
