"""Where each line of control of an execution stands, as data that outlives the process."""

import threading
from dataclasses import dataclass, field
from typing import Any

from rehearsal.asl.errors import CancelledError


class Stop(threading.Event):
    """Ends a line of control and every line below it."""

    def __init__(self, above: "Stop | None" = None) -> None:
        super().__init__()
        self._below: set[Stop] = set()
        self._above = above
        if above is not None:
            above._below.add(self)
            if above.is_set():
                self.set()

    def set(self) -> None:
        """Set this one and all below."""
        super().set()
        for one in list(self._below):
            one.set()

    def release(self) -> None:
        """The line has ended: the one above need not tell it any more."""
        if self._above is not None:
            self._above._below.discard(self)

    def check(self) -> None:
        """Raise CancelledError if it is set."""
        if self.is_set():
            raise CancelledError


@dataclass
class Frame:
    """One line of control: the top level, a branch of a Parallel, an iteration of a Map.

    It is in `state`, which was entered at `entered` (cloud time; None: about to be entered) with `input`.
    `work` is what that state has under way, in JSON values; it is replaced, never changed. `children` are the frames of
    its branches or iterations by number. `done` tells that the line has ended with `input` as its output, `failed` that
    its state failed.
    """

    state: str
    input: Any
    variables: dict[str, Any] = field(default_factory=dict)
    previous: int = 0
    entered: float | None = None
    entered_event: int = 0
    retries: dict[int, int] = field(default_factory=dict)
    work: dict[str, Any] | None = None
    children: "dict[int, Frame]" = field(default_factory=dict)
    done: bool = False
    failed: bool = False

    def move(self, state: str, output: Any, assigned: dict[str, Any]) -> None:
        """Go on to the next state."""
        self._assign(assigned)
        self.state, self.input = state, output
        self.entered, self.entered_event, self.retries, self.work, self.children = None, 0, {}, None, {}

    def finish(self, output: Any) -> None:
        """The line ends with its output."""
        self.input, self.done, self.work, self.children, self.variables = output, True, None, {}, {}

    def again(self) -> None:
        """Begin the state's next attempt with nothing under way."""
        self.work, self.children = None, {}

    def redrive(self) -> None:
        """Begin the state that failed, and in it the branches that failed, anew: entered again, not yet retried."""
        if self.done:
            return
        self.entered, self.entered_event, self.retries, self.failed = None, 0, {}, False
        self.work = {
            "redriven": True,
            **{key: (self.work or {})[key] for key in ("mapRun",) if key in (self.work or {})},
        }
        for child in self.children.values():
            child.redrive()

    def _assign(self, assigned: dict[str, Any]) -> None:
        if assigned:
            self.variables = {**self.variables, **assigned}

    def to_json(self) -> dict[str, Any]:
        """The frame in JSON values."""
        return {
            **{key: getattr(self, key) for key in _PLAIN},
            "retries": {str(place): count for place, count in self.retries.items()},
            "children": {str(number): child.to_json() for number, child in self.children.items()},
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> "Frame":
        """The frame that `to_json` gave."""
        return cls(
            **{key: kept[key] for key in _PLAIN},
            retries={int(place): count for place, count in kept["retries"].items()},
            children={int(number): cls.from_json(child) for number, child in kept["children"].items()},
        )


_PLAIN = ("state", "input", "variables", "previous", "entered", "entered_event", "work", "done", "failed")
