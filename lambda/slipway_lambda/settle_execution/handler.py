"""Settle a bad end: free what the execution held; tell people, if it has not."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.notice import subject
from slipway_lambda.events import setting, take
from slipway_lambda.ports.ledger import DynamoLedger, Ledger
from slipway_lambda.ports.notices import Notices, SnsNotices
from slipway_lambda.settle_execution.settle import NEXT_STEP, notice


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """A `Step Functions Execution Status Change` event → {"told", "freed"}."""
    return settle(
        event,
        what=setting("SETTLES"),
        model=setting("MODEL"),
        environment=setting("ENVIRONMENT"),
        ledger=DynamoLedger(setting("LEDGER_TABLE")),
        notices=SnsNotices(setting("TOPIC_ARN")),
    )


def settle(
    event: Mapping[str, Any], *, what: str, model: str, environment: str, ledger: Ledger, notices: Notices
) -> dict[str, Any]:
    """Safe to run twice: the lock goes only if this execution has it, and telling is claimed before it is done."""
    if what not in NEXT_STEP:
        raise ValueError(f"SETTLES is {what!r}; it must be one of {', '.join(NEXT_STEP)}")
    detail = take(event, "detail", dict)
    execution = take(detail, "executionArn", str)
    freed = what == "release" and ledger.free_lock(f"{model}-{environment}", execution)
    if not ledger.claim_told(execution, by="settle_execution"):
        return {"told": False, "freed": freed}
    message = notice(what, model, environment, detail)
    try:
        notices.publish(subject(what, model, str(message["outcome"])), message)
    except Exception:
        ledger.unclaim_told(execution)
        raise
    return {"told": True, "freed": freed}
