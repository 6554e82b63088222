"""Waiting for an endpoint to change: SageMaker's events wake the machine, and it looks by itself where none comes."""

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.release_calls import native, wait
from slipway_constructs.workflow.release_ledger import EXECUTION, evaluated, key
from slipway_lambda.contracts import ledger

NEWS_AT_MOST = 100
"""Events that one execution takes up; a flood of them must not fill its history."""
NOBODY = "nobody"
"""In the place of a token: an event that finds it wakes nobody."""
LOCK_LOST = "DynamoDb.ConditionalCheckFailedException"


def wait_for_news(
    scope: Construct, name: str, *, at: ReleaseResources, table: str, seconds: int, patience: str, then: sfn.IChainable
) -> sfn.CustomState:
    """Goes on to `then` at the next event of the endpoint, and after `seconds` at the latest: events are best effort.

    Counts down `$news` with each event, and the variable `patience` each time that none came: this bounds the wait in
    time, that its history. The task's token stands in the lock; where it cannot be written, plain waiting does.
    """
    fewer = {patience: expression(f"${patience} - 1")}
    state = native(
        scope,
        name,
        "aws-sdk:dynamodb:updateItem.waitForTaskToken",
        {
            "TableName": table,
            "Key": key(at.endpoint, ledger.LOCK),
            "UpdateExpression": f"SET {ledger.LISTENER} = :token",
            "ConditionExpression": "#owner = :me",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {
                ":me": evaluated(EXECUTION),
                ":token": evaluated(f'$news > 0 ? $states.context.Task.Token : "{NOBODY}"'),
            },
        },
        assign={"news": expression("$news - 1")},
        final=[LOCK_LOST],
        timeout_seconds=seconds,
    )
    deaf = wait(scope, f"{name}, without news", seconds, **fewer)
    deaf.next(then)
    state.add_catch(then, errors=["States.Timeout"], assign=fewer)
    state.add_catch(deaf, errors=["States.ALL"])
    state.next(then)
    return state
