"""Names of what is deployed, from the outputs of the CloudFormation stacks: only the stack names are agreed on."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

from slipway.config import names
from slipway.config.model import Model
from slipway.config.platform import Environment, Platform
from slipway.operations.errors import Failure, of_aws
from slipway.operations.where import Clients

_KEYS = {
    "LedgerTable": "ledger_table",
    "DataBucket": "data_bucket",
    "ArtefactBucket": "artefact_bucket",
    "CaptureBucket": "capture_bucket",
    "ReportBucket": "report_bucket",
    "Topic": "topic",
    "TrainMachine": "train_machine",
    "ReleaseMachine": "release_machine",
    "ReleaseDeadLetters": "dead_letters",
    "ReleaseSettling": "settle",
    "Endpoint": "endpoint",
    "EndpointName": "endpoint",  # the id Endpoint is the custom resource's in our own stack
    "MonitorMachine": "monitor_machine",
    "MonitorSchedule": "monitor_schedule",
}


@dataclass(frozen=True)
class Outputs:
    """Physical names and ARNs of one model in one environment. None: the stack that holds it is not deployed there."""

    ledger_table: str
    data_bucket: str
    artefact_bucket: str
    capture_bucket: str
    report_bucket: str
    topic: str
    """ARN."""
    train_machine: str | None = None
    """ARN."""
    release_machine: str | None = None
    """ARN."""
    dead_letters: str | None = None
    """URL of the queue of what no release machine or its settling could be told."""
    settle: str | None = None
    """Name of the function that settles bad ends of releases."""
    endpoint: str | None = None
    """Name."""
    monitor_machine: str | None = None
    """ARN; None with `monitors.engine: sagemaker`."""
    monitor_schedule: str | None = None
    """Name."""

    def need(self, field: str) -> str:
        """A field that must be there. Raises Failure."""
        value: str | None = getattr(self, field)
        if not value:
            raise Failure(
                "SLW306", f"{field} is not deployed.", where="stack outputs", fix="deploy the stacks: cdk deploy --all"
            )
        return value


@dataclass(frozen=True)
class StackNames:
    """The stacks of one model in one environment."""

    foundation: str
    training: str
    release: str
    monitoring: str


def stack_names(platform: Platform, environment: Environment, model: Model) -> StackNames:
    """Names as `cdk deploy` makes them: `<platform>-<Environment>-<Stack>[-<Model>]`."""
    base = f"{names.stack_prefix(platform)}-{names.stage(environment)}"
    id_ = names.model_id(model)
    return StackNames(
        f"{base}-Foundation", f"{base}-Training-{id_}", f"{base}-Release-{id_}", f"{base}-Monitoring-{id_}"
    )


def outputs(session: Clients, platform: Platform, environment: Environment, model: Model) -> Outputs:
    """Read all four stacks. Raises Failure when the foundation is not there or CloudFormation cannot be asked."""
    stacks = stack_names(platform, environment, model)
    cloudformation = session.client("cloudformation")
    found = _outputs_of(cloudformation, stacks.foundation)
    missing = [field.name for field in fields(Outputs)[:6] if field.name not in found]
    if missing:
        raise Failure(
            "SLW306",
            f"Stack {stacks.foundation} is not deployed, or lacks {', '.join(missing)}.",
            where=f"{environment.account} {environment.region}",
            fix="deploy it: cdk deploy --all, or slipway cloud up for the embedded cloud",
        )
    for stack in (stacks.training, stacks.release, stacks.monitoring):
        found |= _outputs_of(cloudformation, stack)
    return Outputs(**found)


def alarm_names(session: Clients, stack_names_: Iterable[str]) -> tuple[str, ...]:
    """Physical names of the CloudWatch alarms that the stacks hold."""
    cloudformation = session.client("cloudformation")
    found: list[str] = []
    for stack in stack_names_:
        token: dict[str, Any] = {}
        while True:
            try:
                page = cloudformation.list_stack_resources(StackName=stack, **token)
            except Exception as error:
                if _is_absent(error):
                    break
                raise of_aws(error, stack) from error
            found += [
                r["PhysicalResourceId"]
                for r in page["StackResourceSummaries"]
                if r["ResourceType"] == "AWS::CloudWatch::Alarm" and r.get("PhysicalResourceId")
            ]
            if not page.get("NextToken"):
                break
            token = {"NextToken": page["NextToken"]}
    return tuple(found)


def declared_model(models: Iterable[Model], name: str) -> Model:
    """The declared model of that name. Raises Failure with the closest one."""
    known = {model.name: model for model in models}
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, 1)
    fix = f"did you mean {close[0]}?" if close else f"use one of {', '.join(sorted(known)) or '(none is declared)'}"
    raise Failure("SLW202", f"There is no model {name!r}.", where="models/", fix=fix, exit_code=2)


def _outputs_of(cloudformation: Any, stack: str) -> dict[str, str]:
    try:
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"]
    except Exception as error:
        if _is_absent(error):
            return {}
        raise of_aws(error, stack) from error
    return {
        _KEYS[output["OutputKey"]]: output["OutputValue"]
        for one in found[:1]
        for output in one.get("Outputs", [])
        if output["OutputKey"] in _KEYS
    }


def _is_absent(error: Exception) -> bool:
    """CloudFormation says `ValidationError: Stack with id X does not exist`."""
    answer = getattr(error, "response", {}).get("Error", {})
    return answer.get("Code") == "ValidationError" and "does not exist" in answer.get("Message", "")
