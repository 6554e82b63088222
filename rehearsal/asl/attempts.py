"""Attempts of a Task, Parallel or Map under its Retry and Catch."""

from collections.abc import Callable
from typing import Any

from rehearsal.asl import retry
from rehearsal.asl.errors import StatesError
from rehearsal.asl.flow import Flow, State
from rehearsal.asl.line import Line, Step
from rehearsal.asl.values import limited


def attempts(line: Line, state: State, attempt: Callable[[Flow], Any], begin: Callable[[], None] | None = None) -> Step:
    """Try until an attempt succeeds, or a catcher takes its error, or nothing does.

    `begin` prepares the frame's `work` before the data flow of an attempt is made. What is left of a wait for a retry
    is waited for after a restart.
    """
    frame = line.frame
    while True:
        if frame.work is not None and "retry_at" in frame.work:
            line.sleep(frame.work["retry_at"] - line.run.clock.now())
            with line.run.lock:
                frame.again()
        if begin is not None:
            begin()
        flow = line.flow(state)
        try:
            leaving = flow.result(attempt(flow))
            limited(leaving.output, frame.state, "output")
            return Step(leaving, state.get("Next"))
        except StatesError as error:
            line.stop.check()
            line.tell_evaluation(error)
            place = retry.retrier(state.get("Retry", ()), error, frame.retries)
            if place is not None:
                seconds = retry.delay_seconds(state["Retry"][place], frame.retries.get(place, 0))
                with line.run.lock:
                    frame.again()
                    frame.retries = {**frame.retries, place: frame.retries.get(place, 0) + 1}
                    frame.work = {"retry_at": line.run.clock.now() + seconds}
                continue
            catcher = retry.catcher(state.get("Catch", ()), error)
            if catcher is None:
                raise
            return Step(flow.caught(catcher, error), catcher["Next"])
