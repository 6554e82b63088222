"""A trial: champion and challenger side by side on live traffic, until a judge has seen enough."""

from typing import Any

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.release_functions import ReleaseFunctions
from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.release_timing import ReleaseTiming
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.release_calls import choice, native, on_failure, when
from slipway_constructs.workflow.release_make import making
from slipway_constructs.workflow.release_news import wait_for_news
from slipway_constructs.workflow.release_shift import RETRY, SETTLED
from slipway_constructs.workflow.release_trial_loop import TrialLoop
from slipway_lambda.contracts.release import ReleaseSpec

SAME = """(
  $of := function($v) { $v.VariantName & " " & $v.ModelName & " " & $v.InstanceType & " "
    & $string($v.InitialInstanceCount) & " " & $string($v.InitialVariantWeight) };
  $both := function($c) { $join($map($append($c.ProductionVariants, $c.ShadowProductionVariants), $of), "; ") };
  $both($states.result) = $both($plan.trial_request)
)"""
BEGUN = (
    "$plan.trial_config in"
    " [$states.result.EndpointConfigName, $states.result.PendingDeploymentSummary.EndpointConfigName]"
)
NOW_MS = "$floor($millis())"


def trial_variables(timing: ReleaseTiming) -> dict[str, Any]:
    """What a trial counts and remembers, named at the execution's beginning."""
    return {
        "trial": {},
        "trial_began_ms": 0,
        "step_began_ms": 0,
        "trial_counts": {},
        "share_taken": False,
        "trial_settling": timing.trial_settling,
        "trial_looks": timing.trial_looks,
    }


class ReleaseTrial(Construct):
    """Expects: `plan` with `trial_config`, `trial_request`, `trial_deployment`; the version's model is made. Leaves:
    `shifted`, `trial` (the judge's last word), `plan.record_item` with its figures. Goes on to `promoted`, or to
    `failed` with the verdict in `failure`.

    The trial's config is named as the champion's: whoever finds it live without its execution takes it for one, and
    goes back.
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
        timing: ReleaseTiming,
        spec: ReleaseSpec,
        synthetic_traffic: bool,
        failed: sfn.IChainable,
        promoted: sfn.IChainable,
    ) -> None:
        super().__init__(scope, id_)
        self._at, self._failed = at, failed
        look = self._look()
        settling = wait_for_news(
            self,
            "Let the trial settle",
            at=at,
            table=table.table_name,
            seconds=timing.poll,
            patience="trial_settling",
            then=look,
        )
        loop = TrialLoop(
            self,
            "Loop",
            judge=judge,
            functions=functions,
            at=at,
            table=table,
            spec=spec,
            synthetic_traffic=synthetic_traffic,
            failed=failed,
            promoted=promoted,
            settling=settling,
        )
        look.next(self._has_it_settled(settling, loop.start))
        there = choice(self, "Does the trial run already?")
        there.when(when("$endpoint.EndpointConfigName = $plan.trial_config"), settling, assign={"shifted": True})
        there.otherwise(self._begin(settling))
        self.start = making(
            self,
            "trial config",
            create="sagemaker:createEndpointConfig",
            request="$plan.trial_request",
            describe="aws-sdk:sagemaker:describeEndpointConfig",
            name="EndpointConfigName",
            named="$plan.trial_config",
            same=SAME,
            failed=failed,
            then=there,
        )

    def _begin(self, settling: sfn.IChainable) -> sfn.IChainable:
        state = native(
            self,
            "Put the challenger beside the champion",
            "aws-sdk:sagemaker:updateEndpoint",
            {
                "EndpointName": self._at.endpoint,
                "EndpointConfigName": expression("$plan.trial_config"),
                "DeploymentConfig": expression("$plan.trial_deployment"),
                "RetainDeploymentConfig": False,
            },
            assign={"shifted": True},
        )
        # As with a shift: a call whose answer was lost has had its effect.
        look = native(
            self,
            "Did the trial begin?",
            "aws-sdk:sagemaker:describeEndpoint",
            {"EndpointName": self._at.endpoint},
            assign={"begun": expression(BEGUN)},
        )
        look.add_catch(self._failed, errors=["States.ALL"])
        goes = choice(self, "Does it go to the trial?")
        look.next(goes.when(when("$begun"), settling, assign={"shifted": True}).otherwise(self._failed))
        return on_failure(state, look, RETRY).next(settling)

    def _look(self) -> sfn.CustomState:
        look = native(
            self,
            "Look at the trial",
            "aws-sdk:sagemaker:describeEndpoint",
            {"EndpointName": self._at.endpoint},
            assign={"endpoint": expression("$states.result")},
        )
        return on_failure(look, self._failed, RETRY)

    def _has_it_settled(self, settling: sfn.IChainable, judged: sfn.IChainable) -> sfn.Choice:
        """What has not settled in time, or on something else than the trial, the judge sees for itself."""
        settled = choice(self, "Has the trial settled?").when(
            when(f"$endpoint.EndpointStatus in {SETTLED} or $trial_settling <= 0"),
            judged,
            assign={
                "step_began_ms": expression(NOW_MS),
                "trial_began_ms": expression(f"$trial_began_ms = 0 ? {NOW_MS} : $trial_began_ms"),
            },
        )
        return settled.otherwise(settling)
