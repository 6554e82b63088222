"""Believing a release only when it is seen to be live, asked and right."""

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.release_functions import ReleaseFunctions
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.release_calls import choice, failing, native, on_failure, stage, wait, when
from slipway_constructs.workflow.release_shift import probing
from slipway_lambda.contracts.release import ReleaseSpec

TRAFFIC_LOOKS, TRAFFIC_SECONDS = 15, 60
"""Metrics lag by a minute or two."""
NEXT = "The last good version serves. Find the cause in the version, then train and approve another."


class ReleaseVerification(Construct):
    """Expects: `plan`, `started_ms`, `looks`, `traffic_patience`. Leaves: `verdict`. Ends in `failed` with its reason
    in `failure`.

    `pending`: where to go while the endpoint is still changing.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        functions: ReleaseFunctions,
        spec: ReleaseSpec,
        synthetic_traffic: bool,
        failed: sfn.IChainable,
        then: sfn.IChainable,
    ) -> None:
        super().__init__(scope, id_)
        self._functions, self._spec, self._failed = functions, spec, failed
        self.start = looking(self, "Verify what is live", functions)
        on_failure(self.start, failed, NEXT)
        self.choice = self._is_it_live(synthetic_traffic, then)
        self.start.next(self.choice)

    def wait_with(self, working: sfn.IChainable) -> None:
        """While it is pending, wait as after the shift."""
        self.choice.when(when('$verdict.verdict = "pending" and $looks > 0'), working)

    def _is_it_live(self, synthetic_traffic: bool, then: sfn.IChainable) -> sfn.Choice:
        lag = wait(
            self, "Let the metrics arrive", TRAFFIC_SECONDS, traffic_patience=expression("$traffic_patience - 1")
        )
        lag.next(self.start)
        more: sfn.IChainable = lag
        if synthetic_traffic:
            more = probing(self, "Send more golden records", self._functions, self._spec)
            more.add_catch(lag, errors=["States.ALL"])
            more.next(lag)
        return (
            choice(self, "Is it live?")
            .when(when('$verdict.verdict = "live"'), self._still_wanted(then))
            .when(when('$verdict.verdict = "too_little_traffic" and $traffic_patience > 0'), more)
            .when(
                when("$exists($verdict.reason)"),
                self._failed,
                assign=failing("$verdict.reason", f'"{NEXT}"', state="Verify what is live"),
            )
            .otherwise(self._failed)
        )

    def _still_wanted(self, then: sfn.IChainable) -> sfn.IChainable:
        """Approval may be withdrawn while a release runs; an update in progress cannot be changed, so it is looked at
        here.
        """
        state = native(
            self,
            "Is it still approved?",
            "aws-sdk:sagemaker:describeModelPackage",
            {"ModelPackageName": expression("$plan.package_arn")},
            assign={"approval": expression("$states.result.ModelApprovalStatus")},
        )
        on_failure(state, self._failed, NEXT)
        withdrawn = failing(
            '"Its approval was withdrawn while it was released: it is now " & $approval & "."',
            '"Nothing is needed: the last good version serves."',
            state="Is it still approved?",
        )
        return state.next(
            choice(self, "Was the approval withdrawn?")
            .when(when('$approval != "Approved"'), self._failed, assign=withdrawn)
            .otherwise(self._smoke_test().next(then))
        )

    def _smoke_test(self) -> sfn.CustomState:
        state = stage(
            self,
            "Smoke test",
            self._functions.smoke,
            {
                "spec": expression("$spec"),
                "golden_uri": expression("$plan.golden_uri"),
            },
        )
        return on_failure(state, self._failed, NEXT)


def looking(scope: Construct, name: str, functions: ReleaseFunctions) -> sfn.CustomState:
    """Looks at the endpoint with the eyes of the plan. Leaves `verdict`: verdict, reason, recovery, live_config,
    requests.
    """
    return stage(
        scope,
        name,
        functions.verify,
        {
            "spec": expression("$spec"),
            "config": expression("$plan.config"),
            "digest": expression("$plan.digest"),
            "minimum_requests": expression("$plan.minimum_requests"),
            "since_ms": expression("$started_ms"),
            "now_ms": expression("$floor($millis())"),
            "last_good": expression("$plan.last_good"),
            # What this execution did not touch, it does not delete.
            "ever_served": expression("$plan.ever_served or $not($shifted)"),
            "planned_instances": expression("$plan.instance_count"),
        },
        assign={"verdict": expression("$states.result.Payload")},
    )
