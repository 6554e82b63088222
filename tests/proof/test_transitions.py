"""What one release costs in state transitions, counted on the deployed definition."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from release_proof.machine import Bench, visited

WAITING = {"Let it work", "Look at the endpoint", "Has it settled?", "Send golden records"}
"""The loop that lasts as long as SageMaker's own work and the bakes."""


def canary(bench: Callable[[], Bench], looks: int) -> list[str]:
    """The states of a canary release that settles after so many looks."""
    one = bench()
    one.account.sagemaker.approve(1)
    one.run("approval")
    one.account.sagemaker.approve(2)
    waits = 0

    def slowly() -> None:
        nonlocal waits
        waits += 1
        if waits >= looks:
            one.account.sagemaker.steps = [(0.0, *step[1:]) for step in one.account.sagemaker.steps]
        if waits >= looks or not one.account.sagemaker.steps:
            one.account.sagemaker.pass_time()

    one.clock.passed = slowly
    record = one.run("approval")
    assert '"outcome":"released","version":2,"strategy":"canary"' in record["output"]
    return visited(record)


def test_a_canary_release_takes_at_most_forty_transitions(
    bench: Callable[[], Bench], figure: Callable[..., None]
) -> None:
    entered = Counter(canary(bench, looks=1))
    assert entered["Look at the endpoint"] == 1
    own = sum(n for name, n in entered.items() if name not in WAITING)
    total = sum(entered.values())
    figure("canary: state transitions, settled at the first look", total, "<= 40", total <= 40)
    figure("canary: of them not waiting for the service", own, "<= 40", own <= 40)


def test_every_further_look_costs_four_transitions(bench: Callable[[], Bench], figure: Callable[..., None]) -> None:
    more = len(canary(bench, looks=2)) - len(canary(bench, looks=1))
    figure("canary: state transitions for a further look", more, "<= 4", 0 < more <= 4)


def test_an_approval_that_was_dealt_with_costs_little(bench: Callable[[], Bench], figure: Callable[..., Any]) -> None:
    one = bench()
    one.account.sagemaker.approve(1)
    one.run("approval")
    count = len(visited(one.run("approval")))
    figure("approval told again: state transitions", count, "<= 15", count <= 15)
