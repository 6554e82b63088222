"""Parallel: branches side by side; the first that fails ends the others."""

from typing import Any

from rehearsal.asl.attempts import attempts
from rehearsal.asl.errors import StatesError
from rehearsal.asl.fanout import FanOut
from rehearsal.asl.flow import Flow, State
from rehearsal.asl.frames import Frame, Stop
from rehearsal.asl.line import Line, Step, handles
from rehearsal.asl.values import limited

_ABORTABLE = ("Task", "Wait", "Parallel", "Map")


@handles("Parallel")
def run_parallel(line: Line, state: State) -> Step:
    """The list of the branches' outputs."""
    return attempts(line, state, lambda flow: _attempt(line, state, flow))


def _attempt(line: Line, state: State, flow: Flow) -> list[Any]:
    frame, branches = line.frame, state["Branches"]
    if not frame.children:
        given = flow.arguments()
        limited(given, frame.state, "arguments")
        with line.run.lock:
            started = line.event("ParallelStateStarted")
            frame.children = {
                number: Frame(branch["StartAt"], given, previous=started) for number, branch in enumerate(branches)
            }
    elif frame.work and frame.work.get("redriven"):
        line.event("ParallelStateStarted")
        frame.work = None
    group, variables = Stop(line.stop), line.variables

    def work(number: int) -> None:
        child = frame.children[number]
        Line(line.run, branches[number]["States"], child, group, outer=variables, item=line.item).walk()

    unfinished = [number for number, child in frame.children.items() if not child.done]
    try:
        FanOut(line, unfinished, len(unfinished), work).wait()
    except StatesError as error:
        with line.run.lock:
            line.stop.check()
            group.set()
            for number, child in frame.children.items():
                abort(line, branches[number]["States"], child)
            line.event("ParallelStateFailed")
        raise StatesError(error.error, error.cause, from_branch=True) from None
    finally:
        group.release()
    with line.run.lock:
        frame.previous = max([frame.previous, *(child.previous for child in frame.children.values())])
        line.event("ParallelStateSucceeded")
    return [frame.children[number].input for number in range(len(branches))]


def abort(line: Line, states: Any, child: Frame) -> None:
    """Write down what a line that was cut short was doing, innermost first. What failed by itself has said so."""
    if child.done or child.failed or child.entered is None:
        return
    state = states[child.state]
    for number, inner in child.children.items():
        inside = state["Branches"][number] if state["Type"] == "Parallel" else processor(state)
        abort(line, inside["States"], inner)
    if state["Type"] in _ABORTABLE:
        child.previous = line.run.history.add(f"{state['Type']}StateAborted", child.previous)


def processor(state: State) -> Any:
    """The machine that a Map runs for each item; Iterator is its older name."""
    return state.get("ItemProcessor") or state["Iterator"]
