"""The endpoint's custom resource."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from slipway_lambda.custom_resource import NotYetError
from slipway_lambda.release_endpoint.endpoint import Ports, Time
from slipway_lambda.release_endpoint.handler import carry_out

V1, OTHER = "flights-dev-v1-00000001", "flights-dev-canary-v1-00000001"
TARGET = "endpoint/flights-dev/variant/main"


class Account:
    """Every port in one; an endpoint's status follows the list when time passes. `did`: every change, in order."""

    def __init__(self, *statuses: str, running: Sequence[str] = ()) -> None:
        self.statuses, self.executions, self.seconds = list(statuses), list(running), 900.0
        self.did: list[str] = []
        self.started: list[tuple[str, str, Mapping[str, Any]]] = []
        self.appears: list[str] = []
        """What an execution makes in its last call, if it is not stopped first."""

    # Endpoints
    def describe(self, endpoint: str) -> dict[str, Any]:
        return {"EndpointStatus": self.statuses[0]} if self.statuses else {}

    def delete(self, endpoint: str) -> None:
        self.did.append(f"delete {endpoint}")
        self.statuses = ["Deleting"]

    def config_names(self, containing: str) -> Iterator[str]:
        return iter([V1, OTHER, *self.appears])

    model_names = config_names

    def delete_config(self, name: str) -> None:
        self.did.append(f"config {name}")

    def delete_model(self, name: str) -> None:
        self.did.append(f"model {name}")

    def describe_config(self, name: str) -> dict[str, Any]:
        return {}

    describe_model = describe_config

    # Scalings
    def deregister(self, resource: str) -> None:
        self.did.append(f"deregister {resource}")

    # Executions and Starts
    def running(self, state_machine_arn: str) -> list[str]:
        return list(self.executions)

    def stop(self, execution_arn: str, cause: str) -> None:
        self.did.append(f"stop {execution_arn}")

    def start(self, state_machine_arn: str, name: str, value: Mapping[str, Any]) -> None:
        self.started.append((state_machine_arn, name, value))

    # Closing
    def close(self, endpoint: str) -> None:
        self.did.append(f"close {endpoint}")

    def open(self, endpoint: str) -> None:
        self.did.append(f"open {endpoint}")

    def free(self, endpoint: str, executions: Sequence[str]) -> None:
        self.did += [f"free {e}" for e in executions]

    def forget_live(self, endpoint: str) -> None:
        self.did.append(f"forget {endpoint}")

    # time
    def pause(self, seconds: float) -> None:
        self.seconds -= seconds
        if self.executions:
            self.executions.pop()
        elif len(self.statuses) > 1 or self.statuses == ["Deleting"]:
            self.statuses.pop(0)


def send(account: Any, kind: str, spec: str = "2", old: str = "2", physical_id: str = "flights-dev") -> str:
    properties = {"EndpointName": "flights-dev", "StateMachineArn": "arn:machine", "Variant": "main"}
    event = {
        "RequestType": kind,
        "RequestId": "r-1",
        "PhysicalResourceId": physical_id,
        "ResourceProperties": {**properties, "Spec": {"instance_count": spec}},
        "OldResourceProperties": {**properties, "Spec": {"instance_count": old}},
    }
    ports = Ports(account, account, account, account, account)
    return carry_out(event, ports, Time(lambda: float(account.seconds), account.pause)).physical_id


def test_creating_it_only_lifts_what_its_own_deletion_halted() -> None:
    account = Account()
    assert send(account, "Create") == "flights-dev"
    assert (account.did, account.started) == (["open flights-dev"], [])


def test_changed_spec_starts_a_guarded_release_of_what_is_live() -> None:
    account = Account("InService")
    send(account, "Update", spec="4")
    assert account.started == [("arn:machine", "spec-r-1", {"trigger": "spec"})]


@pytest.mark.parametrize(("statuses", "spec"), [(("InService",), "2"), ((), "4")])
def test_same_spec_or_no_endpoint_starts_nothing(statuses: tuple[str, ...], spec: str) -> None:
    account = Account(*statuses)
    send(account, "Update", spec=spec)
    assert account.started == []


@pytest.mark.fault("A25")
def test_scaling_that_is_declared_no_longer_is_taken_off_before_the_release() -> None:
    account: Any = Account("InService")
    properties = {"EndpointName": "flights-dev", "StateMachineArn": "arn:machine", "Variant": "main"}
    event = {
        "RequestType": "Update",
        "RequestId": "r-1",
        "PhysicalResourceId": "flights-dev",
        "ResourceProperties": {**properties, "Spec": {"instance_count": "2"}},
        "OldResourceProperties": {**properties, "Spec": {"instance_count": "2", "scaling": {"min_instances": "2"}}},
    }
    account.start = lambda *_: account.did.append("start")
    carry_out(event, Ports(account, account, account, account, account), Time(lambda: 900.0, account.pause))
    assert account.did == [f"deregister {TARGET}", "start"]


GONE = [f"deregister {TARGET}", f"config {V1}", f"model {V1}", "forget flights-dev"]


@pytest.mark.parametrize(
    "statuses",
    [
        ("InService",),
        ("Failed",),
        ("OutOfService",),
        ("UpdateRollbackFailed",),
        ("Creating", "Failed"),
        ("Updating", "InService"),
        ("Updating", "RollingBack", "UpdateRollbackFailed"),
        ("SystemUpdating", "InService"),
    ],
    ids="-".join,
)
def test_deleting_it_waits_until_it_has_settled_and_takes_only_its_own(statuses: tuple[str, ...]) -> None:
    account = Account(*statuses)
    send(account, "Delete")
    assert account.did == ["close flights-dev", f"deregister {TARGET}", "delete flights-dev", *GONE]


@pytest.mark.parametrize("statuses", [(), ("Deleting",)])
def test_deleting_what_is_not_there_or_goes_already_succeeds(statuses: tuple[str, ...]) -> None:
    account = Account(*statuses)
    send(account, "Delete")
    assert "delete flights-dev" not in account.did
    assert account.did[0] == "close flights-dev"
    assert account.did[-4:] == GONE


def test_releases_that_run_are_stopped_before_anything_is_deleted() -> None:
    """One that went on would make again what is gone."""
    account = Account("Updating", "InService", running=["run-1", "run-2"])
    send(account, "Delete")
    before = ["close flights-dev", "stop run-1", "stop run-2", "free run-1", "free run-2"]
    assert account.did[: len(before)] == before
    assert account.did[-4:] == GONE


def test_what_a_failed_creation_was_named_by_deletes_nothing() -> None:
    account = Account("InService", running=["run-1"])
    assert send(account, "Delete", physical_id="EndpointResource1234") == "EndpointResource1234"
    assert account.did == []


@pytest.mark.parametrize("running", [(), ("run-1",) * 10_000])
def test_what_takes_longer_than_an_invocation_says_so_before_its_time_is_over(running: tuple[str, ...]) -> None:
    account = Account("Updating", running=running)
    with pytest.raises(NotYetError, match=r"still (Updating|run)"):
        send(account, "Delete")
    assert 0 < account.seconds < 30
    assert "delete flights-dev" not in account.did
