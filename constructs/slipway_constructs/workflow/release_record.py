"""Writing down that a version is live."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.release_functions import ReleaseFunctions
from slipway_constructs.workflow.chain import expression, in_sequence
from slipway_constructs.workflow.release_calls import choice, native, on_failure, stage, whatever_happens, when
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
        table: dynamodb.ITable,
        unrecorded: sfn.IChainable,
        then: sfn.IChainable,
    ) -> None:
        super().__init__(scope, id_)
        self._table, self._unrecorded = table.table_name, unrecorded
        tidy = whatever_happens(cleaning(self, "Clean up", functions), then)
        left = self._mark_what_was_left(tidy)
        mark = whatever_happens(marking(self, "Mark the lifecycle stage", "Approved", '"Live since " & $now()'), left)
        self.start = in_sequence(
            [
                self._write_live(),
                self._write_record(),
                self._write_attempt(),
                mark,
                left,
            ]
        )
        tidy.next(then)

    def _mark_what_was_left(self, tidy: sfn.CustomState) -> sfn.Choice:
        """A sweep, a changed spec or the next training's champion must not be the version that a person left."""
        words = '"Rolled back from by " & $asked_by & ": " & $asked_reason'
        mark = marking(self, "Mark what was left", "Rejected", words, arn="$plan.left_package_arn")
        whatever_happens(mark, tidy).next(tidy)
        return choice(self, "Was a version left?").when(when('$plan.left_package_arn != ""'), mark).otherwise(tidy)

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
        item = record(f'"{Outcome.RELEASED}"', '""', "$verdict.requests", served_by="$verdict.served_by")
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


def marking(
    scope: Construct, name: str, status: str, description: str, *, arn: str = "$plan.package_arn"
) -> sfn.CustomState:
    """Sets a version's lifecycle stage Production, `status`; `description` and `arn` are expressions."""
    return native(
        scope,
        name,
        "aws-sdk:sagemaker:updateModelPackage",
        {
            "ModelPackageArn": expression(arn),
            "ModelLifeCycle": {
                "Stage": "Production",
                "StageStatus": status,
                "StageDescription": expression(f"$substring({description}, 0, 1000)"),
            },
        },
    )
