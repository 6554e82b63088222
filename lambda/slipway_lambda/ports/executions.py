"""Executions of a state machine."""

from typing import Protocol

from slipway_lambda.ports.clients import client


class Executions(Protocol):
    """Looks at executions, and stops them."""

    def running(self, state_machine_arn: str) -> list[str]:
        """ARNs of those that run now."""

    def stop(self, execution_arn: str, cause: str) -> None:
        """Stop one; that it has ended meanwhile is no error."""


class StepFunctionsExecutions:
    """The real ones."""

    def running(self, state_machine_arn: str) -> list[str]:
        # One page is enough: the question is whether there is any.
        stepfunctions = client("stepfunctions")
        try:
            answer = stepfunctions.list_executions(
                stateMachineArn=state_machine_arn, statusFilter="RUNNING", maxResults=100
            )
        except stepfunctions.exceptions.StateMachineDoesNotExist:
            return []
        return [item["executionArn"] for item in answer["executions"]]

    def stop(self, execution_arn: str, cause: str) -> None:
        stepfunctions = client("stepfunctions")
        try:
            stepfunctions.stop_execution(executionArn=execution_arn, error="EndpointDeleted", cause=cause)
        except stepfunctions.exceptions.ExecutionDoesNotExist:
            return
