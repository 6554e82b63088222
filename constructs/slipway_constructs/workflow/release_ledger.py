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


def record(endpoint: str, outcome: str, cause: str) -> dict[str, Any]:
    """The record of one release. `outcome` and `cause`: expressions."""
    return {
        ledger.PARTITION_KEY: text(ledger.endpoint_key(endpoint)),
        ledger.SORT_KEY: evaluated(f'"{ledger.release_key("")}" & $states.context.Execution.Name'),
        "version": number("$plan.version"),
        "package_arn": evaluated("$plan.package_arn"),
        "config": evaluated("$plan.config"),
        "strategy": evaluated("$plan.strategy"),
        "trigger": evaluated("$trigger"),
        "outcome": evaluated(outcome),
        "cause": evaluated(cause),
        "execution": evaluated(EXECUTION),
        "started_at": number("$floor($started_ms / 1000)"),
        "ended_at": number(NOW_SECONDS),
    }


def attempt(outcome: str, cause: str) -> str:
    """The whole putItem item, as one expression: the plan's, with outcome and cause (expressions)."""
    return expression(
        f'$merge([$plan.attempt_item, {{"outcome": {{"S": {outcome}}}, "cause": {{"S": {cause}}},'
        f' "at": {{"N": $string({NOW_SECONDS})}}}}])'
    )
