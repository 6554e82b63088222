"""Which failures of a task are worth another try. Waits are spread at random, so that machines which failed together do
not return together."""

from typing import Protocol

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn

LAMBDA_HICCUPS = (
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
)


class Retried(Protocol):
    """A task state, of the library's own classes or custom."""

    def add_retry(
        self,
        *,
        errors: list[str] | None = None,
        interval: Duration | None = None,
        max_attempts: int | None = None,
        max_delay: Duration | None = None,
        backoff_rate: float | None = None,
        jitter_strategy: sfn.JitterType | None = None,
    ) -> object:
        """As in aws_stepfunctions."""


def retry_function(task: Retried) -> None:
    """Lambda's own trouble and throttling. What the handler itself refuses is not tried again."""
    _retry(task, list(LAMBDA_HICCUPS), seconds=2, attempts=4, most_seconds=30)


def retry_call(task: Retried, *, final: list[str] | None = None) -> None:
    """A read, or a write that may be repeated: any failure of the call but the `final` ones, which are answers and not
    accidents."""
    if final:
        task.add_retry(errors=final, max_attempts=0)
    _retry(task, ["States.TaskFailed"], seconds=1, attempts=4, most_seconds=20)


def retry_job(task: Retried) -> None:
    """A job that could not be started: no instance free under the account's limit, or the API throttled. A failed job
    is not repeated."""
    _retry(task, ["SageMaker.ResourceLimitExceededException"], seconds=60, attempts=5, most_seconds=600)
    _retry(task, ["SageMaker.AmazonSageMakerException"], seconds=2, attempts=4, most_seconds=30)


def _retry(task: Retried, errors: list[str], *, seconds: int, attempts: int, most_seconds: int) -> None:
    task.add_retry(
        errors=errors,
        interval=Duration.seconds(seconds),
        max_attempts=attempts,
        max_delay=Duration.seconds(most_seconds),
        backoff_rate=2,
        jitter_strategy=sfn.JitterType.FULL,
    )
