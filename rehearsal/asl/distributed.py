"""Map in distributed mode: a Map Run whose items are executions of their own.

https://docs.aws.amazon.com/step-functions/latest/dg/state-map-distributed.html
"""

from typing import Any

from rehearsal.asl import readers, writers
from rehearsal.asl.errors import EXCEED_TOLERATED, RUNTIME, StatesError
from rehearsal.asl.fanout import FanOut
from rehearsal.asl.flow import Flow, State
from rehearsal.asl.frames import Stop
from rehearsal.asl.line import Line
from rehearsal.asl.mapruns import MapRun
from rehearsal.asl.values import PAYLOAD_BYTES, dump, limited

# The service runs up to 10,000; a laptop's processes are fewer.
MOST_AT_ONCE = 64


def run_distributed(line: Line, state: State, flow: Flow) -> Any:
    """The outputs of the children that succeeded, or where the ResultWriter put them."""
    frame, run = line.frame, line.run
    map_run = run.engine.map_runs.get((frame.work or {}).get("mapRun", ""))
    if map_run is None:
        inputs = _inputs(line, state, flow)
        line.event("MapStateStarted", mapStateStartedEventDetails={"length": sum(count for _, count in inputs)})
        map_run = MapRun.begin(run, state, frame.state, inputs, _limits(flow))
        frame.work = {"mapRun": map_run.arn}
        line.event("MapRunStarted", mapRunStartedEventDetails={"mapRunArn": map_run.arn})
    elif (frame.work or {}).get("redriven"):
        map_run.redrive()
        frame.work = {"mapRun": map_run.arn}
        details = {"mapRunArn": map_run.arn, "redriveCount": map_run.record["redriveCount"]}
        line.event("MapRunRedriven", mapRunRedrivenEventDetails=details)
    group = Stop(line.stop)
    numbers = map_run.unfinished()
    most = min(map_run.record["maxConcurrency"] or MOST_AT_ONCE, MOST_AT_ONCE, len(numbers))
    try:
        FanOut(line, numbers, most, lambda number: map_run.run_child(number, group)).wait()
        map_run.check()
        result = writers.write(line, state, flow, map_run)
    except StatesError as error:
        with run.lock:
            line.stop.check()
            group.set()
        map_run.end("FAILED")
        line.event("MapRunFailed", mapRunFailedEventDetails={"error": error.error, "cause": error.cause})
        line.event("MapStateFailed")
        raise
    finally:
        if line.stop.is_set():
            map_run.end("ABORTED")
        group.release()
    map_run.end("SUCCEEDED")
    line.event("MapRunSucceeded")
    line.event("MapStateSucceeded")
    return result


def _limits(flow: Flow) -> dict[str, Any]:
    limits = {
        "maxConcurrency": int(flow.value("MaxConcurrency", "number") or 0),
        "toleratedFailurePercentage": float(flow.value("ToleratedFailurePercentage", "number") or 0.0),
        "toleratedFailureCount": int(flow.value("ToleratedFailureCount", "number") or 0),
    }
    if not 0 <= limits["toleratedFailurePercentage"] <= 100 or min(limits.values()) < 0:
        raise StatesError(RUNTIME, f"MaxConcurrency and ToleratedFailure… are out of range: {dump(limits)}")
    given = {name: name[0].upper() + name[1:] for name in limits}
    stated = [name for name, field in given.items() if field in flow.state or f"{field}Path" in flow.state]
    return {**limits, "_stated": stated}


def _inputs(line: Line, state: State, flow: Flow) -> list[tuple[Any, int]]:
    """Input of each child, and how many items it holds."""
    from rehearsal.asl.maps import item_input, members

    source = "STATE_DATA"
    if "ItemReader" in state:
        found, source = readers.read(line, state["ItemReader"], flow)
    else:
        found = flow.items()
    items = [{**item, "Source": source} for item in members(found, "Items", flow)]
    inputs = [item_input(state, flow, item) for item in items]
    if "ItemBatcher" in state:
        return _batches(state["ItemBatcher"], inputs, flow)
    for given in inputs:
        limited(given, line.frame.state, "item")
    return [(given, 1) for given in inputs]


def _batches(batcher: State, inputs: list[Any], flow: Flow) -> list[tuple[Any, int]]:
    most_items = _batch_limit(batcher, "MaxItemsPerBatch", flow) or len(inputs) or 1
    most_bytes = min(_batch_limit(batcher, "MaxInputBytesPerBatch", flow) or PAYLOAD_BYTES, PAYLOAD_BYTES)
    head: dict[str, Any] = {}
    if "BatchInput" in batcher:
        head = {"BatchInput": flow.template(batcher["BatchInput"], "BatchInput", {})}
    empty = len(dump({**head, "Items": []}).encode())
    batches: list[list[Any]] = []
    size = 0
    for given in inputs:
        length = len(dump(given).encode()) + 1
        if empty + length > most_bytes:
            raise StatesError(EXCEED_TOLERATED, f"An item of {length} bytes does not fit a batch of {most_bytes} bytes")
        if not batches or len(batches[-1]) >= most_items or size + length > most_bytes:
            batches.append([])
            size = empty
        batches[-1].append(given)
        size += length
    return [({**head, "Items": batch}, len(batch)) for batch in batches]


def _batch_limit(batcher: State, field: str, flow: Flow) -> int | None:
    if f"{field}Path" in batcher:
        value = flow.template({"value.$": batcher[f"{field}Path"]}, field, {})["value"]
    elif field in batcher:
        value = flow.template(batcher[field], field, {})
    else:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 1 or int(value) != value:
        raise StatesError(RUNTIME, f"{field} must be a positive integer, but was {dump(value)}")
    return int(value)
