"""Faults that a test or an exercise asks for, by the row of the fault catalogue.

Three kinds, each declared next to the code that injects it:
- `declare("A01", "endpoint")`: the code asks `take("A01", endpoint=…)` in its moment;
- `declare_call("B01", "CreateTrainingJob", code=…)`: a call is refused, or with `after=True` takes effect and its
  answer is lost. Every such row can be aimed at any other action: `fault("B10", action="UpdateEndpoint")`;
- `@at_once("A06", "endpoint")`: something happens to what is there when the fault is armed.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.sagemaker.errors import ServiceError
from rehearsal.sagemaker.shapes import service_model

if TYPE_CHECKING:
    from rehearsal.sagemaker.core import Core

# What each row may be narrowed by, besides `times`.
ROWS: dict[str, frozenset[str]] = {}
CHOICES: dict[tuple[str, str], tuple[str, ...]] = {}  # by row and filter, where only some values mean something
Strike = Callable[["Core", dict[str, Any]], None]
STRIKES: dict[str, Strike] = {}


@dataclass(frozen=True)
class CallFault:
    """What a row does to a call: the refusal, on which actions, and whether the call takes effect first."""

    actions: frozenset[str]
    code: str
    message: str
    status: int
    after: bool


CALLS: dict[str, CallFault] = {}


def declare(row: str, *filters: str, **choices: tuple[str, ...]) -> None:
    """Make a row known, with its filters; `choices` are filters of which only these values mean something.

    The module that injects the row says so when it is imported.
    """
    known = frozenset([*filters, *choices])
    if ROWS.setdefault(row, known) != known:
        raise ValueError(f"fault {row} is declared twice, with other filters")
    CHOICES.update({(row, name): values for name, values in choices.items()})


def declare_call(row: str, *actions: str, code: str, message: str, status: int = 400, after: bool = False) -> None:
    """A row that refuses `actions`. Filters: `action` aims it elsewhere, `name` is a resource the request names,
    `after` true lets the call take effect before the refusal is answered (false: not)."""
    declare(row, "action", "name", "endpoint", "after")
    CALLS[row] = CallFault(frozenset(actions), code, message, status, after)


def at_once(row: str, *filters: str, **choices: tuple[str, ...]) -> Callable[[Strike], Strike]:
    """Register what happens when the row is armed; such a row is not kept armed."""

    def register(strike: Strike) -> Strike:
        declare(row, *filters, **choices)
        STRIKES[row] = strike
        return strike

    return register


declare("B09", "artefact", "job")


@dataclass
class Fault:
    """One armed fault. `left` None means until cleared."""

    row: str
    left: int | None
    where: dict[str, Any]


class Faults:
    """Armed faults, taken in the order they were armed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._armed: list[Fault] = []
        self.generation = 0  # grows with every `clear`: what hangs on a fault goes on when it changes
        self.on_clear: list[Callable[[], None]] = []  # called once, by the next `clear`

    def arm(self, row: str, times: int | None, where: dict[str, Any]) -> None:
        """Arm a row. Unknown rows and filters are refused, or a test would pass for want of its fault."""
        check(row, times, where)
        with self._lock:
            self._armed.append(Fault(row, times, where))

    def take(self, row: str, **facts: Any) -> Fault | None:
        """The first armed fault of the row whose filters equal the facts; it has one time less afterwards."""
        return self.take_if(row, lambda where: all(where.get(key, value) == value for key, value in facts.items()))

    def take_if(self, row: str, matches: Callable[[dict[str, Any]], bool]) -> Fault | None:
        """As `take`, with the filters judged by the caller."""
        if not self._armed:
            return None
        with self._lock:
            for fault in self._armed:
                if fault.row == row and matches(fault.where):
                    if fault.left is not None:
                        fault.left -= 1
                        if fault.left == 0:
                            self._armed.remove(fault)
                    return fault
        return None

    def refuse_call(self, action: str, params: Mapping[str, Any], *, after: bool) -> None:
        """Raise the refusal that is armed for this call, before it is carried out or (`after`) once it was."""
        if not self._armed:
            return
        names = {value for key, value in params.items() if key.endswith(("Name", "Arn")) and isinstance(value, str)}
        for row, rule in CALLS.items():

            def concerns(where: dict[str, Any], rule: CallFault = rule) -> bool:
                aimed = action == where["action"] if "action" in where else action in rule.actions
                named = {where[key] for key in ("name", "endpoint") if key in where}
                return aimed and named <= names and where.get("after", rule.after) == after

            if self.take_if(row, concerns):
                raise ServiceError(rule.code, rule.message, rule.status)

    def summary(self) -> dict[str, Any]:
        """Every row with its filters, and what is armed now; JSON values."""
        with self._lock:
            armed = [{"row": one.row, "left": one.left, "where": dict(one.where)} for one in self._armed]
        return {"rows": {row: sorted(ROWS[row]) for row in sorted(ROWS)}, "armed": armed}

    def clear(self) -> None:
        """Disarm everything. Whatever waits on a fault goes on."""
        with self._lock:
            self._armed.clear()
            self.generation += 1
            undo, self.on_clear = self.on_clear, []
        for one in undo:
            one()


def check(row: str, times: int | None, where: dict[str, Any]) -> None:
    """Raise ValueError for a fault that nothing would ever inject."""
    if row not in ROWS:
        raise ValueError(f"fault {row!r} is not one the embedded SageMaker injects: {', '.join(sorted(ROWS))}")
    unknown = sorted(set(where) - ROWS[row])
    if unknown:
        raise ValueError(f"fault {row} has no filter {unknown[0]!r}: {', '.join(sorted(ROWS[row]))}")
    for name, value in where.items():
        allowed = CHOICES.get((row, name), (value,))
        if value not in allowed:
            raise ValueError(f"fault {row}: {name} is {value!r}; it must be one of {', '.join(allowed)}")
    if row in CALLS and where.get("action", "CreateModel") not in service_model().operation_names:
        raise ValueError(f"fault {row}: {where['action']!r} is not an action of SageMaker")
    if times is not None and times < 1:
        raise ValueError(f"fault {row}: times is {times}; it must be 1 or more, or None for ever")
    if not 0 < where.get("probability", 1) <= 1:
        raise ValueError(f"fault {row}: probability is {where['probability']}; it must be above 0 and at most 1")
