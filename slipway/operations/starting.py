"""Starting the release machine, so that two operators who see the same and ask the same have one effect."""

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from slipway.operations.errors import Failure, of_aws
from slipway.operations.planning import Preview
from slipway.operations.target import Target
from slipway_lambda.contracts.ledger import LIVE

MOST_STARTS = 20


@dataclass(frozen=True)
class Started:
    """`joined`: it ran already, because somebody else asked for the same."""

    arn: str
    name: str
    joined: bool


def execution_name(preview: Preview) -> str:
    """Of what is asked and of what is true now: the approval, what is live, the last attempt."""
    live = preview.items.get(LIVE, {})
    seen = [
        preview.spec.endpoint,
        str(preview.trigger),
        preview.version,
        preview.approval,
        [live.get("config"), live.get("released_at")],
        [preview.attempt.get("execution"), preview.attempt.get("outcome")],
    ]
    digest = sha256(json.dumps(seen).encode()).hexdigest()[:12]
    return f"{preview.trigger}-v{preview.version}-{digest}"


def start(target: Target, preview: Preview, *, who: str, reason: str) -> Started:
    """Start it, or find it running. A name whose execution ended and changed nothing is followed by the next one."""
    base = execution_name(preview)
    asked = {"trigger": str(preview.trigger), "version": preview.version, "who": who, "reason": reason}
    for count in range(1, MOST_STARTS + 1):
        name = base if count == 1 else f"{base}-{count}"
        arn = f"{target.machine.replace(':stateMachine:', ':execution:')}:{name}"
        if begin(target, name, asked):
            return Started(arn, name, joined=False)
        if target.execution(arn).get("status") == "RUNNING":
            return Started(arn, name, joined=True)
    what = f"{MOST_STARTS} executions of this very release ended and changed nothing."
    raise Failure("SLW513", what, where=target.machine, fix="read the last execution's history for the cause")


def begin(target: Target, name: str, asked: dict[str, Any]) -> bool:
    """Start an execution; False when one of that name was there before. Raises Failure."""
    try:
        target.where.client("stepfunctions").start_execution(
            stateMachineArn=target.machine, name=name, input=json.dumps(asked, sort_keys=True)
        )
    except Exception as error:
        if getattr(error, "response", {}).get("Error", {}).get("Code") == "ExecutionAlreadyExists":
            return False
        raise of_aws(error, target.machine) from error
    return True
