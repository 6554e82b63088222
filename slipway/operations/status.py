"""What is live, what waits, what ran last, what alarms: each read by itself, so one that fails hides nothing else."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from slipway.config.model import Model
from slipway.config.platform import Environment, Platform, Role
from slipway.operations import approvals, ledger
from slipway.operations.errors import Failure, of_aws
from slipway.operations.outputs import Outputs, alarm_names, outputs, stack_names
from slipway.operations.progress import read_progress
from slipway.operations.scaling import read_scaling, unscaled
from slipway.operations.target import Target
from slipway.operations.where import Where

BAD_ENDS = frozenset({"FAILED", "TIMED_OUT", "ABORTED"})
GOOD_ENDPOINTS = frozenset({"InService", "Updating", "Creating", "SystemUpdating"})


@dataclass
class ModelStatus:
    """One model in one environment. A part that could not be read is None and stands in `unknown` with its fix."""

    model: str
    environment: str
    where: str
    live: dict[str, Any] | None = None
    """The ledger's record and the endpoint beside it; `{}` when nothing was released."""
    waiting: list[dict[str, Any]] | None = None
    last: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    """training | release | monitoring: the newest execution, None when there was none."""
    alarms: list[dict[str, str]] | None = None
    halt: dict[str, Any] | None = None
    hold: dict[str, Any] | None = None
    """Who holds new versions back, why and since when."""
    release: dict[str, Any] | None = None
    """How far the release under way has come; None when there is none."""
    scaling: dict[str, Any] | None = None
    """Where `endpoint.scaling` is declared: `declared` limits, and those `registered`, None where there are none."""
    unknown: list[dict[str, str]] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)
    """What and fix, for all that is known and not as it should be."""

    @property
    def ok(self) -> bool:
        """All was read, and all is as it should be."""
        return not self.unknown and not self.problems


def read_status(where: Where, platform: Platform, environment: Environment, model: Model) -> ModelStatus:
    """Never raises for AWS's faults: they stand in `unknown`."""
    status = ModelStatus(model.name, environment.name, where.label)
    found = _part(status, "stacks", lambda: outputs(where, platform, environment, model))
    if found is None:
        return status
    stacks = stack_names(platform, environment, model)
    if Role.BUILD in environment.roles:
        status.waiting = _part(status, "waiting approvals", lambda: approvals.waiting(where, model))
    if found.endpoint:
        endpoint = found.endpoint
        status.live = _part(status, "live version", lambda: _live(where, found, endpoint))
        status.halt = _part(status, "halt", lambda: ledger.halt(where, found.ledger_table, endpoint) or {}) or None
        status.hold = (
            plain(_part(status, "hold", lambda: ledger.hold(where, found.ledger_table, endpoint) or {})) or None
        )
        if model.endpoint.scaling:
            status.scaling = _part(status, "scaling", lambda: read_scaling(where, endpoint, model))
        at = Target(where, environment, model, found)
        status.release = _part(status, "release under way", lambda: read_progress(at) or {}) or None
    elif Role.SERVE in environment.roles:
        _unknown(
            status,
            "live version",
            Failure("SLW306", f"Stack {stacks.release} is not deployed.", fix="cdk deploy --all"),
        )
    for what, machine in (
        ("training", found.train_machine),
        ("release", found.release_machine),
        ("monitoring", found.monitor_machine),
    ):
        if machine:
            status.last[what] = _part(status, f"last {what}", lambda arn=machine: _last(where, arn) or {}) or None  # type: ignore[misc]
    status.alarms = _part(status, "alarms", lambda: _alarms(where, (stacks.release, stacks.monitoring)))
    status.problems = judge(status)
    return status


def judge(status: ModelStatus) -> list[dict[str, str]]:
    """Pure: what is known and wrong, each with its fix."""
    found: list[dict[str, str]] = []

    def problem(what: str, fix: str) -> None:
        found.append({"what": what, "fix": fix})

    if status.halt:
        cause = status.halt.get("cause", "no cause is recorded")
        problem(f"automation is halted: {cause}", "mend the cause, then delete the halt item in the ledger")
    live = status.live or {}
    state = live.get("endpoint_status")
    if live.get("version") is not None and state is None:
        problem(
            f"v{live['version']} was released, and the endpoint is gone", "run the release machine; see docs/errors.md"
        )
    elif state is not None and state not in GOOD_ENDPOINTS:
        problem(
            f"the endpoint is {state}", "look at its failure_reason; approve a good version, or run the release machine"
        )
    if state == "InService" and live.get("version") is None:
        problem(
            "the endpoint serves, and the ledger knows of no release", "only the release machine may change endpoints"
        )
    elif state == "InService" and live.get("endpoint_config") != live.get("config"):
        what = f"the endpoint runs {live.get('endpoint_config')}, and the ledger says {live.get('config')}"
        problem(what, "somebody changed the endpoint by hand: run the release machine")
    if told := unscaled(status.scaling, serving=state == "InService", moving=status.release is not None):
        problem(*told)
    for alarm in status.alarms or []:
        if alarm["state"] == "ALARM":
            problem(f"alarm {alarm['name']}: {alarm['reason']}", "look at the dashboard of the Monitoring stack")
    for what, execution in status.last.items():
        if execution and execution["status"] in BAD_ENDS:
            problem(
                f"the last {what} is {execution['status']}: {execution.get('cause', '')}",
                f"read execution {execution['arn']}",
            )
    return found


def plain(value: Any) -> Any:
    """As JSON takes it: DynamoDB's decimals as numbers, moments as UTC text."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(v) for v in value]
    return value


def _part(status: ModelStatus, what: str, read: Callable[[], Any]) -> Any:
    try:
        return read()
    except Failure as failure:
        _unknown(status, what, failure)
    return None


def _unknown(status: ModelStatus, what: str, failure: Failure) -> None:
    status.unknown.append({"part": what, **failure.as_dict()})


def _live(where: Where, found: Outputs, endpoint: str) -> dict[str, Any]:
    record: dict[str, Any] = plain(ledger.live(where, found.ledger_table, endpoint) or {})
    try:
        seen = where.client("sagemaker").describe_endpoint(EndpointName=endpoint)
    except Exception as error:
        answer = getattr(error, "response", {}).get("Error", {})
        if answer.get("Code") == "ValidationException" and "Could not find" in answer.get("Message", ""):
            return record
        raise of_aws(error, f"endpoint {endpoint}") from error
    return {
        **record,
        "endpoint": endpoint,
        "endpoint_status": seen["EndpointStatus"],
        "endpoint_config": seen.get("EndpointConfigName"),
        "failure_reason": seen.get("FailureReason", ""),
        "instances": sum(v.get("CurrentInstanceCount", 0) for v in seen.get("ProductionVariants", [])),
    }


def _last(where: Where, machine: str) -> dict[str, Any] | None:
    states = where.client("stepfunctions")
    try:
        found = states.list_executions(stateMachineArn=machine, maxResults=1)["executions"]
        if not found:
            return None
        newest = found[0]
        facts = {k: plain(newest[k]) for k in ("name", "status", "startDate", "stopDate") if k in newest}
        facts["arn"] = newest["executionArn"]
        if newest["status"] in BAD_ENDS:
            told = states.describe_execution(executionArn=newest["executionArn"])
            facts["cause"] = " ".join(f"{told.get('error', '')} {told.get('cause', '')}".split())[:500]
        return facts
    except Exception as error:
        raise of_aws(error, machine) from error


def _alarms(where: Where, stacks: tuple[str, ...]) -> list[dict[str, str]]:
    alarms = list(alarm_names(where, stacks))
    found: list[dict[str, str]] = []
    try:
        for at in range(0, len(alarms), 100):
            page = where.client("cloudwatch").describe_alarms(AlarmNames=alarms[at : at + 100])
            found += [
                {"name": a["AlarmName"], "state": a["StateValue"], "reason": a.get("StateReason", "")}
                for a in page["MetricAlarms"]
            ]
    except Exception as error:
        raise of_aws(error, "alarms") from error
    return sorted(found, key=lambda a: a["name"])
