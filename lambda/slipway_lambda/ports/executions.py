"""Executions of a state machine."""

from typing import Protocol

from slipway_lambda.ports.clients import client


class Executions(Protocol):
    """Looks at executions."""

    def running(self, state_machine_arn: str) -> list[str]:
        """ARNs of those that run now."""


class StepFunctionsExecutions:
    """The real ones."""

    def running(self, state_machine_arn: str) -> list[str]:
        # One page is enough: the question is whether there is any.
        answer = client("stepfunctions").list_executions(
            stateMachineArn=state_machine_arn, statusFilter="RUNNING", maxResults=100
        )
        return [item["executionArn"] for item in answer["executions"]]
