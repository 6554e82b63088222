"""What a person asks of a trial that runs, as the lock has it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from slipway_lambda.contracts.ledger import ABORT_BY, ABORT_REASON, PROMOTE_BY, PROMOTE_FULL, PROMOTE_REASON


@dataclass(frozen=True)
class Wish:
    """`abort` and `promote`: who and why, empty where nobody asks. `full`: promotion at once, not the next step."""

    abort: str = ""
    promote: str = ""
    full: bool = False


def wish_of(lock: Mapping[str, Any]) -> Wish:
    """What one's own lock says; of one that is lost, which is empty, nothing."""
    return Wish(
        abort=f"{lock.get(ABORT_BY, '')}: {lock[ABORT_REASON]}" if ABORT_REASON in lock else "",
        promote=f"{lock.get(PROMOTE_BY, '')}: {lock[PROMOTE_REASON]}" if PROMOTE_REASON in lock else "",
        full=lock.get(PROMOTE_FULL) == "true",
    )
