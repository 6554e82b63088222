"""When a model was last retrained, as the ledger has it. The machine itself writes it, in one conditional update."""

from typing import Protocol

from slipway_lambda.contracts.errors import SlipwayError
from slipway_lambda.contracts.ledger import PARTITION_KEY, RETRAINING, SORT_KEY, model_key
from slipway_lambda.events import setting
from slipway_lambda.ports.clients import client


class LedgerFaultError(SlipwayError):
    """The ledger holds something that cannot be read as what it should be."""


class Retrainings(Protocol):
    """Looks at retrainings."""

    def last_started_at(self, model: str) -> float | None:
        """Epoch seconds, or None when there was none."""


class LedgerRetrainings:
    """In the table that LEDGER_TABLE names."""

    def last_started_at(self, model: str) -> float | None:
        answer = client("dynamodb").get_item(
            TableName=setting("LEDGER_TABLE"),
            Key={PARTITION_KEY: {"S": model_key(model)}, SORT_KEY: {"S": RETRAINING}},
            ConsistentRead=True,
        )
        item = answer.get("Item")
        if item is None:
            return None
        try:
            return float(item["last_started_at"]["N"])
        except (KeyError, ValueError):
            raise LedgerFaultError(
                f"The ledger's retraining of {model} has no readable last_started_at.",
                "Mend or delete the item: without it the cool-down cannot be kept.",
            ) from None
