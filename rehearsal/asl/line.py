"""One line of control: walks from state to state and writes down what it does."""

import contextvars
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.asl import faults
from rehearsal.asl.errors import DATA_LIMIT, RUNTIME, TIMEOUT, StatesError
from rehearsal.asl.flow import VARIABLES_BYTES, Flow, Leaving, State, Surroundings
from rehearsal.asl.frames import Frame, Stop
from rehearsal.asl.history import INCLUDED
from rehearsal.asl.pathflow import PathFlow
from rehearsal.asl.queryflow import QueryFlow
from rehearsal.asl.values import dump, iso, limited

if TYPE_CHECKING:
    from rehearsal.asl.run import Run


@dataclass(frozen=True)
class Step:
    """How a state was left, and where to; `following` None ends the line."""

    leaving: Leaving
    following: str | None


Handler = Callable[["Line", State], Step]
HANDLERS: dict[str, Handler] = {}


def handles(kind: str) -> Callable[[Handler], Handler]:
    """Register what runs a type of state."""

    def register(handler: Handler) -> Handler:
        HANDLERS[kind] = handler
        return handler

    return register


class Line:
    """Runs `frame` through `states`. `outer` are the variables of the scopes around it, `item` its Map context."""

    def __init__(
        self,
        run: "Run",
        states: Mapping[str, State],
        frame: Frame,
        stop: Stop,
        *,
        outer: Mapping[str, Any] | None = None,
        item: Mapping[str, Any] | None = None,
    ) -> None:
        self.run, self.states, self.frame, self.stop = run, states, frame, stop
        self._outer, self.item = outer or {}, item

    def walk(self) -> Any:
        """The output of the line. Raises StatesError if a state fails, CancelledError if the line is stopped."""
        frame = self.frame
        while not frame.done:
            self.stop.check()
            state = self.states[frame.state]
            try:
                step = self._visit(state)
            except RecursionError:
                raise StatesError(RUNTIME, f"The data of state '{frame.state}' is nested too deeply.") from None
            except StatesError as error:
                frame.failed = True
                self.tell_evaluation(error)
                raise
            with self.run.lock:
                self.stop.check()
                if step.following is None:
                    frame.finish(step.leaving.output)
                else:
                    frame.move(step.following, step.leaving.output, dict(step.leaving.assigned))
            if step.leaving.assigned and len(dump(frame.variables)) > VARIABLES_BYTES:
                raise StatesError(DATA_LIMIT, "The variables of the execution exceed 10 MiB.")
        return frame.input

    def _visit(self, state: State) -> Step:
        frame, kind = self.frame, state["Type"]
        if frame.entered is None:
            given = limited(frame.input, frame.state, "input")
            with self.run.lock:
                details = {"name": frame.state, "input": given, "inputDetails": INCLUDED}
                frame.entered_event = self.event(f"{kind}StateEntered", stateEnteredEventDetails=details)
                frame.entered = self.run.clock.now()
        self._inject()
        step = HANDLERS[kind](self, state)
        told = limited(step.leaving.output, frame.state, "output")
        left: dict[str, Any] = {"name": frame.state, "output": told, "outputDetails": INCLUDED}
        if step.leaving.assigned:
            left["assignedVariables"] = {name: dump(value) for name, value in step.leaving.assigned.items()}
            left["assignedVariablesDetails"] = INCLUDED
        self.event(f"{kind}StateExited", stateExitedEventDetails=left)
        return step

    def _inject(self) -> None:
        run = self.run
        if run.faults is None:
            return
        place = run.machine.name, self.frame.state
        if faults.take(run.faults, "D02", *place):
            raise StatesError(RUNTIME, f"An error occurred while executing the state '{self.frame.state}' (fault D02).")
        if faults.take(run.faults, "D03", *place):
            run.end("TIMED_OUT", error=TIMEOUT, cause="The execution timed out (fault D03)")
        if faults.take(run.faults, "D04", *place):
            run.end("ABORTED", error="Operator", cause="Stopped by a person (fault D04)")
        if faults.take(run.faults, "D05", *place):
            run.history.fill()
        self.stop.check()

    def event(self, kind: str, *, previous: int | None = None, **details: Any) -> int:
        """Write an event of this line down. Raises CancelledError if the line may not speak any more."""
        with self.run.lock:
            self.stop.check()
            before = self.frame.previous if previous is None else previous
            self.frame.previous = self.run.history.add(kind, before, **details)
            return self.frame.previous

    def tell_evaluation(self, error: StatesError) -> None:
        """Write down once that a JSONata expression failed."""
        if error.location:
            details = {
                "error": error.error,
                "cause": error.cause,
                "location": error.location,
                "state": self.frame.state,
            }
            self.event("EvaluationFailed", evaluationFailedEventDetails=details)
            error.location = ""

    @property
    def variables(self) -> Mapping[str, Any]:
        """All variables in reach."""
        return {**self._outer, **self.frame.variables} if self._outer else self.frame.variables

    def flow(self, state: State) -> Flow:
        """The data flow of the state that the line is in."""
        frame = self.frame
        context: dict[str, Any] = {
            "Execution": self.run.about_execution,
            "State": {
                "EnteredTime": iso(frame.entered or 0.0),
                "Name": frame.state,
                "RetryCount": sum(frame.retries.values()),
            },
            "StateMachine": self.run.about_machine,
        }
        if self.item is not None:
            context["Map"] = self.item
        if frame.work is not None and "token" in frame.work:
            context["Task"] = {"Token": frame.work["token"]}
        around = Surroundings(frame.state, context, self.variables, self.run.clock.now(), frame.entered_event)
        language = state.get("QueryLanguage") or self.run.machine.language
        return (QueryFlow if language == "JSONata" else PathFlow)(state, frame.input, around)

    def sleep(self, seconds: float) -> None:
        """Let cloud time pass."""
        if seconds > 0:
            self.run.clock.sleep(seconds, self.stop)
        self.stop.check()

    def spawn(self, function: Callable[[], None]) -> None:
        """Run a function in a thread that works for this execution."""
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(function,), daemon=True, name="asl").start()
