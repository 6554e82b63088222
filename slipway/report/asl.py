"""A state machine's definition and one execution's history, as a graph with the path taken. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from slipway.report.facts import Edge, State

Machine = Mapping[str, Any]


def graph(definition: Machine, history: Sequence[Mapping[str, Any]]) -> tuple[tuple[State, ...], tuple[Edge, ...]]:
    """States in the definition's order, branches after their Parallel; edges with those taken marked.

    A catch that was not taken is left out: a machine whose every task can fail would be drawn as a hedgehog.
    """
    visited, taken, failed = walk(history)
    states = [
        State(name, str(state.get("Type", "")), visited[name], name in failed) for name, state in _states(definition)
    ]
    edges: dict[tuple[str, str], Edge] = {}
    for edge in _edges(definition):
        pair = (edge.source, edge.target)
        used = pair in taken
        if edge.kind == "catch" and not used:
            continue
        if pair not in edges or used:
            edges[pair] = Edge(edge.source, edge.target, edge.kind, used)
    return tuple(states), tuple(edges.values())


def walk(history: Sequence[Mapping[str, Any]]) -> tuple[Counter[str], set[tuple[str, str]], set[str]]:
    """How often each state was entered, which steps from state to state were made, and which states failed."""
    by_id = {event["id"]: event for event in history}
    visited: Counter[str] = Counter()
    taken: set[tuple[str, str]] = set()
    failed: set[str] = set()
    for event in history:
        kind = event["type"]
        if kind.endswith("StateEntered"):
            name = _name(event)
            visited[name] += 1
            before = _state_before(event, by_id)
            if before is not None:
                taken.add((before, name))
            if kind == "FailStateEntered":
                failed.add(name)
        elif kind.endswith(("Failed", "TimedOut", "Aborted")) and not kind.startswith("Execution"):
            inside = _state_before(event, by_id)
            if inside is not None:
                failed.add(inside)
    return visited, taken, failed


def _state_before(event: Mapping[str, Any], by_id: Mapping[int, Mapping[str, Any]]) -> str | None:
    """The state that the chain of previous events leads to. An event may be its own first."""
    seen: set[int] = {event["id"]}
    at = event.get("previousEventId", 0)
    while at in by_id and at not in seen:
        seen.add(at)
        event = by_id[at]
        if event["type"].endswith(("StateEntered", "StateExited")):
            return _name(event)
        at = event.get("previousEventId", 0)
    return None


def _name(event: Mapping[str, Any]) -> str:
    details = event.get("stateEnteredEventDetails") or event.get("stateExitedEventDetails") or {}
    return str(details.get("name", ""))


def _states(machine: Machine) -> Iterator[tuple[str, Machine]]:
    for name, state in machine.get("States", {}).items():
        yield name, state
        for inner in _inner(state):
            yield from _states(inner)


def _inner(state: Machine) -> list[Machine]:
    processor = state.get("ItemProcessor") or state.get("Iterator")
    return [*state.get("Branches", []), *([processor] if processor else [])]


def _edges(machine: Machine) -> Iterator[Edge]:
    for name, state in machine.get("States", {}).items():
        inner = _inner(state)
        if "Next" in state:
            yield Edge(name, state["Next"])
        if "Default" in state:
            yield Edge(name, state["Default"])
        for choice in state.get("Choices", []):
            yield Edge(name, choice["Next"])
        for catch in state.get("Catch", []):
            yield Edge(name, catch["Next"], "catch")
        for branch in inner:
            yield Edge(name, branch["StartAt"], "branch")
            yield from _edges(branch)
