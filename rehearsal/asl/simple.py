"""States that do no work: Pass, Choice, Wait, Succeed, Fail."""

from typing import Any

from rehearsal.asl import choice, faults
from rehearsal.asl.errors import NO_CHOICE_MATCHED, QUERY_EVALUATION_ERROR, RUNTIME, StatesError
from rehearsal.asl.flow import State
from rehearsal.asl.line import Line, Step, handles
from rehearsal.asl.pathflow import PathFlow
from rehearsal.asl.queryflow import QueryFlow
from rehearsal.asl.values import LONGEST_SECONDS, dump, limited, timestamp


@handles("Pass")
def run_pass(line: Line, state: State) -> Step:
    """Hand on the input, a fixed result, or what the fields make of them."""
    return Step(line.flow(state).through(), state.get("Next"))


@handles("Succeed")
def run_succeed(line: Line, state: State) -> Step:
    """End the line well."""
    return Step(line.flow(state).through(), None)


@handles("Choice")
def run_choice(line: Line, state: State) -> Step:
    """Go where the first rule that holds says."""
    flow = line.flow(state)
    if not (line.run.faults and faults.take(line.run.faults, "D12", line.run.machine.name, line.frame.state)):
        for place, rule in enumerate(state["Choices"]):
            if _holds(flow, rule, place):
                return Step(flow.through(rule), rule["Next"])
        if "Default" in state:
            return Step(flow.through(), state["Default"])
    raise StatesError(
        NO_CHOICE_MATCHED,
        f"An error occurred while executing the state '{line.frame.state}' (entered at the event id "
        f"#{line.frame.entered_event}). Failed to transition out of the state. No choice rule matched and no default "
        "was given.",
    )


def _holds(flow: Any, rule: State, place: int) -> bool:
    if isinstance(flow, QueryFlow):
        return bool(flow.evaluator().typed(rule["Condition"], f"Choices[{place}]/Condition", "boolean"))
    assert isinstance(flow, PathFlow)
    data = flow.filtered()
    return choice.matches(rule, lambda path: flow.read(path, data))


@handles("Wait")
def run_wait(line: Line, state: State) -> Step:
    """Let cloud time pass; over a restart, the moment it ends at stays."""
    flow, frame = line.flow(state), line.frame
    if frame.work is None or "until" not in frame.work:
        frame.work = {"until": _until(line, flow)}
    line.sleep(frame.work["until"] - line.run.clock.now())
    return Step(flow.through(), state.get("Next"))


def _until(line: Line, flow: Any) -> float:
    seconds = flow.value("Seconds", "number")
    if seconds is not None:
        if not 0 <= seconds <= LONGEST_SECONDS or int(seconds) != seconds:
            raise _wrong(flow, f"Seconds must be an integer from 0 to {LONGEST_SECONDS}, but was: {dump(seconds)}")
        return float(line.frame.entered or 0.0) + float(seconds)
    moment = timestamp(given := flow.value("Timestamp", "string"))
    if moment is None:
        raise _wrong(flow, f"Timestamp cannot be parsed as an ISO-8601 extended offset date-time: {dump(given)}")
    return moment.timestamp()


def _wrong(flow: Any, message: str) -> StatesError:
    queried = isinstance(flow, QueryFlow)
    return StatesError(QUERY_EVALUATION_ERROR if queried else RUNTIME, message, location="Wait" if queried else "")


@handles("Fail")
def run_fail(line: Line, state: State) -> Step:
    """End the line with an error."""
    flow = line.flow(state)
    error, cause = flow.value("Error", "string"), flow.value("Cause", "string")
    limited([error, cause], line.frame.state, "error and cause")
    raise StatesError(error or "", cause or "")
