"""Waiting for something in the cloud: always asked for, always bounded on the wall, and a bad end is named."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from slipway.demo.errors import EXECUTION_FAILED, WAITED_TOO_LONG, DemoError

T = TypeVar("T")
EVERY_SECONDS = 0.25


def until(
    look: Callable[[], T | None],
    what: str,
    *,
    seconds: float,
    every: float = EVERY_SECONDS,
    alive: Callable[[], None] | None = None,
) -> T:
    """The first answer of `look` that is not None. `alive` may raise between two looks."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found is not None:
            return found
        if alive is not None:
            alive()
        if time.monotonic() > deadline:
            raise DemoError(
                WAITED_TOO_LONG,
                f"Waited {seconds:.0f} s for {what}, and it did not come.",
                "Run `slipway demo --keep` and look with `slipway status`; on a slow machine, raise --patience.",
            )
        time.sleep(every)


@dataclass(frozen=True)
class Ended:
    """An execution that has ended."""

    arn: str
    status: str
    output: dict[str, Any]
    error: str
    cause: str

    @property
    def name(self) -> str:
        """The execution's name."""
        return self.arn.rsplit(":", 1)[-1]


def ended(stepfunctions: Any, arn: str) -> Ended | None:
    """The execution's end, or None while it runs."""
    told = stepfunctions.describe_execution(executionArn=arn)
    if told["status"] in {"RUNNING", "PENDING_REDRIVE"}:
        return None
    return Ended(arn, told["status"], _object(told.get("output")), told.get("error", ""), told.get("cause", ""))


def succeeded(
    stepfunctions: Any, arn: str, what: str, *, seconds: float, alive: Callable[[], None] | None = None
) -> Ended:
    """Wait for an execution that must end well; otherwise the error names it, the state it failed in and the cause."""
    end = until(lambda: ended(stepfunctions, arn), what, seconds=seconds, alive=alive)
    if end.status != "SUCCEEDED":
        state = failed_state(stepfunctions.get_execution_history(executionArn=arn, maxResults=1000)["events"])
        raise DemoError(
            EXECUTION_FAILED,
            f"{what} ended {end.status} in {state or 'an unknown state'} ({end.name}):"
            f" {end.error} {short(end.cause)}".rstrip(),
            "The cause says what to mend; `slipway demo --keep` leaves the cloud up to look at it.",
        )
    return end


def failed_state(events: list[dict[str, Any]]) -> str | None:
    """The last state that was entered before a failure; the events are in order."""
    inside: str | None = None
    failed: str | None = None
    for event in events:
        if event["type"].endswith("StateEntered"):
            inside = event["stateEnteredEventDetails"]["name"]
            if event["type"].startswith("Fail"):
                return failed or inside
        elif event["type"].endswith(("Failed", "TimedOut")) and not event["type"].startswith("Execution"):
            failed = inside
    return failed or inside


def short(text: str, longest: int = 600) -> str:
    """One line of at most `longest` characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
