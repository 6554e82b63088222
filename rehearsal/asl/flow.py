"""How data goes into and comes out of a state: what JSONPath and JSONata states have in common."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rehearsal.asl.errors import DATA_LIMIT, StatesError
from rehearsal.asl.values import dump, too_large

State = Mapping[str, Any]
VARIABLES_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Surroundings:
    """What a state sees besides its input: the context object, the variables in reach, and the time."""

    name: str
    context: Mapping[str, Any]
    variables: Mapping[str, Any]
    now: float
    entered_event: int = 0


@dataclass(frozen=True)
class Leaving:
    """How a state is left: its output, and the variables it assigns."""

    output: Any
    assigned: Mapping[str, Any]


class Flow(ABC):
    """The data flow of one state."""

    def __init__(self, state: State, raw: Any, around: Surroundings) -> None:
        self.state, self.raw, self.around = state, raw, around

    @abstractmethod
    def arguments(self) -> Any:
        """What the state works on: InputPath and Parameters, or Arguments."""

    @abstractmethod
    def result(self, result: Any) -> Leaving:
        """Leave with the result of a Task, Parallel or Map."""

    @abstractmethod
    def through(self, fields: State | None = None) -> Leaving:
        """Leave a state that has no result of its own; `fields` are those of a Choice rule, if not the state's."""

    @abstractmethod
    def caught(self, catcher: State, error: StatesError) -> Leaving:
        """Leave by a catcher."""

    @abstractmethod
    def value(self, field: str, *kinds: str) -> Any:
        """A field that may be given as such, as an expression or, with …Path, as a path. None if it is absent."""

    @abstractmethod
    def template(self, template: Any, field: str, extra: Mapping[str, Any]) -> Any:
        """A template of the state, with members added to the context object."""

    @abstractmethod
    def items(self) -> Any:
        """What an inline Map iterates over."""


def check_variables(assigned: Mapping[str, Any], name: str) -> None:
    """A variable, and all that one state assigns, are held to 256 KiB."""
    if assigned and too_large(dump(assigned)):
        raise StatesError(
            DATA_LIMIT, f"The state '{name}' assigns variables with a size exceeding the maximum of 256 KiB."
        )
