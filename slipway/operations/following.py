"""Waiting for the end of a release, and saying how it ended."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slipway.operations.errors import Failure
from slipway.operations.progress import line, read_progress
from slipway.operations.target import Target
from slipway_lambda.contracts.release import Outcome


@dataclass(frozen=True)
class End:
    """`outcome`: contracts.release.Outcome, or the execution's status when it could not say."""

    outcome: str
    version: int | None
    cause: str

    @property
    def released(self) -> bool:
        """The version is live and verified."""
        return self.outcome == Outcome.RELEASED


def follow(target: Target, arn: str, say: Callable[[str], None], poll_seconds: float) -> End:
    """Tell each change until the execution has ended. Raises Failure when it cannot be read."""
    told = ""
    while (found := target.execution(arn)).get("status") == "RUNNING":
        seen = read_progress(target)
        now = line(seen) if seen and seen["execution"] == arn else "waiting for another release to end"
        if now != told:
            say(now)
            told = now
        time.sleep(poll_seconds)
    return end_of(found)


def end_of(found: dict[str, Any]) -> End:
    """Pure. From DescribeExecution of an execution that has ended."""
    text = found.get("output") or found.get("cause") or "{}"
    try:
        said = json.loads(text)
    except ValueError:
        said = {"cause": text}
    said = said if isinstance(said, dict) else {}
    outcome = str(said.get("outcome") or found.get("status") or "no longer known")
    return End(outcome, said.get("version") or None, str(said.get("cause") or found.get("error") or ""))


def demand(end: End, label: str, arn: str, wanted: int | None) -> None:
    """Raises Failure unless the wanted version was released."""
    if end.released and wanted in {None, end.version}:
        return
    what = f"The release of {label} ended {end.outcome.replace('_', ' ')}: {end.cause or 'no cause given'}"
    raise Failure("SLW515", what, where=arn, fix="slipway history tells more; mend the cause, then: slipway retry")
