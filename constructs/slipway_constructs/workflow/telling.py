"""Telling people, once, and noting that they were told."""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk import aws_stepfunctions_tasks as tasks
from constructs import Construct

from slipway_constructs.access import grant_key
from slipway_constructs.foundation import Foundation
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.patience import retry_call
from slipway_lambda.contracts.ledger import PARTITION_KEY, SORT_KEY, TOLD, execution_key

EXECUTION = "$states.context.Execution.Id"


class Telling:
    """Builds the states by which one machine tells people of its ends.

    The note in the ledger is what keeps `settle_execution` from telling the same end again.
    """

    def __init__(self, scope: Construct, *, foundation: Foundation, what: str, model: str) -> None:
        self._scope = scope
        self._foundation = foundation
        self._what = what
        self._model = model

    def tell(
        self,
        name: str,
        *,
        outcome: str,
        version: str,
        cause: str,
        next_step: str,
        then: sfn.IChainable,
        untold: sfn.IChainable,
    ) -> sfn.IChainable:
        """`Tell: <name>`, then `then`; `untold` if the message could not be sent.

        `outcome` is a word; `version`, `cause` and `next_step` are JSONata expressions.
        """
        publish = tasks.SnsPublish.jsonata(
            self._scope,
            f"Tell: {name}",
            topic=self._foundation.topic,
            subject=f"{self._model}: {self._what} {outcome}"[:100],
            message=sfn.TaskInput.from_text(
                expression(
                    f'$string({{"what": "{self._what}", "model": "{self._model}",'
                    f' "environment": "{self._foundation.environment.name}", "version": {version},'
                    f' "outcome": "{outcome}", "cause": {cause}, "next_step": {next_step}, "execution": {EXECUTION}}})'
                )
            ),
            task_timeout=sfn.Timeout.duration(Duration.seconds(60)),
        )
        retry_call(publish)
        publish.add_catch(untold, errors=["States.ALL"])
        note = self._note(name)
        # People were told. That it could not be noted must not turn a good end into a bad one; at worst they hear of it
        # twice.
        note.add_catch(then, errors=["States.ALL"])
        return publish.next(note).next(then)

    def failure(self, *, version: str = "null", adding: str = "") -> sfn.IChainable:
        """`Tell: <what> failed`, then the named end `<What>Failed`.

        Expects: `failure` with state, cause and next_step. `adding`: a sentence for the message's cause.
        """
        failed = sfn.Fail.jsonata(
            self._scope,
            f"{self._what.capitalize()} failed",
            error=f"{self._what.capitalize()}Failed",
            cause=expression("$failure.state & ': ' & $failure.cause & ' Next step: ' & $failure.next_step"),
        )
        return self.tell(
            f"{self._what} failed",
            outcome="failed",
            version=version,
            cause="$failure.state & ': ' & $failure.cause" + (f" & ' {adding}'" if adding else ""),
            next_step="$failure.next_step",
            then=failed,
            untold=failed,
        )

    def untold(self, cause: str) -> sfn.Fail:
        """An end that nobody hears of: fail, so that the rule on bad ends tells it through another channel (D11)."""
        existing = self._scope.node.try_find_child("Nobody was told")
        if isinstance(existing, sfn.Fail):
            return existing
        return sfn.Fail.jsonata(self._scope, "Nobody was told", error="NotTold", cause=cause)

    def grant(self, role: iam.IRole) -> None:
        """What the library's tasks leave out: the keys of the topic and the ledger."""
        grant_key(self._foundation.keys.operations, role, "kms:Decrypt", "kms:GenerateDataKey")
        grant_key(self._foundation.keys.models, role, "kms:Decrypt")

    def _note(self, name: str) -> Any:
        text = tasks.DynamoAttributeValue.from_string
        note = tasks.DynamoPutItem.jsonata(
            self._scope,
            f"Note that it was told: {name}",
            table=self._foundation.ledger,
            item={
                PARTITION_KEY: text(expression(f"'{execution_key('')}' & {EXECUTION}")),
                SORT_KEY: text(TOLD),
                "told_at": text(expression("$now()")),
            },
            task_timeout=sfn.Timeout.duration(Duration.seconds(60)),
        )
        retry_call(note)
        return note
