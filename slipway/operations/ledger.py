"""Reads of the ledger table; its items are described in `slipway_lambda.contracts.ledger`."""

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
