"""States of the release machine that call something: native integrations and stages, all with a time limit, retries and
a named way out.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Aws, Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.failing import remember
from slipway_constructs.workflow.patience import retry_call, retry_function

NOT_FOUND = ["SageMaker.SageMakerException", "SageMaker.ValidationException", "SageMaker.AmazonSageMakerException"]
"""SageMaker's ValidationException is in no service model, so Step Functions gives it the service's general name; which
of these it uses is documented for none. What is not found is told from what is wrong by its text.
"""
CHECK_FAILED = "DynamoDB.ConditionalCheckFailedException"


def native(
    scope: Construct,
    name: str,
    resource: str,
    arguments: Mapping[str, Any] | str,
    *,
    assign: Mapping[str, Any] | None = None,
    final: Sequence[str] = (),
    timeout_seconds: int | str = 60,
) -> sfn.CustomState:
    """A native integration, such as `sagemaker:createModel` or `aws-sdk:sagemaker:describeEndpoint`.

    `arguments`: the request, or a JSONata expression that gives it whole. Leaves nothing but what `assign` names.
    `final`: errors that are answers, and not worth a retry. The permission stands in `release_permissions.py`.
    """
    state = sfn.CustomState(
        scope,
        name,
        state_json={
            "Type": "Task",
            "Resource": f"arn:{Aws.PARTITION}:states:::{resource}",
            "Arguments": arguments,
            "TimeoutSeconds": timeout_seconds,
            "Output": {},
            **({"Assign": dict(assign)} if assign else {}),
        },
    )
    retry_call(state, final=list(final) or None)
    return state


def stage(
    scope: Construct,
    name: str,
    function: lambda_.IFunction,
    payload: Mapping[str, Any],
    *,
    assign: Mapping[str, Any] | None = None,
    again_on: str | None = None,
) -> sfn.CustomState:
    """A Lambda stage, by the function's own ARN: the library's task would also allow every version of it.

    `again_on`: an error that comes right with time; tried twice a minute for ten minutes, on average.
    """
    longest = function.timeout.to_seconds() if isinstance(function, lambda_.Function) and function.timeout else 30
    state = sfn.CustomState(
        scope,
        name,
        state_json={
            "Type": "Task",
            "Resource": f"arn:{Aws.PARTITION}:states:::lambda:invoke",
            "Arguments": {"FunctionName": function.function_arn, "Payload": dict(payload)},
            "TimeoutSeconds": longest + 30,
            "Output": {},
            **({"Assign": dict(assign)} if assign else {}),
        },
    )
    if again_on is not None:
        state.add_retry(
            errors=[again_on],
            interval=Duration.seconds(60),
            max_attempts=20,
            backoff_rate=1,
            jitter_strategy=sfn.JitterType.FULL,
        )
    retry_function(state)
    return state


def on_failure(state: sfn.CustomState, then: sfn.IChainable, next_step: str) -> sfn.CustomState:
    """Whatever goes wrong: remember it in `failure`, and go on there."""
    state.add_catch(then, errors=["States.ALL"], assign=remember(state.state_id, next_step))
    return state


def whatever_happens(state: sfn.CustomState, then: sfn.IChainable) -> sfn.CustomState:
    """A step whose failure must not keep the later ones from running; the next sweep does again what it left."""
    state.add_catch(then, errors=["States.ALL"])
    return state


def wait(scope: Construct, name: str, seconds: int, **assign: Any) -> sfn.Wait:
    """A wait; `assign` counts it, so that it is bounded."""
    return sfn.Wait.jsonata(
        scope, name, time=sfn.WaitTime.duration(Duration.seconds(seconds)), assign=assign or None, outputs={}
    )


def choice(scope: Construct, name: str) -> sfn.Choice:
    """A choice; its ways and its default are added by the caller."""
    return sfn.Choice.jsonata(scope, name, outputs={})


def when(condition: str) -> sfn.Condition:
    """A JSONata condition."""
    return sfn.Condition.jsonata(expression(condition))


def failing(cause: str, next_step: str, *, state: str) -> dict[str, Any]:
    """The Assign of a way that leads to a failed end without an error: `cause` and `next_step` are JSONata."""
    return {"failure": expression(f'{{"state": "{state}", "error": "", "cause": {cause}, "next_step": {next_step}}}')}
