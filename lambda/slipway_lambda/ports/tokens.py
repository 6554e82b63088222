"""Executions that wait for a word from outside."""

from typing import Protocol

from slipway_lambda.ports.clients import client


class Tokens(Protocol):
    """Answers tasks that wait for their token."""

    def answer(self, token: str) -> bool:
        """Let the task go on; False if it waits no more."""


class StepFunctionsTokens:
    """The real ones."""

    def answer(self, token: str) -> bool:
        stepfunctions = client("stepfunctions")
        over = stepfunctions.exceptions
        try:
            stepfunctions.send_task_success(taskToken=token, output="{}")
        except (over.TaskTimedOut, over.TaskDoesNotExist, over.InvalidToken):
            return False
        return True
