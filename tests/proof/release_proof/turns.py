"""Executions of the real machine that take turns: one at a time does one step, in the order a caller chooses."""

import contextvars
import threading
from collections.abc import Callable
from typing import Any

from rehearsal.asl.errors import CancelledError
from rehearsal.asl.ports import Call
from release_proof.machine import BEFORE, Bench, Host, SteppedClock


class Actor:
    """An execution in a thread of its own, parked before a call or in a wait (`until`, epoch s) but in its turn."""

    def __init__(self, arn: str) -> None:
        self.arn = arn
        self.go = threading.Semaphore(0)
        self.state = ""
        self.until: float | None = None
        self.since = 0.0
        """When it was parked."""
        self.over = False


class Turns(SteppedClock):
    """The clock of all of them; it moves when one that sleeps is given its turn."""

    def __init__(self) -> None:
        super().__init__()
        self._back = threading.Semaphore(0)
        # The interpreter makes a call in a thread of its own, in a copy of the context.
        self._actor: contextvars.ContextVar[Actor | None] = contextvars.ContextVar("actor", default=None)

    def begin(self, actor: Actor, work: Callable[[], object]) -> None:
        """Start it; it runs to its first call or wait."""

        def run() -> None:
            self._actor.set(actor)
            actor.go.acquire()
            try:
                work()
            finally:
                actor.over = True
                self._back.release()

        threading.Thread(target=run, daemon=True, name=actor.arn).start()
        self.turn(actor)

    def turn(self, actor: Actor) -> None:
        """Let it do one step."""
        if actor.until is not None and actor.until > self.now():
            self.advance(actor.until - self.now())
        actor.go.release()
        self._back.acquire()

    def park(self, state: str = "", until: float | None = None) -> None:
        """Called by an execution: wait for its next turn."""
        actor = self._actor.get()
        if actor is None:
            return
        actor.state, actor.until, actor.since = state or actor.state, until, self.now()
        self._back.release()
        actor.go.acquire()
        actor.until = None

    def sleep(self, seconds: float, stop: Any = None) -> bool:
        """Until the turn that comes at or after its time."""
        self.park(until=self.now() + seconds)
        return stop is None or not stop.is_set()


class TurnHost(Host):
    """Each call is a turn. `arrives` is told of an execution that is about to call, `tried` what came of it, `ended` of
    records that are over.
    """

    arrives: Callable[[str, str], None] = staticmethod(lambda arn, state: None)
    tried: Callable[[str, str, str], None] = staticmethod(lambda arn, state, outcome: None)
    ended: Callable[[dict[str, Any]], None] = staticmethod(lambda record: None)

    def call(self, call: Call) -> Any:
        assert self.engine is not None
        assert isinstance(self.clock, Turns)
        run = self.engine.runs.get(call.execution_arn)
        if run is None:
            raise CancelledError
        self.clock.park(run.frame.state)
        if run.record["status"] != "RUNNING":
            raise CancelledError
        self.arrives(call.execution_arn, run.frame.state)
        self.around(call.execution_arn, run.frame.state, BEFORE)
        return super().call(call)

    def _note(self, execution: str, state: str, outcome: str, error: str = "", result: Any = None) -> None:
        super()._note(execution, state, outcome, error, result)
        self.tried(execution, state, outcome)

    def status_changed(self, record: Any) -> None:
        if record["status"] != "RUNNING":
            self.ended(record)


class TurnBench(Bench):
    """A bench whose executions take turns."""

    def __init__(self, definition: dict[str, Any]) -> None:
        super().__init__(definition, clock=Turns(), host=TurnHost)
        self.turns: Turns = self.clock  # type: ignore[assignment]
        self.watched: TurnHost = self.host  # type: ignore[assignment]
