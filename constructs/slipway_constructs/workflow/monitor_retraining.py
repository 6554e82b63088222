"""Starting a training for drift: claimed in the ledger first, so that of two monitors one starts it."""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from slipway.config.model import Model
from slipway_constructs.foundation import Foundation
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.failing import remember
from slipway_constructs.workflow.patience import retry_call
from slipway_lambda.contracts.ledger import PARTITION_KEY, RETRAINING, SORT_KEY, model_key

ALREADY = [
    # The optimised integration's name, the SDK integration's, and the API's own.
    "StepFunctions.ExecutionAlreadyExistsException",
    "Sfn.ExecutionAlreadyExistsException",
    "ExecutionAlreadyExists",
]
NOT_CLAIMED = "DynamoDB.ConditionalCheckFailedException"
MINE = "claimed_by = :me"
ATTEMPTS_SECONDS = 60


class Retraining:
    """Expects `$decision` and `$capture`. Leaves `$training`, the execution's ARN.

    The execution's name is made of model and window: a repeated run of the same window is the same training (D13).
    """

    def __init__(
        self, scope: Construct, *, foundation: Foundation, model: Model, train_machine: sfn.IStateMachine
    ) -> None:
        self._scope = scope
        self._foundation = foundation
        self._model = model
        self._machine = train_machine

    def start(self, *, started: sfn.IChainable, refused: sfn.IChainable, failed: sfn.IChainable) -> sfn.IChainable:
        """Claim, start; `refused` when another has claimed meanwhile, with the reason in `$decision`."""
        claim, start, give_back = self._claim(), self._start(), self._give_back()
        claim.add_catch(
            refused,
            errors=[NOT_CLAIMED],
            assign={
                "decision": expression(
                    '$merge([$decision, {"decision": "tell", "reason": $decision.reason & " Another run has started a'
                    ' retraining within the cool-down.", "next_step": "Wait for its outcome."}])'
                )
            },
        )
        claim.add_catch(failed, errors=["States.ALL"], assign=remember(claim.id, "Start the training by hand."))
        start.add_catch(started, errors=ALREADY)
        start.add_catch(give_back, errors=["States.ALL"], assign=remember(start.id, "Start the training by hand."))
        give_back.add_catch(failed, errors=["States.ALL"])
        give_back.next(failed)
        return claim.next(start).next(started)

    @property
    def _name(self) -> str:
        return f"'drift-{self._model.name}-' & $capture.window_id"

    def _key(self) -> dict[str, tasks.DynamoAttributeValue]:
        text = tasks.DynamoAttributeValue.from_string
        return {PARTITION_KEY: text(model_key(self._model.name)), SORT_KEY: text(RETRAINING)}

    def _claim(self) -> tasks.DynamoUpdateItem:
        text, number = tasks.DynamoAttributeValue.from_string, tasks.DynamoAttributeValue.number_from_string
        now = "$floor($millis() / 1000)"
        cooldown = self._model.retrain.cooldown_hours * 3600
        claim = tasks.DynamoUpdateItem.jsonata(
            self._scope,
            "Claim the retraining",
            table=self._foundation.ledger,
            key=self._key(),
            # `mine`: the answer to the first try may have been lost.
            condition_expression=f"attribute_not_exists(last_started_at) OR last_started_at <= :cutoff OR {MINE}",
            update_expression="SET last_started_at = :now, claimed_by = :me, #execution = :run, #window = :window",
            expression_attribute_names={"#execution": "execution", "#window": "window"},
            expression_attribute_values={
                ":now": number(expression(f"$string({now})")),
                ":cutoff": number(expression(f"$string({now} - {cooldown})")),
                ":me": text(expression("$states.context.Execution.Id")),
                ":run": text(expression(self._execution)),
                ":window": text(expression("$capture.window_id")),
            },
            assign={"training": expression(self._execution)},
            task_timeout=_timeout(),
        )
        retry_call(claim, final=[NOT_CLAIMED])
        return claim

    @property
    def _execution(self) -> str:
        return f"$replace('{self._machine.state_machine_arn}', ':stateMachine:', ':execution:') & ':' & {self._name}"

    def _start(self) -> tasks.StepFunctionsStartExecution:
        start = tasks.StepFunctionsStartExecution.jsonata(
            self._scope,
            "Start the training",
            state_machine=self._machine,
            name=expression(self._name),
            input=sfn.TaskInput.from_object(self._input()),
            task_timeout=_timeout(),
        )
        retry_call(start, final=ALREADY)
        return start

    def _input(self) -> dict[str, Any]:
        return {
            "trigger": "drift",
            "reason": expression("$decision.reason"),
            "window": {"start": expression("$capture.window_start"), "end": expression("$capture.window_end")},
        }

    def _give_back(self) -> tasks.DynamoDeleteItem:
        """Nothing was started, so nothing has cooled down. The time before it was older than the cool-down and is not
        missed."""
        give_back = tasks.DynamoDeleteItem.jsonata(
            self._scope,
            "Give the claim back",
            table=self._foundation.ledger,
            key=self._key(),
            condition_expression=MINE,
            expression_attribute_values={
                ":me": tasks.DynamoAttributeValue.from_string(expression("$states.context.Execution.Id"))
            },
            task_timeout=_timeout(),
        )
        retry_call(give_back, final=[NOT_CLAIMED])
        return give_back


def _timeout() -> sfn.Timeout:
    return sfn.Timeout.duration(Duration.seconds(ATTEMPTS_SECONDS))
