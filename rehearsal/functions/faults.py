"""Faults of functions, by the row of the fault catalogue; each may be narrowed by `function`, the function's name.

C09 an event for the function is throttled · D06 the handler runs to its end and its answer is a time-out ·
D07 an invocation is refused: `error` TooManyRequestsException (default) or ServiceException ·
D08 an event is handled `copies` times (3) although the first time succeeds
"""

from typing import Any

from rehearsal.runtime import Runtime
from rehearsal.sagemaker.faults import Fault, declare

declare("C09", "function")
declare("D06", "function")
declare("D07", "function", "error")
declare("D08", "function", "copies")


def take(runtime: Runtime, row: str, function: str) -> Fault | None:
    """The armed fault of the row that is meant for this function, if any."""
    faults: Any = runtime.authority.faults()
    found: Fault | None = faults.take(row, function=function) if faults is not None else None
    return found
