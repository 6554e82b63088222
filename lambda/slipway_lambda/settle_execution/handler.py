"""Settle a bad end: free what the execution held, record it; tell people, if it has not."""

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

from slipway_lambda.contracts.ledger import LOCK, endpoint_key
from slipway_lambda.contracts.notice import subject
from slipway_lambda.contracts.scaling import Scaling
from slipway_lambda.events import setting, take
from slipway_lambda.ports.endpoints import SageMakerEndpoints
from slipway_lambda.ports.ledger import DynamoLedger, Ledger
from slipway_lambda.ports.notices import Notices, SnsNotices
from slipway_lambda.ports.scalings import ApplicationAutoScaling
from slipway_lambda.restore_scaling.restore import restore
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
        restore_scaling=_restore_scaling(),
    )


def settle(
    event: Mapping[str, Any],
    *,
    what: str,
    model: str,
    environment: str,
    ledger: Ledger,
    notices: Notices,
    restore_scaling: Callable[[], object] | None = None,
) -> dict[str, Any]:
    """Safe to run twice: the lock goes only if this execution has it, a record stays as it was written first, and
    telling is claimed before it is done.

    `restore_scaling`: done before the lock goes, or the next release would find it undone in its own shift.
    """
    if what not in NEXT_STEP:
        raise ValueError(f"SETTLES is {what!r}; it must be one of {', '.join(NEXT_STEP)}")
    detail = take(event, "detail", dict)
    execution = take(detail, "executionArn", str)
    held = endpoint_key(f"{model}-{environment}"), LOCK
    if restore_scaling and ledger.item(*held).get("owner") == execution:
        _try(restore_scaling)
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


def _restore_scaling() -> Callable[[], object] | None:
    """SCALING: {endpoint, variant, scaling}, where scaling is declared."""
    if not (declared := os.environ.get("SCALING", "")):
        return None
    given = json.loads(declared)
    scaling = Scaling(**given["scaling"])
    return lambda: restore(given["endpoint"], given["variant"], scaling, SageMakerEndpoints(), ApplicationAutoScaling())


def _try(restore_scaling: Callable[[], object]) -> None:
    """The lock must be freed and people told all the same; the next sweep restores what could not be restored here."""
    try:
        restore_scaling()
    except Exception as error:  # whatever the service answers
        print(f"scaling could not be restored: {error}")  # noqa: T201 - the function's log
