"""What is checked before anything is touched, and the note that it was tried."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.release_functions import ReleaseFunctions
from slipway_constructs.workflow.chain import expression, in_sequence
from slipway_constructs.workflow.release_calls import native, on_failure, stage
from slipway_constructs.workflow.release_ledger import attempt
from slipway_lambda.contracts.release import AlarmNotReadyError, Attempt

READ_IT = "Nothing was changed. Put right what the cause names; the sweep tries again by itself."


class ReleaseGuard(Construct):
    """Expects: `spec`, `plan`, `endpoint`. Leaves: `started_ms`; `champion`, its answers to the new version's golden
    records (empty: not asked); the ledger's attempt says started. Ends in `refused`
    with nothing touched
    but where alarms look.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        functions: ReleaseFunctions,
        table: dynamodb.ITable,
        asks_champion: bool,
        refused: sfn.IChainable,
    ) -> None:
        super().__init__(scope, id_)
        self._functions, self._table, self._refused = functions, table, refused
        self._asks_champion = asks_champion
        self.chain = in_sequence(
            [
                self._check_artefact(),
                *self._aim_at_the_new_fleet(),
                self._check_before_the_shift(),
                self._note_the_attempt(),
            ]
        )

    def _check_artefact(self) -> sfn.CustomState:
        state = stage(
            self,
            "Check the artefact",
            self._functions.inspect,
            {
                "uri": expression("$plan.model_data_url"),
                "expected_sha256": expression("$plan.artefact_sha256"),
            },
        )
        return on_failure(state, self._refused, "Nothing was changed. Train and register the version anew.")

    def _aim_at_the_new_fleet(self) -> list[sfn.CustomState]:
        """Before the check, which waits for their first evaluation."""
        if self._functions.aim is None:
            return []
        state = stage(
            self,
            "Aim alarms at the new fleet",
            self._functions.aim,
            {"spec": expression("$spec"), "config": expression("$plan.config")},
        )
        return [on_failure(state, self._refused, READ_IT)]

    def _check_before_the_shift(self) -> sfn.CustomState:
        state = stage(
            self,
            "Check before the shift",
            self._functions.preflight,
            {
                "spec": expression("$spec"),
                "config": expression("$plan.config"),
                "image": expression("$plan.image"),
                "last_good": expression("$plan.last_good"),
                "endpoint_exists": expression('$plan.live_config != ""'),
                "golden_uri": expression('$plan.minimum_requests > 0 ? $plan.golden_uri : ""')
                if self._asks_champion
                else "",
            },
            assign={"champion": expression("$states.result.Payload.champion")},
            # An alarm without data yet: its first evaluation comes by itself.
            again_on=AlarmNotReadyError.__name__,
        )
        return on_failure(state, self._refused, READ_IT)

    def _note_the_attempt(self) -> sfn.CustomState:
        state = native(
            self,
            "Note the attempt",
            "dynamodb:putItem",
            {"TableName": self._table.table_name, "Item": attempt(f'"{Attempt.STARTED}"', '""')},
            assign={"started_ms": expression("$floor($millis())")},
        )
        return on_failure(state, self._refused, READ_IT)
