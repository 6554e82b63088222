"""Pass on the news that an endpoint changed, or that an alarm of it is raised, to the release that waits for it."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.ledger import LISTENER, LOCK, endpoint_key
from slipway_lambda.events import setting, take
from slipway_lambda.ports.ledger import DynamoLedger, Ledger
from slipway_lambda.ports.tokens import StepFunctionsTokens, Tokens


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """A SageMaker state change event of an endpoint, or as much of one as names the endpoint → {"woken"}."""
    return pass_on(event, DynamoLedger(setting("LEDGER_TABLE")), StepFunctionsTokens())


def pass_on(event: Mapping[str, Any], ledger: Ledger, tokens: Tokens) -> dict[str, Any]:
    """As the handler, on any ports. Nothing of the event is believed but which endpoint to look at: whoever is woken
    looks for itself, so that a repeated, late or forged event costs one look.

    An owner of the lock that does not listen just now finds a note when it does; it may have begun to before the note
    was there, so that it is looked for once more.
    """
    endpoint = take(take(event, "detail", dict), "EndpointName", str)
    lock = ledger.item(endpoint_key(endpoint), LOCK)
    if not (owner := lock.get("owner")):
        return {"woken": False}
    if _heard(lock, tokens):
        return {"woken": True}
    noted = ledger.note_news(endpoint, str(owner))
    return {"woken": noted and _heard(ledger.item(endpoint_key(endpoint), LOCK), tokens)}


def _heard(lock: Mapping[str, Any], tokens: Tokens) -> bool:
    return bool(token := lock.get(LISTENER)) and tokens.answer(str(token))
