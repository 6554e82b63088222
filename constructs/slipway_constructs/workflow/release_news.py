"""Waiting for news of an endpoint: events of it and of its alarms wake the machine, which looks by itself where none
comes.
"""

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.release_calls import CHECK_FAILED, native, wait
from slipway_constructs.workflow.release_ledger import EXECUTION, evaluated, key
from slipway_lambda.contracts import ledger

NEWS_AT_MOST = 50
"""Events that one execution takes up; a flood of them must not fill its history."""
NOBODY = "nobody"
"""In the place of a token: an event that finds it wakes nobody."""
DEAF_SECONDS = 60
"""Until the next look where nothing can be heard, unless the wait is one of fixed length."""
UNHEARD = "DynamoDb.ConditionalCheckFailedException"


def wait_for_news(
    scope: Construct,
    name: str,
    *,
    at: ReleaseResources,
    table: str,
    seconds: int | str,
    patience: str,
    then: sfn.IChainable,
) -> sfn.CustomState:
    """Goes on to `then` at the next event of the endpoint, and after `seconds` (or what that evaluates to) at the
    latest: events are best effort.

    Counts down `$news` with each event, and the variable `patience` each time that none came: this bounds the wait in
    time, that its history. The task's token stands in the lock; where it cannot be written, plain waiting does, and
    not for long where `seconds` may be.
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
            # After so many events it listens to no more of them.
            "ConditionExpression": expression(
                f'$news > 0 ? "#owner = :me AND attribute_not_exists({ledger.UNHEARD})" : "#owner = :me"'
            ),
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {
                ":me": evaluated(EXECUTION),
                ":token": evaluated(f'$news > 0 ? $states.context.Task.Token : "{NOBODY}"'),
            },
        },
        assign={"news": expression("$news - 1")},
        final=[UNHEARD],
        timeout_seconds=seconds,
    )
    deaf = wait(scope, f"{name}, without news", seconds if isinstance(seconds, int) else DEAF_SECONDS, **fewer)
    deaf.next(then)
    state.add_catch(then, errors=["States.Timeout"], assign=fewer)
    heard = _catch_up(scope, name, at=at, table=table, lost=deaf)
    heard.next(then)
    state.add_catch(heard, errors=[UNHEARD])
    state.add_catch(deaf, errors=["States.ALL"])
    state.next(then)
    return state


def _catch_up(
    scope: Construct, name: str, *, at: ReleaseResources, table: str, lost: sfn.IChainable
) -> sfn.CustomState:
    """There was news since the last look; or the lock is another's: `lost`."""
    state = native(
        scope,
        f"{name}, with news unheard",
        "dynamodb:updateItem",
        {
            "TableName": table,
            "Key": key(at.endpoint, ledger.LOCK),
            "UpdateExpression": f"REMOVE {ledger.UNHEARD}",
            "ConditionExpression": "#owner = :me",
            "ExpressionAttributeNames": {"#owner": "owner"},
            "ExpressionAttributeValues": {":me": evaluated(EXECUTION)},
        },
        assign={"news": expression("$news - 1")},
        final=[CHECK_FAILED],
    )
    state.add_catch(lost, errors=["States.ALL"])
    return state
