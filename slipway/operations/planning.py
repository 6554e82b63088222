"""What a release would do now, decided by the release machine's own code over what the machine would read."""

import json
from dataclasses import dataclass, replace
from typing import Any

from slipway.operations.errors import Failure, of_aws
from slipway.operations.target import Items, Target
from slipway_lambda.attributes import to_item
from slipway_lambda.contracts import ledger
from slipway_lambda.contracts.errors import SlipwayError
from slipway_lambda.contracts.release import Decision, ReleaseSpec, Trigger
from slipway_lambda.plan_release.handler import handler as plan_release

GOES = frozenset({Decision.CREATE, Decision.UPDATE, Decision.RESPEC, Decision.VERIFY_ONLY, Decision.CLEAR})
NOBODY = "arn:of-no-execution"


@dataclass(frozen=True)
class Preview:
    """`plan`: as `slipway_lambda.plan_release.handler` gives it to the machine."""

    trigger: Trigger
    version: int
    spec: ReleaseSpec
    plan: dict[str, Any]
    items: Items

    @property
    def goes(self) -> bool:
        """The machine would act."""
        return self.plan["decision"] in GOES

    @property
    def live_version(self) -> int:
        """What serves; 0: nothing, or nobody knows."""
        return int(self.plan["record_item"]["from_version"]["N"])

    @property
    def approval(self) -> str:
        """Names the version's present approval."""
        return str(self.plan["attempt_item"]["approval"]["S"])

    @property
    def attempt(self) -> dict[str, Any]:
        """The last attempt at this version; empty when there was none."""
        return self.items.get(ledger.attempt_key(self.version), {})


def preview(target: Target, trigger: Trigger, number: int, arn: str) -> Preview:
    """The plan for a version of the registry. Raises Failure when something of it cannot be read."""
    spec, items = deployed_spec(target), target.items()
    wanted = (ledger.LIVE, ledger.HALT, ledger.HOLD, ledger.attempt_key(number))
    event = {
        "spec": spec.as_dict(),
        "package": _package(target, arn),
        "endpoint": endpoint(target),
        "ledger": [to_item(items[key]) for key in wanted if key in items],
        "trigger": str(trigger),
        "asked_version": number,
        "execution": NOBODY,
    }
    try:
        plan = plan_release(event, None)
    except SlipwayError as error:
        fix = error.next_step or "deploy the Release stack anew"
        raise Failure("SLW513", f"It cannot be planned: {error.cause}", where=target.label, fix=fix) from error
    if plan["instance_count"]:  # of a fleet that scales: as many as are live
        spec = replace(spec, instance_count=plan["instance_count"])
    return Preview(trigger, number, spec, plan, items)


def deployed_spec(target: Target) -> ReleaseSpec:
    """The declaration as the deployed machine has it, which may differ from the one in the checkout."""
    try:
        found = target.where.client("stepfunctions").describe_state_machine(stateMachineArn=target.machine)
    except Exception as error:
        raise of_aws(error, target.machine) from error
    try:
        return ReleaseSpec.from_dict(json.loads(found["definition"])["States"]["Begin"]["Assign"]["spec"])
    except (KeyError, TypeError, ValueError, SlipwayError) as error:
        what = "The deployed release machine is of another version of Slipway than this command line."
        raise Failure("SLW306", what, where=target.machine, fix="deploy the stacks: cdk deploy --all") from error


def endpoint(target: Target) -> dict[str, Any]:
    """DescribeEndpoint; empty where there is none. Raises Failure."""
    try:
        found: dict[str, Any] = target.where.client("sagemaker").describe_endpoint(EndpointName=target.endpoint)
    except Exception as error:
        answer = getattr(error, "response", {}).get("Error", {})
        if answer.get("Code") == "ValidationException" and "Could not find" in answer.get("Message", ""):
            return {}
        raise of_aws(error, f"endpoint {target.endpoint}") from error
    return found


def _package(target: Target, arn: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = target.where.client("sagemaker").describe_model_package(ModelPackageName=arn)
    except Exception as error:
        raise of_aws(error, arn) from error
    return found
