"""What the release machine or the settling of its bad ends could not be told, and sending it again.

A letter says only what kind of thing happened. It is sent to what the stack names, never to an address in the letter.
"""

import json
from dataclasses import dataclass
from typing import Any

from slipway.operations.errors import Failure, of_aws
from slipway.operations.starting import begin
from slipway.operations.target import Target
from slipway_lambda.contracts.release import Trigger

STATUS_CHANGE = "Step Functions Execution Status Change"
MOST_LETTERS = 1000
HIDDEN_SECONDS = 60


@dataclass(frozen=True)
class Letter:
    """`event`: a bad end that was not settled; None: a start of the machine that did not come about."""

    id: str
    receipt: str
    why: str
    event: dict[str, Any] | None

    @property
    def words(self) -> str:
        """For people."""
        if self.event is None:
            return f"a start of the release machine: {self.why}"
        detail = self.event["detail"]
        return f"the end of {detail.get('executionArn', 'an execution')} ({detail.get('status', '?')}): {self.why}"


def read(target: Target, *, hide: bool) -> list[Letter]:
    """All that wait. `hide`: nobody else gets them for a minute. Raises Failure."""
    queue, found = target.outputs.need("dead_letters"), dict[str, Letter]()
    while len(found) < MOST_LETTERS:
        try:
            page = target.where.client("sqs").receive_message(
                QueueUrl=queue,
                MaxNumberOfMessages=10,
                VisibilityTimeout=HIDDEN_SECONDS if hide else 1,
                MessageAttributeNames=["All"],
            )
        except Exception as error:
            raise of_aws(error, queue) from error
        new = [m for m in page.get("Messages", []) if m["MessageId"] not in found]
        if not new:
            break
        found |= {m["MessageId"]: _letter(m) for m in new}
    return list(found.values())


def send(target: Target, letter: Letter) -> None:
    """Send it again and take it from the queue. Safe to do twice: an end is told once, a start has the letter's name.
    Raises Failure, and the letter stays.
    """
    if letter.event is None:
        begin(target, f"redrive-{letter.id}"[:80], {"trigger": str(Trigger.APPROVAL)})
    else:
        _settle(target, letter)
    queue = target.outputs.need("dead_letters")
    try:
        target.where.client("sqs").delete_message(QueueUrl=queue, ReceiptHandle=letter.receipt)
    except Exception as error:
        raise of_aws(error, queue) from error


def _settle(target: Target, letter: Letter) -> None:
    function = target.outputs.need("settle")
    try:
        answer = target.where.client("lambda").invoke(FunctionName=function, Payload=json.dumps(letter.event).encode())
        said = answer["Payload"].read().decode(errors="replace")
    except Exception as error:
        raise of_aws(error, function) from error
    if answer.get("FunctionError"):
        what = f"Settling {letter.words} failed again: {said[:300]}"
        raise Failure("SLW540", what, where=function, fix="mend what it names, then slipway redrive once more")


def _letter(message: dict[str, Any]) -> Letter:
    attributes = {k: v.get("StringValue", "") for k, v in message.get("MessageAttributes", {}).items()}
    why = attributes.get("ERROR_MESSAGE") or attributes.get("ERROR_CODE") or "no reason given"
    body = _json(message.get("Body", ""))
    if "requestPayload" in body:  # a function that failed on it
        why = str(_mapping(body.get("responsePayload")).get("errorMessage") or why)
        body = _mapping(body["requestPayload"])
    settles = body.get("detail-type") == STATUS_CHANGE and isinstance(body.get("detail"), dict)
    return Letter(message["MessageId"], message["ReceiptHandle"], why, body if settles else None)


def _json(text: str) -> dict[str, Any]:
    try:
        return _mapping(json.loads(text))
    except ValueError:
        return {}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
