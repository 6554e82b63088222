"""A lock is a lease: kept by renewing it before each change, lost for good once it is another's."""

from typing import Any

from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.release_calls import failing
from slipway_constructs.workflow.release_ledger import EXECUTION, NOW_SECONDS, evaluated, key, number
from slipway_lambda.contracts import ledger
from slipway_lambda.contracts.release import Outcome

EXPIRES = number(f"{NOW_SECONDS} + $lease_seconds")
UNTIL = {"lease_until": expression("$number($states.result.Attributes.expires_at.N)")}
"""Assign of a state that took or renewed the lock: until when nobody else can have it (epoch s)."""
BY_THE_CLOCK_SECONDS = 3600
"""A lock that cannot be renewed is still ours if it lasts this long: more than looking and going back can take."""
STILL_OURS = f"$lease_until > {NOW_SECONDS} + {BY_THE_CLOCK_SECONDS}"
NEXT = "Nothing is needed of this release: the one that has the lock decides now. See it with: slipway status."


def renewal(table: str, endpoint: str, *, seal: bool = False) -> dict[str, Any]:
    """An updateItem that holds only if the lock is this execution's; answers with the whole lock.

    `seal`: from then on a person's wish to abort comes too late, and cannot be written any more.
    """
    sealing = f", {ledger.SEALED_AT} = :now" if seal else ""
    return {
        "TableName": table,
        "Key": key(endpoint, ledger.LOCK),
        "UpdateExpression": f"SET expires_at = :expires{sealing}",
        "ConditionExpression": "#owner = :me",
        "ExpressionAttributeNames": {"#owner": "owner"},
        "ExpressionAttributeValues": {
            ":me": evaluated(EXECUTION),
            ":expires": EXPIRES,
            **({":now": number(NOW_SECONDS)} if seal else {}),
        },
        "ReturnValues": "ALL_NEW",
    }


def lost(state: str) -> dict[str, Any]:
    """The Assign of a way to the end of an execution whose lock went to another."""
    words = '"Another release took the lock of this endpoint, so this one stopped. It had come to: " & $failure.cause'
    return {"outcome": Outcome.LOCK_LOST.value, **failing(words, f'"{NEXT}"', state=state)}
