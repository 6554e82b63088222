"""Faults that a test or an exercise asks for, by the row of the fault catalogue.

A01 update rolls back silently · A03 rollback fails, mixed fleet · A04 endpoint Failed · A05 update hangs
A06 SystemUpdating · A08 ResourceLimitExceeded · A09 no capacity mid-shift · A10 new containers never pass /ping
B09 training artefact missing|empty|not_a_tar · C01 event repeated · C02 event lost · C03 events in reverse order
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

# What each row may be narrowed by, besides `times`.
ROWS: dict[str, frozenset[str]] = {}


def declare(row: str, *filters: str) -> None:
    """Make a row known; the module that injects it says so when it is imported."""
    if ROWS.setdefault(row, frozenset(filters)) != frozenset(filters):
        raise ValueError(f"fault {row} is declared twice, with other filters")


for _row in ("A01", "A03", "A04", "A05", "A06", "A08", "A09", "A10"):
    declare(_row, "endpoint")
declare("B09", "artefact", "job")
declare("C01", "detail_type", "name", "copies")
declare("C02", "detail_type", "name")
declare("C03", "detail_type", "name", "count")


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

    def arm(self, row: str, times: int | None, where: dict[str, Any]) -> None:
        """Arm a row. Unknown rows and filters are refused, or a test would pass for want of its fault."""
        if row not in ROWS:
            raise ValueError(f"fault {row!r} is not one the embedded SageMaker injects: {', '.join(ROWS)}")
        unknown = sorted(set(where) - ROWS[row])
        if unknown:
            raise ValueError(f"fault {row} has no filter {unknown[0]!r}: {', '.join(sorted(ROWS[row]))}")
        if times is not None and times < 1:
            raise ValueError(f"fault {row}: times is {times}; it must be 1 or more, or None for ever")
        with self._lock:
            self._armed.append(Fault(row, times, where))

    def take(self, row: str, **facts: Any) -> Fault | None:
        """The first armed fault of the row whose filters equal the facts; it has one time less afterwards."""
        return self.take_if(row, lambda where: all(where.get(key, value) == value for key, value in facts.items()))

    def take_if(self, row: str, matches: Callable[[dict[str, Any]], bool]) -> Fault | None:
        """As `take`, with the filters judged by the caller."""
        with self._lock:
            for fault in self._armed:
                if fault.row == row and matches(fault.where):
                    if fault.left is not None:
                        fault.left -= 1
                        if fault.left == 0:
                            self._armed.remove(fault)
                    return fault
        return None

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
