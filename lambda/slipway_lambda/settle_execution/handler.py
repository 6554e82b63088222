"""Settle a bad end: free what the execution held, record it; tell people, if it has not."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.notice import subject
from slipway_lambda.events import setting, take
from slipway_lambda.ports.ledger import DynamoLedger, Ledger
from slipway_lambda.ports.notices import Notices, SnsNotices
from slipway_lambda.settle_execution.record import record
from slipway_lambda.settle_execution.settle import NEXT_STEP, notice


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """A `Step Functions Execution Status Change` event → {"told", "freed", "recorded"}."""
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
    """Safe to run twice: the lock goes only if this execution has it, a record stays as it was written first, and
    telling is claimed before it is done.
    """
    if what not in NEXT_STEP:
        raise ValueError(f"SETTLES is {what!r}; it must be one of {', '.join(NEXT_STEP)}")
    detail = take(event, "detail", dict)
    execution = take(detail, "executionArn", str)
    message = notice(what, model, environment, detail)
    done = _settle_release(f"{model}-{environment}", detail, message, ledger) if what == "release" else {}
    if not ledger.claim_told(execution, by="settle_execution"):
        return {"told": False, **done}
    try:
        notices.publish(subject(what, model, str(message["outcome"])), message)
    except Exception:
        ledger.unclaim_told(execution)
        raise
    return {"told": True, **done}


def _settle_release(
    endpoint: str, detail: Mapping[str, Any], message: Mapping[str, Any], ledger: Ledger
) -> dict[str, Any]:
    execution = str(detail["executionArn"])
    freed = ledger.free_lock(endpoint, execution)
    item = record(endpoint, detail, ledger.attempt_of(endpoint, execution), str(message["cause"]))
    return {"freed": freed, "recorded": ledger.add_record(item)}
