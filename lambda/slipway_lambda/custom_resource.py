"""Answering CloudFormation from a custom resource: always, exactly once, also when the handler has a bug.

Without an answer a stack waits for an hour.
"""

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

ATTEMPTS = 5


@dataclass(frozen=True)
class Answer:
    """What a custom resource tells CloudFormation: its physical id, and the attributes that Fn::GetAtt reads."""

    physical_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


def respond(event: Mapping[str, Any], work: Callable[[], Answer], log_stream: str) -> None:
    """Do the work and answer SUCCESS with its result, or FAILED with its error.

    `log_stream`: named in a failure, so that whoever reads the stack's events finds the log.
    """
    try:
        answer = work()
    except Exception as error:  # a bug must be answered as well
        physical_id = event.get("PhysicalResourceId") or event["LogicalResourceId"]
        _send(event, {"Status": "FAILED", "Reason": f"{error} (log stream {log_stream})"[:4000]}, physical_id)
        return
    _send(event, {"Status": "SUCCESS", "Data": dict(answer.attributes)}, answer.physical_id)


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
