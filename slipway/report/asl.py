"""A state machine's definition and one execution's history, as a graph with the path taken. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from slipway.report.facts import Edge, State

Machine = Mapping[str, Any]


def graph(definition: Machine, history: Sequence[Mapping[str, Any]]) -> tuple[tuple[State, ...], tuple[Edge, ...]]:
    """States in the definition's order, branches after their Parallel; edges with those taken marked.

    A catch that was not taken is left out: a machine whose every task can fail would be drawn as a hedgehog.
    """
    steps = {(edge.source, edge.target) for edge in _edges(definition)}
    visited, taken, failed = walk(history, steps)
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


def walk(
    history: Sequence[Mapping[str, Any]], steps: Collection[tuple[str, str]]
) -> tuple[Counter[str], set[tuple[str, str]], set[str]]:
    """How often each state was entered, which of the machine's `steps` were made, and which states ended in failure.

    A step was made from the state that was left (for a branch: entered) last of all that lead here. That is enough for
    any history in order, also where events do not name the one before. A failure that a retry made good is none.
    """
    visited: Counter[str] = Counter()
    taken: set[tuple[str, str]] = set()
    failed: set[str] = set()
    passed: list[str] = []
    open_: list[str] = []
    broken: set[str] = set()
    for event in history:
        kind = event["type"]
        if kind.endswith("StateEntered"):
            name = _name(event)
            before = next((p for p in reversed(passed) if (p, name) in steps), None)
            if before is not None:
                taken.add((before, name))
            visited[name] += 1
            passed.append(name)
            open_.append(name)
            if kind == "FailStateEntered":
                failed.add(name)
        elif kind.endswith("StateExited"):
            name = _name(event)
            passed.append(name)
            if name in open_:
                open_.remove(name)
            failed |= broken & {name}
            broken.discard(name)
        elif kind.startswith("Execution"):
            failed |= broken & set(open_)
        elif kind.endswith(("Failed", "TimedOut", "Aborted")) and open_:
            broken.add(_inside(event, history, open_))
        elif kind.endswith("Succeeded") and open_:
            broken.discard(_inside(event, history, open_))
    return visited, taken, failed


def _inside(event: Mapping[str, Any], history: Sequence[Mapping[str, Any]], open_: Sequence[str]) -> str:
    """The state an event belongs to: by the chain of previous events where there is one, else the one entered last."""
    by_id = {e["id"]: e for e in history} if event.get("previousEventId") else {}
    seen = {event["id"]}
    at = event.get("previousEventId") or 0
    while at in by_id and at not in seen:
        seen.add(at)
        if by_id[at]["type"].endswith("StateEntered"):
            return _name(by_id[at])
        at = by_id[at].get("previousEventId") or 0
    return open_[-1]


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
