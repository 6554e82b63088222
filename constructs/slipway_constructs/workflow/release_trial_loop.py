"""Looking at a trial again and again, and doing what its judge says."""

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.release_functions import ReleaseFunctions
from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.release_calls import (
    choice,
    failing,
    native,
    on_failure,
    stage,
    whatever_happens,
    when,
)
from slipway_constructs.workflow.release_ledger import EXECUTION, evaluated, key
from slipway_constructs.workflow.release_news import wait_for_news
from slipway_constructs.workflow.release_shift import RETRY, sending
from slipway_constructs.workflow.release_verification import NEXT
from slipway_lambda.contracts import ledger
from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.contracts.trial import CHALLENGER, Word

PROBES = 500
"""Golden records sent at a look where the traffic of clients does not suffice, or a share has just begun."""
SHARED = f"""(
  $asked := $trial.weights[VariantName = "{CHALLENGER}"].DesiredWeight;
  $variant := $states.result.ProductionVariants[VariantName = "{CHALLENGER}"];
  $asked in [$variant.CurrentWeight, $variant.DesiredWeight]
)"""


class TrialLoop(Construct):
    """Expects: `plan`, `trial_began_ms`, `step_began_ms`, `trial_looks`, `trial_counts`. Leaves: `trial`,
    `plan.record_item`.

    `settling`: where a change of shares is waited for. States for a change of shares are there with `ab` only.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        judge: lambda_.IFunction,
        functions: ReleaseFunctions,
        at: ReleaseResources,
        table: dynamodb.ITable,
        spec: ReleaseSpec,
        synthetic_traffic: bool,
        failed: sfn.IChainable,
        promoted: sfn.IChainable,
        settling: sfn.IChainable,
    ) -> None:
        super().__init__(scope, id_)
        self._at, self._table, self._failed = at, table.table_name, failed
        self.start = self._judge(judge)
        # An alarm that is raised ends the pause, however long that has become.
        pause = wait_for_news(
            self,
            "Let the trial run",
            at=at,
            table=self._table,
            seconds=expression("$trial.pause_seconds"),
            patience="trial_looks",
            then=self.start,
        )
        says = choice(self, "What does the trial say?").when(when(f'$trial.word = "{Word.PROMOTE}"'), promoted)
        if spec.trial is not None and spec.trial.weights_percent:
            share = self._share(settling)
            step = f'$trial.word = "{Word.STEP}"'
            hurried = when(f"{step} and $trial.hurried and $trial_looks > 0")
            says.when(hurried, self._take_the_wish(pause).next(share))
            says.when(when(f"{step} and $not($trial.hurried)"), share)
        goes_on = f'$trial.word = "{Word.CONTINUE}" and $trial_looks > 0'
        if synthetic_traffic:
            probe = self._probe(functions)
            # Traffic to judge by; that it could not be sent fails nothing, too little of it does in the end.
            whatever_happens(probe, pause).next(pause)
            says.when(when(f"{goes_on} and $trial.thin"), probe)
        says.when(when(goes_on), pause)
        words = failing("$trial.reason", f'"{NEXT}"', state="Judge the trial")
        says.when(when("$exists($trial.reason)"), failed, assign=words)
        self.start.next(says.otherwise(failed))

    def _judge(self, judge: lambda_.IFunction) -> sfn.CustomState:
        state = stage(
            self,
            "Judge the trial",
            judge,
            {
                "spec": expression("$spec"),
                "config": expression("$plan.trial_config"),
                "release_config": expression("$plan.config"),
                "package_arn": expression("$plan.package_arn"),
                "execution": expression(EXECUTION),
                "began_ms": expression("$trial_began_ms"),
                "step_began_ms": expression("$step_began_ms"),
                "now_ms": expression("$floor($millis())"),
                "lease_seconds": expression("$lease_seconds"),
                "counts": expression("$trial_counts"),
            },
            assign={
                "trial": expression("$states.result.Payload"),
                "trial_counts": expression("$states.result.Payload.counts"),
                "lease_until": expression("$states.result.Payload.lease_until"),
                "plan": expression(
                    '$merge([$plan, {"record_item": $merge([$plan.record_item, $states.result.Payload.record])}])'
                ),
            },
        )
        return on_failure(state, self._failed, NEXT)

    def _probe(self, functions: ReleaseFunctions) -> sfn.CustomState:
        """No longer than the pause that follows: the judge looks at nothing meanwhile."""
        name = "Send golden records to the trial"
        return sending(self, name, functions, PROBES, expression("$trial.pause_seconds"))

    def _take_the_wish(self, pause: sfn.IChainable) -> sfn.CustomState:
        """Before it is acted on: one wish is one step. While it cannot be taken, it is not followed either."""
        state = native(
            self,
            "Take the wish out of the lock",
            "dynamodb:updateItem",
            {
                "TableName": self._table,
                "Key": key(self._at.endpoint, ledger.LOCK),
                "UpdateExpression": f"REMOVE {', '.join(ledger.PROMOTION)}",
                "ConditionExpression": "#owner = :me",
                "ExpressionAttributeNames": {"#owner": "owner"},
                "ExpressionAttributeValues": {":me": evaluated(EXECUTION)},
            },
        )
        return whatever_happens(state, pause)

    def _share(self, settling: sfn.IChainable) -> sfn.CustomState:
        state = native(
            self,
            "Give the challenger its next share",
            "aws-sdk:sagemaker:updateEndpointWeightsAndCapacities",
            {"EndpointName": self._at.endpoint, "DesiredWeightsAndCapacities": expression("$trial.weights")},
        )
        look = native(
            self,
            "Did its share change?",
            "aws-sdk:sagemaker:describeEndpoint",
            {"EndpointName": self._at.endpoint},
            assign={"begun": expression(SHARED)},
        )
        look.add_catch(self._failed, errors=["States.ALL"])
        look.next(choice(self, "Has it its share?").when(when("$begun"), settling).otherwise(self._failed))
        state.next(settling)
        return on_failure(state, look, RETRY)
