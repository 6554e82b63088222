"""One model in one environment: what an operator's verb works on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slipway.config.loader import Declarations
from slipway.config.model import Model
from slipway.config.platform import Environment, Role
from slipway.config.prices import Price
from slipway.operations import ledger
from slipway.operations.errors import Failure, of_aws
from slipway.operations.outputs import Outputs, declared_model, outputs
from slipway.operations.where import Where, find

Items = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Target:
    """The place, the declaration and the names of what is deployed there."""

    where: Where
    environment: Environment
    model: Model
    outputs: Outputs
    prices: Mapping[str, Price] = field(default_factory=dict)
    """Of an instance, by its type; those that are declared."""

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.model.name} in {self.environment.name}"

    @property
    def endpoint(self) -> str:
        """Name. Raises Failure where the Release stack is not deployed."""
        return self.outputs.need("endpoint")

    @property
    def machine(self) -> str:
        """ARN of the release machine. Raises Failure where the Release stack is not deployed."""
        return self.outputs.need("release_machine")

    def items(self) -> Items:
        """All that the ledger holds of the endpoint, by sort key. Raises Failure."""
        return ledger.partition(self.where, self.outputs.ledger_table, self.endpoint)

    def who(self) -> str:
        """ARN of the caller. Raises Failure."""
        try:
            return str(self.where.client("sts").get_caller_identity()["Arn"])
        except Exception as error:
            raise of_aws(error, self.label) from error

    def execution(self, arn: str) -> dict[str, Any]:
        """DescribeExecution; empty where it is no longer known. Raises Failure."""
        try:
            found: dict[str, Any] = self.where.client("stepfunctions").describe_execution(executionArn=arn)
        except Exception as error:
            if getattr(error, "response", {}).get("Error", {}).get("Code") == "ExecutionDoesNotExist":
                return {}
            raise of_aws(error, arn) from error
        return found


def environment_of(declared: Declarations, name: str | None) -> Environment:
    """The environment of that name, or the only one that serves. Raises Failure."""
    serving = [e for e in declared.platform.environments if Role.SERVE in e.roles]
    known = ", ".join(e.name for e in serving) or "none serves"
    if name is None:
        if len(serving) == 1:
            return serving[0]
        what = "It is not said which environment is meant."
        raise Failure("SLW207", what, where="--env", fix=f"name one of: {known}", exit_code=2)
    chosen = next((e for e in serving if e.name == name), None)
    if chosen is None:
        what = f"There is no environment {name!r} that serves."
        raise Failure("SLW207", what, where="--env", fix=f"name one of: {known}", exit_code=2)
    return chosen


def target(root: Path, declared: Declarations, model: str, environment: str | None, *, aws: bool) -> Target:
    """Raises Failure when the model or environment is unknown, the place cannot be asked, or nothing is deployed."""
    chosen = declared_model(declared.models, model)
    place = environment_of(declared, environment)
    where = find(root, place, aws=aws)
    return Target(where, place, chosen, outputs(where, declared.platform, place, chosen), declared.platform.prices)
