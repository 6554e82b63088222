"""The ledger table, as stages see it."""

from collections.abc import Mapping
from typing import Any, Protocol

from slipway_lambda.attributes import from_item, to_item
from slipway_lambda.contracts.ledger import (
    ATTEMPT,
    LOCK,
    OF_OWNER,
    PARTITION_KEY,
    SORT_KEY,
    TOLD,
    UNHEARD,
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

    def renew_lock(self, endpoint: str, owner: str, expires_at: int) -> dict[str, Any]:
        """The endpoint's lock, which lasts until then (epoch s); empty if `owner` has it no more."""

    def note_news(self, endpoint: str, owner: str) -> bool:
        """Leave word for `owner` that the endpoint changed, if it has the lock; whether it has."""

    def attempt_of(self, endpoint: str, execution_arn: str) -> dict[str, Any]:
        """The attempt that this execution began at a version of the endpoint, or empty."""

    def add_record(self, item: Mapping[str, Any]) -> bool:
        """Write the record of a release if it has none; whether it had none."""

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
            UpdateExpression="REMOVE #owner, expires_at, " + ", ".join(OF_OWNER),
            ConditionExpression="#owner = :owner",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues=to_item({":owner": owner}),
        )

    def renew_lock(self, endpoint: str, owner: str, expires_at: int) -> dict[str, Any]:
        dynamodb = client("dynamodb")
        try:
            answer = dynamodb.update_item(
                TableName=self._table,
                Key=_key(endpoint_key(endpoint), LOCK),
                UpdateExpression="SET expires_at = :expires",
                ConditionExpression="#owner = :owner",
                ExpressionAttributeNames={"#owner": "owner"},
                ExpressionAttributeValues=to_item({":owner": owner, ":expires": expires_at}),
                ReturnValues="ALL_NEW",
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return {}
        return from_item(answer["Attributes"])

    def note_news(self, endpoint: str, owner: str) -> bool:
        return self._conditionally(
            client("dynamodb").update_item,
            Key=_key(endpoint_key(endpoint), LOCK),
            UpdateExpression=f"SET {UNHEARD} = :yes",
            ConditionExpression="#owner = :owner",
            ExpressionAttributeNames={"#owner": "owner"},
            ExpressionAttributeValues=to_item({":owner": owner, ":yes": True}),
        )

    def attempt_of(self, endpoint: str, execution_arn: str) -> dict[str, Any]:
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._table,
                KeyConditionExpression="#pk = :pk AND begins_with(#sk, :attempt)",
                FilterExpression="execution = :execution",
                ExpressionAttributeNames={"#pk": PARTITION_KEY, "#sk": SORT_KEY},
                ExpressionAttributeValues=to_item(
                    {":pk": endpoint_key(endpoint), ":attempt": ATTEMPT, ":execution": execution_arn}
                ),
                ConsistentRead=True,
            )
        )
        return next((from_item(i) for page in pages for i in page["Items"]), {})

    def add_record(self, item: Mapping[str, Any]) -> bool:
        return self._conditionally(
            client("dynamodb").put_item,
            Item=to_item(dict(item)),
            ConditionExpression="attribute_not_exists(#pk)",
            ExpressionAttributeNames={"#pk": PARTITION_KEY},
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
