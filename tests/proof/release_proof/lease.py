"""How long after a renewal of the lock the changes come that it stands for, at worst, read off the definition.

A call takes its full time limit in every attempt, a retry its longest delay. A loop without a renewal has no longest
way: infinity.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from math import inf
from typing import Any

from slipway_lambda.contracts.trial import MOST_PAUSE_SECONDS

RENEWALS = frozenset({
    "Take the lock", "Keep the lock meanwhile", "Was it aborted?", "Was it aborted meanwhile?",
    "Is it still ours to put right?",
})  # fmt: skip
CHANGES = frozenset({
    "Delete the endpoint that never served", "Create the endpoint", "Update the endpoint", "Roll back to blue",
    "Delete the endpoint of a failed first release", "Clean up", "Clean up what is left",
    "Clean up what was left before", "Halt automation", "Write the ledger", "Mark the lifecycle stage",
    "Mark it rejected", "Record the attempt", "Record the failed attempt",
})  # fmt: skip
"""States that change the endpoint, its configs, or what all executions decide by."""
CALL_SECONDS = 60
JUDGE = "Judge the trial"
PAUSES = tuple(f"Let the trial run{how}" for how in ("", ", with news unheard", ", without news"))
TRIAL_RENEWALS = RENEWALS | {JUDGE}
TRIAL_CHANGES = frozenset({
    "Put the challenger beside the champion", "Give the challenger its next share",
    "Take its share from the challenger",
})  # fmt: skip


def seconds(state: Mapping[str, Any]) -> float:
    """The longest that one visit of the state takes."""
    if state["Type"] == "Wait":
        return float(state["Seconds"])
    if state["Type"] != "Task":
        return 0.0
    attempts, delays = 1, 0.0
    for retry in state.get("Retry", []):
        most = retry.get("MaxAttempts", 3)
        interval, rate = retry.get("IntervalSeconds", 1), retry.get("BackoffRate", 2.0)
        limit = retry.get("MaxDelaySeconds", inf)
        attempts += most
        delays += sum(min(limit, interval * rate**n) for n in range(most))
    limit = state["TimeoutSeconds"]
    longest = MOST_PAUSE_SECONDS if limit == "{% $trial.pause_seconds %}" else limit
    if state["Resource"].endswith(".waitForTaskToken"):  # what is tried again is the call alone, not the wait
        return float(longest + (attempts - 1) * CALL_SECONDS + delays)
    return float(attempts * longest + delays)


def following(state: Mapping[str, Any]) -> Iterator[str]:
    """Names of the states that can come next."""
    for holder in (state, *state.get("Choices", []), *state.get("Catch", [])):
        if "Next" in holder:
            yield holder["Next"]
    if "Default" in state:
        yield state["Default"]


def longest_ways(definition: Mapping[str, Any], renewals: frozenset[str] = RENEWALS) -> dict[str, float]:
    """For each change, and the pause of a trial, the seconds from the last renewal before it to the end of its own last
    attempt.
    """
    states = definition["States"]
    before: dict[str, list[str]] = {name: [] for name in states}
    for name, state in states.items():
        for after in following(state):
            before[after].append(name)
    open_: set[str] = set()

    @lru_cache
    def until_the_end_of(name: str) -> float:
        """From a renewal. Minus infinity: no renewal leads here."""
        if name in renewals:
            return seconds(states[name])
        if name in open_:
            return inf
        open_.add(name)
        longest = max((until_the_end_of(one) for one in before[name]), default=-inf)
        open_.discard(name)
        return longest + seconds(states[name])

    return {name: until_the_end_of(name) for name in (*CHANGES, *TRIAL_CHANGES, *PAUSES) if name in states}
