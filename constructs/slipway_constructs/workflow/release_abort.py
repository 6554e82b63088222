"""A person's wish to stop a release, which the machine looks for where it can still act on it."""

from collections.abc import Sequence

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.release_calls import CHECK_FAILED, choice, failing, native, on_failure, when
from slipway_constructs.workflow.release_lease import UNTIL, renewal
from slipway_lambda.contracts import ledger

WISH = f"""(
  $lock := $states.result.Attributes;
  $exists($lock.{ledger.ABORT_REASON})
    ? {{"by": $lock.{ledger.ABORT_BY}.S, "reason": $lock.{ledger.ABORT_REASON}.S}}
    : {{"by": "", "reason": ""}}
)"""
NEXT = "Nothing is needed: the last good version serves. `slipway retry` tries the version again."


def unless_aborted(
    scope: Construct,
    name: str,
    *,
    endpoint: str,
    table: dynamodb.ITable,
    aborted: sfn.IChainable,
    routes: Sequence[tuple[sfn.Condition, sfn.IChainable]] = (),
    then: sfn.IChainable,
    seal: bool = False,
) -> sfn.CustomState:
    """Renews the lock and goes on by the first of `routes` that holds, else to `then`; to `aborted`, with the person
    and the reason in `failure`, if the lock carries that wish. `seal`: a later wish is refused.

    An update that SageMaker has begun cannot be stopped, and an execution that is stopped puts nothing right. So the
    wish stands in the lock, and the machine itself goes back to the last good version. A wish that cannot be read
    counts as one. A lock that went to another is not renewed: `aborted` finds the same, and ends.
    """
    state = native(
        scope,
        name,
        "dynamodb:updateItem",
        renewal(table.table_name, endpoint, seal=seal),
        assign={"abort": expression(WISH), **UNTIL},
        final=[CHECK_FAILED],
    )
    on_failure(state, aborted, NEXT)
    words = failing('"Aborted by " & $abort.by & ": " & $abort.reason', f'"{NEXT}"', state=name)
    way = choice(scope, f"{name.removesuffix('?')}, by whom?")
    way = way.when(when('$abort.by != ""'), aborted, assign=words)
    for condition, route in routes:  # one state decides both: each costs a transition
        way = way.when(condition, route)
    state.next(way.otherwise(then))
    return state
