"""Making a version live and waiting for the end of it."""

from math import ceil

from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from slipway_constructs.release_functions import ReleaseFunctions
from slipway_constructs.release_resources import ReleaseResources
from slipway_constructs.release_timing import POLL_SECONDS, ReleaseTiming
from slipway_constructs.workflow.chain import expression
from slipway_constructs.workflow.release_calls import choice, native, on_failure, stage, whatever_happens, when
from slipway_constructs.workflow.release_news import wait_for_news
from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.contracts.scaling import RETAINED

SETTLED = '["InService", "Failed", "UpdateRollbackFailed", "OutOfService"]'
"""RollingBack and SystemUpdating end by themselves."""
BEGUN = (
    "$plan.config in [$states.result.EndpointConfigName, $states.result.PendingDeploymentSummary.EndpointConfigName]"
)
RETRY = "See what the error names; then an operator's release, or another approval, tries again."


class ReleaseShift(Construct):
    """Expects: `plan`, `looks`. Leaves: `endpoint`, settled or `looks` used up; `shifted`: this execution changed the
    endpoint, or answers for a version that nobody verified. Ends in `failed`.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        functions: ReleaseFunctions,
        at: ReleaseResources,
        table: str,
        timing: ReleaseTiming,
        spec: ReleaseSpec,
        synthetic_traffic: bool,
        failed: sfn.IChainable,
        then: sfn.IChainable,
    ) -> None:
        super().__init__(scope, id_)
        self._functions, self._at, self._timing, self._spec = functions, at, timing, spec
        self._table = table
        self._synthetic, self._failed = synthetic_traffic, failed
        self.wait = self._wait_until_settled(then)
        unanswered = self._did_it_begin()
        self.create, self.update = self._create(unanswered), self._update(unanswered)

    def _did_it_begin(self) -> sfn.CustomState:
        """A call whose answer was lost has had its effect, and the repeated one is refused because of it: look, before
        it is called a failure (or a first creation would stay behind, and a good version be rolled back).
        """
        look = native(
            self,
            "Did the change begin?",
            "aws-sdk:sagemaker:describeEndpoint",
            {"EndpointName": self._at.endpoint},
            assign={"begun": expression(BEGUN)},
        )
        look.add_catch(self._failed, errors=["States.ALL"])
        look.next(
            choice(self, "Does it go to this version?")
            .when(when("$begun"), self.wait, assign={"shifted": True})
            .otherwise(self._failed)
        )
        return look

    def _create(self, unanswered: sfn.IChainable) -> sfn.IChainable:
        state = native(
            self,
            "Create the endpoint",
            "sagemaker:createEndpoint",
            {"EndpointName": self._at.endpoint, "EndpointConfigName": expression("$plan.config")},
            assign={"shifted": True},
        )
        return on_failure(state, unanswered, RETRY).next(self.wait)

    def _update(self, unanswered: sfn.IChainable) -> sfn.IChainable:
        state = native(
            self,
            "Update the endpoint",
            "aws-sdk:sagemaker:updateEndpoint",
            {
                "EndpointName": self._at.endpoint,
                "EndpointConfigName": expression("$plan.config"),
                "DeploymentConfig": expression("$plan.deployment_config"),
                "RetainDeploymentConfig": False,
                **(RETAINED if self._spec.scaling else {}),
            },
            assign={"shifted": True},
        )
        return on_failure(state, unanswered, RETRY).next(self.wait)

    def _wait_until_settled(self, then: sfn.IChainable) -> sfn.CustomState:
        look = native(
            self,
            "Look at the endpoint",
            "aws-sdk:sagemaker:describeEndpoint",
            {"EndpointName": self._at.endpoint},
            assign={"endpoint": expression("$states.result")},
        )
        working = wait_for_news(
            self,
            "Let it work",
            at=self._at,
            table=self._table,
            seconds=self._timing.poll,
            patience="looks",
            then=on_failure(look, self._failed, RETRY),
        )
        settled = choice(self, "Has it settled?").when(
            when(f"$endpoint.EndpointStatus in {SETTLED} or $looks <= 0"), then
        )
        if self._synthetic:
            probe = probing(self, "Send golden records", self._functions, self._spec)
            # Traffic for the alarms to judge by; that it could not be sent fails nothing here, too little of it does
            # later.
            whatever_happens(probe, working).next(working)
            settled.when(when("$plan.minimum_requests > 0"), probe)
        settled.otherwise(working)
        look.next(settled)
        return working


def probing(scope: Construct, name: str, functions: ReleaseFunctions, spec: ReleaseSpec) -> sfn.CustomState:
    """Golden records as traffic: half of what the release demands each time, so that two looks at the whole fleet
    suffice. Answers that are neither version's raise the alarm on them.
    """
    probes = max(spec.smoke_records, ceil(spec.minimum_requests / 2))
    return sending(scope, name, functions, probes, POLL_SECONDS)


def sending(
    scope: Construct, name: str, functions: ReleaseFunctions, probes: int, seconds: int | str
) -> sfn.CustomState:
    """So many golden records, to whatever serves; as many of them as `seconds` (or what they evaluate to) allow."""
    golden = {"golden_uri": expression("$plan.golden_uri"), "champion": expression("$champion")}
    return stage(
        scope, name, functions.probe, {"spec": expression("$spec"), "probes": probes, "seconds": seconds, **golden}
    )
