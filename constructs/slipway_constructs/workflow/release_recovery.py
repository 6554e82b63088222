"""Making the last good version live again."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.release_functions import ReleaseFunctions
from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.release_timing import ReleaseTiming
from slipway_constructs.workflow.chain import expression, in_sequence
from slipway_constructs.workflow.release_calls import CHECK_FAILED, choice, native, whatever_happens, when
from slipway_constructs.workflow.release_lease import STILL_OURS, UNTIL, lost, renewal
from slipway_constructs.workflow.release_ledger import EXECUTION, NOW_SECONDS, attempt, evaluated, key, number, record
from slipway_constructs.workflow.release_news import wait_for_news
from slipway_constructs.workflow.release_record import cleaning, marking
from slipway_constructs.workflow.release_scaling import ReleaseScaling
from slipway_constructs.workflow.release_verification import looking
from slipway_lambda.contracts import ledger
from slipway_lambda.contracts.release import Attempt, Outcome, ReleaseSpec
from slipway_lambda.contracts.trial import CHALLENGER

REQUESTS = "($exists($verdict.requests) ? $verdict.requests : 0)"
RUNBOOK = "Automation on this endpoint is halted. Make one config serve, then delete the ledger's halt item."


class ReleaseRecovery(Construct):
    """Expects: `failure`, `plan`, `shifted`, `recovery_looks`, `share_taken`. Leaves: `outcome` rolled_back, refused
    (nothing was shifted) or halted.

    Renews the lock, looks, does the one thing that helps, waits and does so again, until the last good version serves
    or it is clear that it will not. Each step after that runs whether or not the one before it failed. An execution
    whose lock went to another touches nothing more and ends in `locked_out`.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        functions: ReleaseFunctions,
        at: ReleaseResources,
        table: dynamodb.ITable,
        timing: ReleaseTiming,
        spec: ReleaseSpec,
        locked_out: sfn.IChainable,
        then: sfn.IChainable,
        scaling: ReleaseScaling | None = None,
    ) -> None:
        super().__init__(scope, id_)
        self._at, self._table, self._scaling, self._spec = at, table.table_name, scaling, spec
        written = self._write_down(then)
        self._halted = self._halt(written)
        tidy = whatever_happens(cleaning(self, "Clean up what is left", functions), written)
        tidy.next(written)
        look = looking(self, "What is live now?", functions)
        look.add_catch(self._halted, errors=["States.ALL"])
        self.start = self._if_still_ours(look, locked_out)
        look.next(self._what_helps(timing, tidy))

    def _if_still_ours(self, look: sfn.CustomState, locked_out: sfn.IChainable) -> sfn.IChainable:
        """A ledger that does not answer must not keep a bad version live: a lock that lasts long enough is ours."""
        name = "Is it still ours to put right?"
        state = native(
            self,
            name,
            "dynamodb:updateItem",
            renewal(self._table, self._at.endpoint),
            assign=UNTIL,
            final=[CHECK_FAILED],
        )
        state.add_catch(locked_out, errors=[CHECK_FAILED], assign=lost(name))
        by_the_clock = choice(self, "Is it ours by the clock?").when(when(STILL_OURS), look)
        state.add_catch(by_the_clock.otherwise(self._lost(name, locked_out)), errors=["States.ALL"])
        return state.next(look)

    def _lost(self, name: str, locked_out: sfn.IChainable) -> sfn.IChainable:
        return sfn.Pass.jsonata(self, "Leave it to who has the lock", assign=lost(name), outputs={}).next(locked_out)

    def _what_helps(self, timing: ReleaseTiming, tidy: sfn.CustomState) -> sfn.Choice:
        settling = wait_for_news(
            self,
            "Let it settle",
            at=self._at,
            table=self._table,
            seconds=timing.poll,
            patience="recovery_looks",
            then=self.start,
        )
        # What turned back was touched, even if the call that shifted it never answered.
        touched = "$shifted or $turned_back"
        done = {"outcome": expression(f'{touched} ? "{Outcome.ROLLED_BACK}" : "{Outcome.REFUSED}"')}
        helps = choice(self, "What puts it right?").when(when('$verdict.recovery = "nothing"'), tidy, assign=done)
        helps.when(when('$verdict.recovery = "wait" and $recovery_looks > 0'), settling)
        back = '$verdict.recovery = "roll_back" and $not($turned_back)'
        if self._spec.trial is not None and self._spec.trial.weights_percent:
            shared = "$not($share_taken) and $verdict.live_config = $plan.trial_config"
            helps.when(when(f"{back} and {shared}"), self._take_the_share(settling))
        return (
            helps.when(when(back), self._roll_back(settling))
            .when(when('$verdict.recovery = "delete" and $not($turned_back)'), self._delete(settling))
            .otherwise(self._halted)
        )

    def _take_the_share(self, settling: sfn.IChainable) -> sfn.CustomState:
        """Weights change at once; the way back to the champion alone takes as long as a fleet takes to start. Whether
        it could be taken or not, the next look goes on with that.
        """
        weights = {self._spec.variant: 100, CHALLENGER: 0}
        state = native(
            self,
            "Take its share from the challenger",
            "aws-sdk:sagemaker:updateEndpointWeightsAndCapacities",
            {
                "EndpointName": self._at.endpoint,
                "DesiredWeightsAndCapacities": [{"VariantName": n, "DesiredWeight": w} for n, w in weights.items()],
            },
            assign=(taken := {"share_taken": True}),
        )
        state.add_catch(settling, errors=["States.ALL"], assign=taken)
        state.next(settling)
        return state

    def _roll_back(self, settling: sfn.IChainable) -> sfn.IChainable:
        """Without waits and alarms: a bad version is live, and waiting for alarms would keep it so. `recovery_config`
        adds a DeploymentConfig where there is no second fleet to go back by.
        """
        state = native(
            self,
            "Roll back to blue",
            "aws-sdk:sagemaker:updateEndpoint",
            expression(
                f'$merge([{{"EndpointName": "{self._at.endpoint}", "EndpointConfigName": $plan.last_good.config,'
                ' "RetainDeploymentConfig": false}, $plan.recovery_config])'
            ),
            assign={"turned_back": True},
        )
        state.add_catch(self._halted, errors=["States.ALL"])
        state.next(settling)
        return self._scaling.before_going_back(state) if self._scaling else state

    def _delete(self, settling: sfn.IChainable) -> sfn.IChainable:
        state = native(
            self,
            "Delete the endpoint of a failed first release",
            "aws-sdk:sagemaker:deleteEndpoint",
            {"EndpointName": self._at.endpoint},
            assign={"turned_back": True},
        )
        state.add_catch(self._halted, errors=["States.ALL"])
        return state.next(settling)

    def _halt(self, written: sfn.IChainable) -> sfn.CustomState:
        """Nothing is cleaned up here: in a mixed state every config may serve."""
        names = '$plan.config & ", " & ($exists($plan.last_good.config) ? $plan.last_good.config : "no last good one")'
        cause = f'$failure.cause & " It could not be put right by itself. Configs: " & {names} & "."'
        state = native(
            self,
            "Halt automation",
            "dynamodb:putItem",
            {
                "TableName": self._table,
                "Item": {
                    **key(self._at.endpoint, ledger.HALT),
                    "cause": evaluated(cause),
                    "execution": evaluated(EXECUTION),
                    "halted_at": number(NOW_SECONDS),
                },
            },
            assign=(halted := self._as_halted(cause)),
        )
        state.add_catch(written, errors=["States.ALL"], assign=halted)
        state.next(written)
        return state

    @staticmethod
    def _as_halted(cause: str) -> dict[str, str]:
        words = f'{{"state": $failure.state, "error": $failure.error, "cause": {cause}, "next_step": "{RUNBOOK}"}}'
        return {"outcome": Outcome.HALTED.value, "failure": expression(words)}

    def _write_down(self, then: sfn.IChainable) -> sfn.IChainable:
        mark = whatever_happens(marking(self, "Mark it rejected", "Rejected", "$failure.cause"), then)
        touched = (
            choice(self, "Was the endpoint touched?")
            .when(when("$shifted and $not($plan.proven)"), mark.next(then))
            .otherwise(then)
        )
        tried = native(
            self,
            "Record the failed attempt",
            "dynamodb:putItem",
            {
                "TableName": self._table,
                "Item": attempt(f'"{Attempt.FAILED}"', "$failure.cause"),
            },
        )
        ended = native(
            self,
            "Record the failed release",
            "dynamodb:putItem",
            {"TableName": self._table, "Item": record("$outcome", "$failure.cause", REQUESTS)},
        )
        whatever_happens(tried, touched)
        whatever_happens(ended, tried)
        in_sequence([ended, tried, touched])
        return ended
