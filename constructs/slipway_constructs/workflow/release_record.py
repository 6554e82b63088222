"""Writing down that a version is live."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.release_functions import ReleaseFunctions
from slipway_constructs.workflow.chain import expression, in_sequence
from slipway_constructs.workflow.release_calls import native, on_failure, stage, whatever_happens
from slipway_constructs.workflow.release_ledger import NOW_SECONDS, attempt, record
from slipway_lambda.contracts.release import Attempt, Outcome

REPAIRED = (
    "The version is live and good; the sweep verifies it and writes the ledger. See that the table can be written."
)


class ReleaseRecord(Construct):
    """Expects: `plan`, `fence`, `verdict`. Leaves: `outcome` released; ledger and registry say so; older versions are
    gone.

    Ends in `unrecorded` if the ledger cannot be written: the release itself is not undone for that.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        functions: ReleaseFunctions,
        endpoint: str,
        table: dynamodb.ITable,
        unrecorded: sfn.IChainable,
        then: sfn.IChainable,
    ) -> None:
        super().__init__(scope, id_)
        self._table, self._endpoint, self._unrecorded = table.table_name, endpoint, unrecorded
        tidy = whatever_happens(cleaning(self, "Clean up", functions), then)
        mark = whatever_happens(marking(self, "Mark the lifecycle stage", "Approved", '"Live since " & $now()'), tidy)
        self.start = in_sequence(
            [
                self._write_live(),
                self._write_record(),
                self._write_attempt(),
                mark,
                tidy,
                then,
            ]
        )

    def _write_live(self) -> sfn.CustomState:
        """With the lock's fence: an execution whose lock expired and went to another cannot overwrite what that one
        wrote.
        """
        state = native(
            self,
            "Write the ledger",
            "dynamodb:putItem",
            {
                "TableName": self._table,
                "Item": expression(
                    f'$merge([$plan.live_item, {{"released_at": {{"N": $string({NOW_SECONDS})}},'
                    ' "fence": {"N": $string($fence)}}])'
                ),
                "ConditionExpression": "attribute_not_exists(fence) OR fence <= :fence",
                "ExpressionAttributeValues": {":fence": {"N": expression("$string($fence)")}},
            },
        )
        return on_failure(state, self._unrecorded, REPAIRED)

    def _write_record(self) -> sfn.CustomState:
        item = record(self._endpoint, f'"{Outcome.RELEASED}"', '""')
        item["requests"] = {"N": expression("$string($verdict.requests)")}
        state = native(self, "Record the release", "dynamodb:putItem", {"TableName": self._table, "Item": item})
        return on_failure(state, self._unrecorded, REPAIRED)

    def _write_attempt(self) -> sfn.CustomState:
        state = native(
            self,
            "Record the attempt",
            "dynamodb:putItem",
            {"TableName": self._table, "Item": attempt(f'"{Attempt.RELEASED}"', '""')},
            assign={"outcome": Outcome.RELEASED.value},
        )
        return on_failure(state, self._unrecorded, REPAIRED)


def cleaning(scope: Construct, name: str, functions: ReleaseFunctions) -> sfn.CustomState:
    """Removes the configs and models that are neither live nor a way back."""
    return stage(
        scope,
        name,
        functions.clean_up,
        {"spec": expression("$spec"), "last_good": expression("$plan.last_good")},
    )


def marking(scope: Construct, name: str, status: str, description: str) -> sfn.CustomState:
    """Sets the version's lifecycle stage Production, `status`; `description` is an expression."""
    return native(
        scope,
        name,
        "aws-sdk:sagemaker:updateModelPackage",
        {
            "ModelPackageArn": expression("$plan.package_arn"),
            "ModelLifeCycle": {
                "Stage": "Production",
                "StageStatus": status,
                "StageDescription": expression(f"$substring({description}, 0, 1000)"),
            },
        },
    )
