"""Pass on the news that an endpoint changed to the release that waits for it."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.ledger import LISTENER, LOCK, endpoint_key
from slipway_lambda.events import setting, take
from slipway_lambda.ports.ledger import DynamoLedger, Ledger
from slipway_lambda.ports.tokens import StepFunctionsTokens, Tokens


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """A SageMaker state change event of an endpoint → {"woken"}."""
    return pass_on(event, DynamoLedger(setting("LEDGER_TABLE")), StepFunctionsTokens())


def pass_on(event: Mapping[str, Any], ledger: Ledger, tokens: Tokens) -> dict[str, Any]:
    """As the handler, on any ports. Nothing of the event is believed but which endpoint to look at: whoever is woken
    looks for itself, so that a repeated, late or forged event costs one look.
    """
    endpoint = take(take(event, "detail", dict), "EndpointName", str)
    token = ledger.item(endpoint_key(endpoint), LOCK).get(LISTENER)
    return {"woken": bool(token) and tokens.answer(str(token))}
