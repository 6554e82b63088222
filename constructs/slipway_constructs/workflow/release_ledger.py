"""Ledger items as the release machine writes them: DynamoDB's attribute values around JSONata expressions."""

from typing import Any

from slipway_constructs.workflow.chain import expression
from slipway_lambda.contracts import ledger

EXECUTION = "$states.context.Execution.Id"
NOW_SECONDS = "$floor($millis() / 1000)"


def text(value: str) -> dict[str, str]:
    """A string, plain."""
    return {"S": value}


def evaluated(value: str) -> dict[str, str]:
    """A string, from an expression."""
    return {"S": expression(value)}


def number(value: str) -> dict[str, str]:
    """A number, from an expression."""
    return {"N": expression(f"$string({value})")}


def key(endpoint: str, sort: str) -> dict[str, Any]:
    """A key of the endpoint's partition; `sort` plain."""
    return {ledger.PARTITION_KEY: text(ledger.endpoint_key(endpoint)), ledger.SORT_KEY: text(sort)}


def record(outcome: str, cause: str, requests: str, *, served_by: str = '""') -> str:
    """The whole putItem item of one release's record, as one expression: the plan's part, and how it ended.

    `outcome`, `cause`, `requests` (how many the version answered) and `served_by` (instances by type, where it is live)
    are expressions.
    """
    texts = {
        ledger.SORT_KEY: f'"{ledger.release_key("")}" & $states.context.Execution.Name',
        "trigger": "$trigger",
        "asked_by": "$asked_by",
        "asked_reason": "$asked_reason",
        "outcome": outcome,
        "cause": cause,
        "served_by": served_by,
        "execution": EXECUTION,
    }
    numbers = {"started_at": "$floor($started_ms / 1000)", "ended_at": NOW_SECONDS, "requests": requests}
    members = [f'"{k}": {{"S": {v}}}' for k, v in texts.items()]
    members += [f'"{k}": {{"N": $string({v})}}' for k, v in numbers.items()]
    return expression(f"$merge([$plan.record_item, {{{', '.join(members)}}}])")


def attempt(outcome: str, cause: str) -> str:
    """The whole putItem item, as one expression: the plan's, with outcome and cause (expressions)."""
    return expression(
        f'$merge([$plan.attempt_item, {{"outcome": {{"S": {outcome}}}, "cause": {{"S": {cause}}},'
        f' "at": {{"N": $string({NOW_SECONDS})}}}}])'
    )
