"""Faults of the States Language that a test or an exercise asks for, by the row of the fault catalogue.

D01 a result of more than 256 KiB · D02 States.Runtime in a state · D03 the execution times out · D04 a person stops
it · D05 its history is full · D12 no rule of a Choice matches · D13 the answer to StartExecution is lost, so that its
name is used · D15 a task fails after its side effect · D16 a task token is lost: nothing that comes back is heard

Filters are names, or patterns with *: `machine` (the state machine's name) and `state`. D15 takes the `error` it fails
with.
"""

from fnmatch import fnmatchcase
from typing import Any

from rehearsal.sagemaker.faults import Fault, Faults, declare

for _row in ("D01", "D02", "D03", "D04", "D05", "D12", "D16"):
    declare(_row, "machine", "state")
declare("D13", "machine")
declare("D15", "machine", "state", "error")


def take(faults: Faults, row: str, machine: str, state: str = "") -> Fault | None:
    """The armed fault of the row that is meant for this place, if any."""
    facts = {"machine": machine, "state": state}

    def meant(where: dict[str, Any]) -> bool:
        return all(fnmatchcase(fact, str(where[name])) for name, fact in facts.items() if name in where)

    return faults.take_if(row, meant)
