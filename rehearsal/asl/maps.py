"""Map in inline mode: an iteration for each item, in this execution's own history."""

from collections.abc import Mapping
from typing import Any

from rehearsal.asl.attempts import attempts
from rehearsal.asl.distributed import run_distributed
from rehearsal.asl.errors import QUERY_EVALUATION_ERROR, RUNTIME, StatesError
from rehearsal.asl.fanout import FanOut
from rehearsal.asl.flow import Flow, State
from rehearsal.asl.frames import Frame, Stop
from rehearsal.asl.line import Line, Step, handles
from rehearsal.asl.parallel import abort, processor
from rehearsal.asl.queryflow import QueryFlow
from rehearsal.asl.values import dump, kind, limited

# An inline Map never runs more iterations at a time.
MOST_AT_ONCE = 40


@handles("Map")
def run_map(line: Line, state: State) -> Step:
    """The list of the iterations' outputs."""
    if processor(state).get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED":
        return attempts(line, state, lambda flow: run_distributed(line, state, flow))
    return attempts(line, state, lambda flow: _attempt(line, state, flow))


def members(found: Any, field: str, flow: Flow) -> list[dict[str, Any]]:
    """What `$$.Map.Item` says of each item of an array, or of each member of an object."""
    if isinstance(found, list):
        return [{"Index": index, "Value": value} for index, value in enumerate(found)]
    if isinstance(found, dict):
        return [{"Index": at, "Key": key, "Value": value} for at, (key, value) in enumerate(found.items())]
    error = QUERY_EVALUATION_ERROR if isinstance(flow, QueryFlow) else RUNTIME
    raise StatesError(
        error, f"The items of a Map ({field}) must be an array, but were {kind(found)}: {dump(found)[:200]}"
    )


def item_input(state: State, flow: Flow, item: Mapping[str, Any]) -> Any:
    """The input of an iteration: the item, or what ItemSelector makes of it."""
    for field in ("ItemSelector", "Parameters"):
        if field in state:
            return flow.template(state[field], field, {"Map": {"Item": item}})
    return {"Key": item["Key"], "Value": item["Value"]} if "Key" in item else item["Value"]


def _attempt(line: Line, state: State, flow: Flow) -> list[Any]:
    frame = line.frame
    if frame.work is None or "items" not in frame.work:
        items = members(flow.items(), "Items", flow)
        most = flow.value("MaxConcurrency", "number") or 0
        if most < 0 or int(most) != most:
            raise StatesError(RUNTIME, f"MaxConcurrency must be a non-negative integer, but was {dump(most)}")
        with line.run.lock:
            started = line.event("MapStateStarted", mapStateStartedEventDetails={"length": len(items)})
            frame.work = {"items": items, "workers": int(most), "started": started}
    iterations = _Iterations(line, state, flow, frame.work)
    try:
        iterations.run()
    finally:
        iterations.group.release()
    with line.run.lock:
        frame.previous = max([frame.previous, *(child.previous for child in frame.children.values())])
        line.event("MapStateSucceeded")
    return [frame.children[number].input for number in range(len(frame.work["items"]))]


class _Iterations:
    def __init__(self, line: Line, state: State, flow: Flow, work: dict[str, Any]) -> None:
        self._line, self._state, self._flow, self._work = line, state, flow, work
        self._children, self._history = line.frame.children, line.run.history
        self._processor = processor(state)
        self._variables = line.variables
        self.group = Stop(line.stop)

    def run(self) -> None:
        """Run what has not been done; the first failure aborts the rest."""
        numbers = range(len(self._work["items"]))
        unfinished = [n for n in numbers if n not in self._children or not self._children[n].done]
        workers = min(self._work["workers"] or MOST_AT_ONCE, MOST_AT_ONCE, len(unfinished))
        try:
            FanOut(self._line, unfinished, workers, self._iterate).wait()
        except StatesError:
            self._abort()
            raise

    def _details(self, number: int) -> dict[str, Any]:
        return {"name": self._line.frame.state, "index": number}

    def _begin(self, number: int) -> Frame:
        child = self._children.get(number)
        with self._line.run.lock:
            self.group.check()
            if child is None or child.entered is None:
                event = self._history.add(
                    "MapIterationStarted",
                    self._work["started"],
                    mapIterationStartedEventDetails=self._details(number),
                )
                if child is None:
                    child = Frame(self._processor["StartAt"], None)
                    self._children[number] = child
                    child.input = item_input(self._state, self._flow, self._work["items"][number])
                child.previous = event
        return child

    def _iterate(self, number: int) -> None:
        child, details = self._begin(number), self._details(number)
        item = {"Item": self._work["items"][number]}
        inner = Line(self._line.run, self._processor["States"], child, self.group, outer=self._variables, item=item)
        try:
            limited(child.input, self._line.frame.state, "iteration input")
            inner.walk()
            inner.event("MapIterationSucceeded", mapIterationSucceededEventDetails=details)
        except StatesError:
            child.failed = True
            inner.event("MapIterationFailed", mapIterationFailedEventDetails=details)
            raise

    def _abort(self) -> None:
        with self._line.run.lock:
            self._line.stop.check()
            self.group.set()
            for number, child in sorted(self._children.items()):
                if not child.done and not child.failed:
                    abort(self._line, self._processor["States"], child)
                    self._history.add(
                        "MapIterationAborted", child.previous, mapIterationAbortedEventDetails=self._details(number)
                    )
            self._line.event("MapStateFailed")
