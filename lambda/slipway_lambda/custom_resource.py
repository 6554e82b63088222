"""Answering CloudFormation from a custom resource: always, exactly once, also when the handler has a bug.

Without an answer a stack waits for an hour.
"""

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from slipway_lambda.contracts.errors import SlipwayError

ATTEMPTS = 5
PATIENCE_SECONDS = 3300
"""Of a whole request; CloudFormation waits for an hour at most."""
UNTIL = "AnswerUntil"
"""Member of the event of a further invocation: epoch seconds."""


class NotYetError(SlipwayError):
    """The work is not done, and this invocation ends before it can be."""


@dataclass(frozen=True)
class Answer:
    """What a custom resource tells CloudFormation: its physical id, and the attributes that Fn::GetAtt reads."""

    physical_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def respond(
    event: Mapping[str, Any],
    work: Callable[[], Answer],
    log_stream: str,
    *,
    again: Callable[[Mapping[str, Any]], None] | None = None,
    now: float = 0,
) -> None:
    """Do the work and answer SUCCESS with its result, or FAILED with its error.

    `log_stream`: named in a failure, so that whoever reads the stack's events finds the log. `again`: invokes this
    function once more with an event, for work that raised NotYetError; that invocation answers then. `now`: epoch s.
    """
    try:
        answer = _work(event, work, again, now)
    except Exception as error:  # a bug must be answered as well
        physical_id = event.get("PhysicalResourceId") or event["LogicalResourceId"]
        _send(event, {"Status": "FAILED", "Reason": f"{error} (log stream {log_stream})"[:4000]}, physical_id)
        return
    if answer is not None:
        _send(event, {"Status": "SUCCESS", "Data": dict(answer.attributes)}, answer.physical_id)


def _work(
    event: Mapping[str, Any],
    work: Callable[[], Answer],
    again: Callable[[Mapping[str, Any]], None] | None,
    now: float,
) -> Answer | None:
    """None: a further invocation answers."""
    try:
        return work()
    except NotYetError:
        until = event.get(UNTIL) or now + PATIENCE_SECONDS
        if again is None or now > until:
            raise
        again({**event, UNTIL: until})
    return None


def _send(event: Mapping[str, Any], result: Mapping[str, Any], physical_id: str) -> None:
    body = {
        **result,
        "PhysicalResourceId": physical_id,
        "StackId": event["StackId"],
        "RequestId": event["RequestId"],
        "LogicalResourceId": event["LogicalResourceId"],
    }
    request = urllib.request.Request(  # noqa: S310 - CloudFormation's own presigned URL
        event["ResponseURL"], data=json.dumps(body).encode(), method="PUT", headers={"Content-Type": ""}
    )
    for attempt in range(ATTEMPTS):
        try:
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310
                return
        except OSError:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(2**attempt)
