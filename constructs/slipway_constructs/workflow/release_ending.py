"""The ends of a release: the lock goes back, people hear of it once, and the execution says how it ended."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.foundation import Foundation
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.release_calls import CHECK_FAILED, choice, native, whatever_happens, when
from slipway_constructs.workflow.release_ledger import EXECUTION, attempt, evaluated
from slipway_constructs.workflow.release_scaling import ReleaseScaling
from slipway_constructs.workflow.telling import Telling
from slipway_lambda.contracts import ledger
from slipway_lambda.contracts.release import Attempt, Outcome

VERSION = "($exists($plan.version) ? $plan.version : $candidate.version)"
STRATEGY = '($exists($plan.strategy) ? $plan.strategy : "")'
FELL_BACK = "($verdict.fell_back ? ' ' & $verdict.fell_back : '')"
ENDS = {
    Outcome.REFUSED: ("refused", "Refused", "ReleaseRefused"),
    Outcome.ROLLED_BACK: ("rolled back", "Rolled back", "ReleaseRolledBack"),
    Outcome.HALTED: ("halted", "Halted", "ReleaseHalted"),
    Outcome.UNSCALED: ("released without its scaling", "Not scaled", "ReleaseUnscaled"),
    Outcome.UNRECORDED: ("released but not recorded", "Not recorded", "ReleaseUnrecorded"),
    Outcome.LOCK_LOST: ("stopped without its lock", "Lock lost", "ReleaseLockLost"),
}


class ReleaseEnding(Construct):
    """Expects: `outcome`, `failure`, `plan`, `candidate`. `unlock`: the common way out; `refused`: from before anything
    was touched; `locked_out`: the lock is another's; `unrecorded`: live, but not in the ledger. Each ends the
    execution.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        endpoint: str,
        model: str,
        foundation: Foundation,
        table: dynamodb.ITable,
        scaling: ReleaseScaling | None = None,
    ) -> None:
        super().__init__(scope, id_)
        self.telling = Telling(self, foundation=foundation, what="release", model=model)
        self.nothing = self._succeed("Nothing to release", "$outcome")
        self.locked_out = self._tell_and_end(scaling)
        unlock = self._give_back(endpoint, table)
        unlock.next(self.locked_out)
        self.unlock = scaling.at_the_end(unlock) if scaling else unlock
        self.refused = self._note_refusal(table)
        self.unrecorded = sfn.Pass.jsonata(
            self, "Leave it to the sweep", assign={"outcome": Outcome.UNRECORDED.value}, outputs={}
        )
        self.unrecorded.next(self.unlock)

    def _give_back(self, endpoint: str, table: dynamodb.ITable) -> sfn.CustomState:
        state = native(
            self,
            "Give the lock back",
            "dynamodb:updateItem",
            {
                "TableName": table.table_name,
                "Key": {
                    ledger.PARTITION_KEY: {"S": ledger.endpoint_key(endpoint)},
                    ledger.SORT_KEY: {"S": ledger.LOCK},
                },
                # The fence stays: it grows by one with each owner.
                "UpdateExpression": "REMOVE #owner, expires_at, " + ", ".join(ledger.OF_OWNER),
                "ConditionExpression": "#owner = :me",
                "ExpressionAttributeNames": {"#owner": "owner"},
                "ExpressionAttributeValues": {":me": evaluated(EXECUTION)},
            },
            final=[CHECK_FAILED],
        )
        # A lock that cannot be given back expires.
        return whatever_happens(state, self.locked_out)

    def _note_refusal(self, table: dynamodb.ITable) -> sfn.IChainable:
        """So that a sweep which meets the same refusal again does not tell it again. It does not count as an
        attempt.
        """
        state = native(
            self,
            "Note the refusal",
            "dynamodb:putItem",
            {"TableName": table.table_name, "Item": attempt(f'"{Attempt.REFUSED}"', "$failure.cause")},
        )
        whatever_happens(state, self.unlock).next(self.unlock)
        # Without a plan there is no attempt to write to; and a failed attempt must stay on record as one.
        return (
            choice(self, "Is there an attempt to note it in?")
            .when(when("$exists($plan.attempt_item) and $not($plan.failed_before)"), state)
            .otherwise(self.unlock)
        )

    def _tell_and_end(self, scaling: ReleaseScaling | None) -> sfn.Choice:
        ends = choice(self, "How did it end?")
        released = self._succeed("Released", f'"{Outcome.RELEASED}"')
        ends.when(
            when(f'$outcome = "{Outcome.RELEASED}"'),
            self.telling.tell(
                "released",
                outcome="released",
                version=VERSION,
                cause=f"$plan.reason & ' ' & $plan.strategy_words & '.' & {FELL_BACK}",
                next_step="''",
                then=released,
                untold=released,
            ),
        )
        ends.when(when(f'$outcome in ["{Outcome.NOTHING}", "{Outcome.SUPERSEDED}"]'), self.nothing)
        for outcome, (words, name, error) in ENDS.items():
            if outcome is not Outcome.REFUSED and (scaling or outcome is not Outcome.UNSCALED):
                ends.when(when(f'$outcome = "{outcome}"'), self._fail(outcome, words, name, error))
        words, name, error = ENDS[Outcome.REFUSED]
        refusal = self._fail(Outcome.REFUSED, words, name, error)
        ends.when(when("$exists($plan.last_refusal) and $plan.last_refusal = $failure.cause"), self._already_told())
        return ends.otherwise(refusal)

    def _fail(self, outcome: Outcome, words: str, name: str, error: str) -> sfn.IChainable:
        end = sfn.Fail.jsonata(self, name, error=error, cause=expression(_summary(f'"{outcome}"')))
        return self.telling.tell(
            words,
            outcome=outcome.value,
            version=VERSION,
            cause="$failure.cause",
            next_step="$failure.next_step",
            then=end,
            untold=end,
        )

    def _already_told(self) -> sfn.Succeed:
        """A sweep found what an earlier one was refused for. Not a failure of its own: that would be told again."""
        return sfn.Succeed.jsonata(
            self, "Refused as before", outputs=expression(f"$parse({_summary(chr(34) + Outcome.REFUSED + chr(34))})")
        )

    def _succeed(self, name: str, outcome: str) -> sfn.Succeed:
        return sfn.Succeed.jsonata(self, name, outputs=expression(f"$parse({_summary(outcome)})"))


def _summary(outcome: str) -> str:
    """The execution's last word, as JSON text, which is what the Cause of a Fail state must be."""
    return (
        f'$string({{"outcome": {outcome}, "version": {VERSION}, "strategy": {STRATEGY},'
        ' "live_config": $exists($verdict.live_config) ? $verdict.live_config : "",'
        f' "cause": {outcome} = "released" ? null : $failure.cause}})'
    )
