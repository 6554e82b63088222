"""Reads of the ledger table; its items are described in `slipway_lambda.contracts.ledger`."""

from decimal import Decimal
from typing import Any

from slipway.operations.errors import of_aws
from slipway.operations.where import Clients
from slipway_lambda.contracts import ledger


def live(session: Clients, table: str, endpoint: str) -> dict[str, Any] | None:
    """The record of the version last verified live; None when nothing was released yet."""
    return _item(session, table, endpoint, ledger.LIVE)


def halt(session: Clients, table: str, endpoint: str) -> dict[str, Any] | None:
    """Why automation on the endpoint has stopped; None when it has not."""
    return _item(session, table, endpoint, ledger.HALT)


def lock(session: Clients, table: str, endpoint: str) -> dict[str, Any]:
    """Which execution has the endpoint; without `owner` nobody has it."""
    return _item(session, table, endpoint, ledger.LOCK) or {}


def hold(session: Clients, table: str, endpoint: str) -> dict[str, Any] | None:
    """Who holds new versions back, and why; None when nobody does."""
    return _item(session, table, endpoint, ledger.HOLD)


def partition(session: Clients, table: str, endpoint: str) -> dict[str, dict[str, Any]]:
    """All items of an endpoint by sort key: what is live, its lock, hold and halt, every record and attempt."""
    from boto3.dynamodb.types import TypeDeserializer

    plain = TypeDeserializer().deserialize
    found: dict[str, dict[str, Any]] = {}
    token: dict[str, Any] = {}
    while True:
        try:
            page = session.client("dynamodb").query(
                TableName=table,
                KeyConditionExpression="#pk = :pk",
                ExpressionAttributeNames={"#pk": ledger.PARTITION_KEY},
                ExpressionAttributeValues={":pk": {"S": ledger.endpoint_key(endpoint)}},
                ConsistentRead=True,
                **token,
            )
        except Exception as error:
            raise of_aws(error, f"table {table}") from error
        for item in page["Items"]:
            values = {name: _whole(plain(value)) for name, value in item.items()}
            found[str(values[ledger.SORT_KEY])] = values
        if not page.get("LastEvaluatedKey"):
            return found
        token = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


def _whole(value: Any) -> Any:
    """DynamoDB's decimals as the numbers they were written as."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {k: _whole(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_whole(v) for v in value]
    return value


def _item(session: Clients, table: str, endpoint: str, sort_key: str) -> dict[str, Any] | None:
    from boto3.dynamodb.types import TypeDeserializer

    key = {ledger.PARTITION_KEY: {"S": ledger.endpoint_key(endpoint)}, ledger.SORT_KEY: {"S": sort_key}}
    try:
        answer = session.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)
    except Exception as error:
        raise of_aws(error, f"table {table}") from error
    if not answer.get("Item"):
        return None
    plain = TypeDeserializer().deserialize
    return {name: plain(value) for name, value in answer["Item"].items()}
