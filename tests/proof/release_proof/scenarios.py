"""Releases that between them enter every Task state of the machine."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from release_proof.account import ENDPOINT
from release_proof.machine import AFTER, Bench, Fault
from slipway_lambda.contracts.ledger import LOCK, endpoint_key


def _fate(**by_action: str) -> Callable[[str], str]:
    return lambda action: by_action.get(action, "good")


def _one_live(bench: Bench) -> None:
    bench.account.sagemaker.approve(1)
    assert bench.run("approval")["status"] == "SUCCEEDED"
    bench.account.notices.clear()
    bench.host.attempts.clear()
    if bench.spec.scaling:
        bench.scaled_to = bench.spec.instance_count + 1
        bench.account.sagemaker.resize(bench.scaled_to)


def first(bench: Bench) -> None:
    """Nothing is there yet."""
    bench.account.sagemaker.approve(1)


def canary(bench: Bench) -> None:
    """Version 2 replaces version 1."""
    _one_live(bench)
    bench.account.sagemaker.approve(2)


def silently_rolled_back(bench: Bench) -> None:
    """SageMaker takes version 2 back and says InService."""
    canary(bench)
    bench.account.sagemaker.fate = _fate(update="rolls_back")


def answers_wrong(bench: Bench) -> None:
    """Version 2 is healthy and wrong."""
    canary(bench)
    bench.account.wrong_answers = {2}


def unheard(bench: Bench) -> None:
    """The endpoint changes before the machine listens, on the way there and on the way back."""
    answers_wrong(bench)

    def note(execution: str, state: str, when: str) -> None:
        if state in ("Update the endpoint", "Roll back to blue") and when == AFTER:
            bench.account.ledger.note_news(ENDPOINT, execution)

    bench.host.around = note


def first_fails(bench: Bench) -> None:
    """The first creation never becomes healthy."""
    first(bench)
    bench.account.sagemaker.fate = _fate(create="fails")


def failed_before(bench: Bench) -> None:
    """An endpoint that never served lies there Failed."""
    first_fails(bench)
    bench.host.faults = [Fault("What is live now?", "States.TaskFailed")]
    bench.run("approval")
    bench.account.ledger.items.pop(("endpoint#flight-delays-dev", "halt"), None)
    bench.host.faults, bench.account.sagemaker.fate = [], _fate()
    bench.account.notices.clear()
    bench.account.sagemaker.approve(1, reason="looked at it again")


def half_made(bench: Bench) -> None:
    """Model and config of version 2 are there from an execution that was cut off."""
    canary(bench)

    def stop(execution: str, state: str, when: str) -> None:
        if state == "Update the endpoint":
            bench.running(execution).end("ABORTED")

    bench.host.around = stop
    bench.run("approval")
    bench.host.around = lambda *_: None
    bench.account.notices.clear()


def busy(bench: Bench) -> None:
    """SageMaker maintains the endpoint when version 2 is approved."""
    canary(bench)
    sagemaker = bench.account.sagemaker
    assert sagemaker.endpoint is not None
    sagemaker.endpoint["EndpointStatus"] = "SystemUpdating"
    sagemaker.steps = [(bench.clock.now() + 90, "InService", sagemaker.endpoint["EndpointConfigName"])]


def overtaken(bench: Bench) -> None:
    """The lock ran out while SageMaker worked, and another execution has taken it, once."""
    canary(bench)
    taken: list[str] = []

    def take_over() -> None:
        at = (endpoint_key(ENDPOINT), LOCK)
        if bench.account.status == "Updating" and not taken:
            taken.append(bench.account.lock_owner)
            until = {"N": str(int(bench.clock.now()) + 900)}
            bench.account.ledger.items[at] |= {"owner": {"S": "another"}, "expires_at": until, "fence": {"N": "9"}}
        bench.account.sagemaker.pass_time()

    bench.clock.passed = take_over


def thin_traffic(bench: Bench) -> None:
    """Too few requests for a verdict."""
    canary(bench)
    bench.account.requests = 10


def alarmed(bench: Bench) -> None:
    """An alarm is raised before anything begins."""
    canary(bench)
    bench.account.alarm = "ALARM"


def mixed(bench: Bench) -> None:
    """The service's own rollback fails."""
    canary(bench)
    bench.account.sagemaker.fate = _fate(update="rollback_fails")


def unwritable(bench: Bench) -> None:
    """Version 2 is live and the ledger cannot be written."""
    canary(bench)
    bench.host.faults = [Fault("Write the ledger", "DynamoDB.InternalServerErrorException")]


def unanswered(bench: Bench) -> None:
    """The update begins, and its answer is lost every time."""
    canary(bench)
    bench.host.faults = [Fault("Update the endpoint", "States.TaskFailed", AFTER)]


def refused_before(bench: Bench) -> None:
    """Version 2 was rolled back and its config not cleaned up; the sweep comes next."""
    silently_rolled_back(bench)
    bench.host.faults = [Fault("Clean up what is left", "States.TaskFailed")]
    bench.run("approval")
    bench.host.faults = []
    bench.account.notices.clear()


def goes_back(bench: Bench) -> None:
    """Version 2 is live, and a person wants version 1 again."""
    canary(bench)
    assert bench.run("approval")["status"] == "SUCCEEDED"
    bench.account.notices.clear()
    bench.host.attempts.clear()


def unscaled(bench: Bench) -> None:
    """Version 2 is live, and its scaling cannot be restored."""
    canary(bench)
    bench.host.faults = [Fault("Restore scaling", "Lambda.Unknown")]


INPUTS: dict[Callable[[Bench], None], dict[str, Any]] = {
    refused_before: {"trigger": "reconcile"},
    goes_back: {"trigger": "rollback", "version": 1},
}
"""Of the scenarios that no approval starts."""


def begin(bench: Bench, scenario: Callable[[Bench], None]) -> dict[str, Any]:
    """Run the execution that a scenario leads up to; its record."""
    return bench.run(**INPUTS.get(scenario, {"trigger": "approval"}))


ALL = (
    canary,
    silently_rolled_back,
    answers_wrong,
    unheard,
    first,
    first_fails,
    failed_before,
    half_made,
    busy,
    overtaken,
    thin_traffic,
    alarmed,
    mixed,
    unwritable,
    unanswered,
    refused_before,
    goes_back,
)


SCALING = (*ALL, unscaled)
"""Of a machine whose endpoint scales."""


@dataclass(frozen=True)
class Place:
    """A Task state and a scenario that enters it."""

    state: str
    scenario: Callable[[Bench], None]


def places(definition: Mapping[str, Any], paths: Mapping[Callable[[Bench], None], list[str]]) -> list[Place]:
    """Each Task state with the first scenario whose path enters it. Raises if one is never entered."""
    found = []
    for name, state in definition["States"].items():
        if state["Type"] != "Task":
            continue
        scenario = next((s for s, path in paths.items() if name in path), None)
        if scenario is None:
            raise AssertionError(f"no scenario enters the Task state {name!r}: add one to scenarios.py")
        found.append(Place(name, scenario))
    return found
