"""Closing an endpoint's part of the ledger when its stack is deleted, and opening it again."""

from collections.abc import Sequence
from typing import Any, Protocol

from slipway_lambda.attributes import to_item
from slipway_lambda.contracts.ledger import CLOSED_BY, HALT, LIVE, PARTITION_KEY, SORT_KEY, endpoint_key
from slipway_lambda.ports.clients import client
from slipway_lambda.ports.ledger import DynamoLedger


class Closing(Protocol):
    """While it is closed, every release that begins does nothing."""

    def close(self, endpoint: str) -> None:
        """Halt automation in the stack's name, whatever else halts it."""

    def open(self, endpoint: str) -> None:
        """Undo that; what a person or a failure halted stays halted."""

    def free(self, endpoint: str, executions: Sequence[str]) -> None:
        """Free the lock if one of these, which were stopped, has it."""

    def forget_live(self, endpoint: str) -> None:
        """Nothing is live any more. Records and attempts stay."""


class DynamoClosing:
    """The real one."""

    def __init__(self, table: str) -> None:
        self._table, self._ledger = table, DynamoLedger(table)

    def close(self, endpoint: str) -> None:
        item = {**self._key(endpoint, HALT), **to_item({"cause": "Its stack is deleted", "execution": CLOSED_BY})}
        client("dynamodb").put_item(TableName=self._table, Item=item)

    def open(self, endpoint: str) -> None:
        dynamodb = client("dynamodb")
        try:
            dynamodb.delete_item(
                TableName=self._table,
                Key=self._key(endpoint, HALT),
                ConditionExpression="execution = :stack",
                ExpressionAttributeValues=to_item({":stack": CLOSED_BY}),
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return

    def free(self, endpoint: str, executions: Sequence[str]) -> None:
        for execution in executions:
            self._ledger.free_lock(endpoint, execution)

    def forget_live(self, endpoint: str) -> None:
        client("dynamodb").delete_item(TableName=self._table, Key=self._key(endpoint, LIVE))

    @staticmethod
    def _key(endpoint: str, sort: str) -> dict[str, Any]:
        return dict(to_item({PARTITION_KEY: endpoint_key(endpoint), SORT_KEY: sort}))
