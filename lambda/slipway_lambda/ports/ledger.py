"""The ledger table, as stages see it."""

from collections.abc import Mapping
from typing import Any, Protocol

from slipway_lambda.attributes import from_item, to_item
from slipway_lambda.contracts.ledger import (
    LOCK,
    PARTITION_KEY,
    SORT_KEY,
    TOLD,
    WISHES,
    endpoint_key,
    execution_key,
)
from slipway_lambda.ports.clients import client


class Ledger(Protocol):
    """Reads items; frees a lock; claims the right to tell of an execution."""

    def item(self, partition: str, sort: str) -> dict[str, Any]:
        """The item, or empty. Read consistently."""

    def free_lock(self, endpoint: str, owner: str) -> bool:
        """Free the endpoint's lock if `owner` has it; whether it had."""

    def claim_told(self, execution_arn: str, by: str) -> bool:
        """Record that the execution's end is told; False if it was before."""

    def unclaim_told(self, execution_arn: str) -> None:
        """Telling failed after all: let the next attempt tell."""


class DynamoLedger:
    """The real one."""

    def __init__(self, table: str) -> None:
        self._table = table

    def item(self, partition: str, sort: str) -> dict[str, Any]:
        answer = client("dynamodb").get_item(TableName=self._table, Key=_key(partition, sort), ConsistentRead=True)
        return from_item(answer.get("Item", {}))

    def free_lock(self, endpoint: str, owner: str) -> bool:
        return self._conditionally(
            client("dynamodb").update_item,
            Key=_key(endpoint_key(endpoint), LOCK),
            # The fence stays: it grows by one with each owner.
            UpdateExpression=f"REMOVE #owner, expires_at, {', '.join(WISHES)}",
            ConditionExpression="#owner = :owner",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues=to_item({":owner": owner}),
        )

    def claim_told(self, execution_arn: str, by: str) -> bool:
        return self._conditionally(
            client("dynamodb").put_item,
            Item={**_key(execution_key(execution_arn), TOLD), **to_item({"by": by})},
            ConditionExpression="attribute_not_exists(#pk)",
            ExpressionAttributeNames={"#pk": PARTITION_KEY},
        )

    def unclaim_told(self, execution_arn: str) -> None:
        client("dynamodb").delete_item(TableName=self._table, Key=_key(execution_key(execution_arn), TOLD))

    def _conditionally(self, call: Any, **request: Any) -> bool:
        try:
            call(TableName=self._table, **request)
        except client("dynamodb").exceptions.ConditionalCheckFailedException:
            return False
        return True


def _key(partition: str, sort: str) -> Mapping[str, Any]:
    return to_item({PARTITION_KEY: partition, SORT_KEY: sort})
