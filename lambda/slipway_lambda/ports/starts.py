"""Starting executions."""

import json
from collections.abc import Mapping
from typing import Any, Protocol

from slipway_lambda.ports.clients import client


class Starts(Protocol):
    """Starts an execution once for a name."""

    def start(self, state_machine_arn: str, name: str, value: Mapping[str, Any]) -> None:
        """A second start with the same name and input is the same execution."""


class StepFunctionsStarts:
    """The real ones."""

    def start(self, state_machine_arn: str, name: str, value: Mapping[str, Any]) -> None:
        stepfunctions = client("stepfunctions")
        try:
            stepfunctions.start_execution(stateMachineArn=state_machine_arn, name=name, input=json.dumps(value))
        except stepfunctions.exceptions.ExecutionAlreadyExists:
            return
