"""Collects a report's facts from AWS APIs and the cloud's audit. What cannot be had is noted as missing; the rest
still stands."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

from slipway.report.asl import graph
from slipway.report.facts import (
    Approval,
    Calls,
    DriftWindow,
    GateTable,
    Path,
    ReportFacts,
    Split,
    Traffic,
)
from slipway_lambda.contracts.approval import read_approval

T = TypeVar("T")
MINUTE = 60
MOST_MINUTES = 240


@dataclass(frozen=True)
class Sources:
    """Where to look. `client` makes a boto3 client; `audit` is the embedded cloud's, or gives nothing."""

    client: Callable[[str], Any]
    audit: Callable[[], Mapping[str, Any]]
    model: str
    environment: str
    endpoint: str
    variant: str
    result: Mapping[str, Any]
    written_at: str
    executions: Sequence[tuple[str, str]]
    """(title, ARN), in the order to show them."""
    trainings: Sequence[tuple[str, str]]
    """(title, ARN) of those with gates."""
    releases: Sequence[Mapping[str, Any]]
    """The ledger's records, with `config`, `started_at`, `ended_at` (epoch s of cloud time)."""
    windows: Sequence[tuple[str, str]]
    """(name, report URI) of monitored windows."""
    traffic: Traffic = field(default_factory=Traffic)
    words: Sequence[Approval] = ()
    """What was approved and rejected, where somebody kept it: the registry knows the last word on a version only."""
    missing: list[str] = field(default_factory=list)


def collect(sources: Sources) -> ReportFacts:
    """Everything that can be had."""
    states = sources.client("stepfunctions")
    s3 = sources.client("s3")
    paths = [_try(sources, title, partial(execution_path, states, title, arn)) for title, arn in sources.executions]
    gates = [_try(sources, title, partial(gate_table, states, title, arn)) for title, arn in sources.trainings]
    drift = [_try(sources, name, partial(window, s3, name, uri)) for name, uri in sources.windows]
    audit = _try(sources, "the audit", sources.audit) or {}
    return ReportFacts(
        model=sources.model,
        environment=sources.environment,
        written_at=sources.written_at,
        result=sources.result,
        paths=tuple(p for p in paths if p),
        traffic=sources.traffic,
        split=_try(sources, "who answered", lambda: answered_by(sources)) or Split(),
        drift=tuple(w for w in drift if w),
        gates=tuple(g for g in gates if g),
        approvals=tuple(_try(sources, "the registry", lambda: words(sources)) or ()),
        iam_enforced=bool(audit.get("enforced")),
        calls=tuple(by_principal(audit.get("calls", []))),
        missing=tuple(sources.missing),
    )


def _try(sources: Sources, what: str, look: Callable[[], T]) -> T | None:
    try:
        return look()
    except Exception as error:
        sources.missing.append(f"{what}: {type(error).__name__}: {error}"[:300])
        return None


def execution_path(states: Any, title: str, arn: str) -> Path:
    """One execution with its machine's definition and its whole history."""
    told = states.describe_execution(executionArn=arn)
    machine = states.describe_state_machine(stateMachineArn=told["stateMachineArn"])
    history: list[Mapping[str, Any]] = []
    token: dict[str, str] = {}
    while True:
        page = states.get_execution_history(executionArn=arn, maxResults=1000, **token)
        history += page["events"]
        if not page.get("nextToken"):
            break
        token = {"nextToken": page["nextToken"]}
    drawn, edges = graph(json.loads(machine["definition"]), history)
    return Path(title, told.get("name", arn.rsplit(":", 1)[-1]), told["status"], told.get("cause", ""), drawn, edges)


def gate_table(states: Any, title: str, arn: str) -> GateTable | None:
    """The gates of a training that came so far."""
    output = json.loads(states.describe_execution(executionArn=arn).get("output") or "{}")
    rows = output.get("gate_rows") or []
    return GateTable(title, str(output.get("outcome", "")), tuple(rows)) if rows else None


def window(s3: Any, name: str, uri: str) -> DriftWindow:
    """A monitor run's report.json."""
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    report = json.loads(s3.get_object(Bucket=bucket, Key=f"{prefix}report.json")["Body"].read())
    features = {
        feature: (figures.get("distance"), figures.get("threshold")) for feature, figures in report["features"].items()
    }
    return DriftWindow(name, int(report["records"]), features)


def words(sources: Sources) -> list[Approval]:
    """Every word that was kept on a version, else the registry's last one; oldest version first."""
    sagemaker = sources.client("sagemaker")
    found = sagemaker.list_model_packages(ModelPackageGroupName=sources.model, MaxResults=100)[
        "ModelPackageSummaryList"
    ]
    out = []
    for one in sorted(found, key=lambda p: p["ModelPackageVersion"]):
        if kept := [w for w in sources.words if w.version == one["ModelPackageVersion"]]:
            out += kept
            continue
        package = sagemaker.describe_model_package(ModelPackageName=one["ModelPackageArn"])
        said = read_approval(package.get("ApprovalDescription", ""))
        status = str(package.get("ModelApprovalStatus", ""))
        out.append(Approval(one["ModelPackageVersion"], status, said["who"], said["when"], said["reason"]))
    return out


def answered_by(sources: Sources) -> Split:
    """Invocations and errors of each config, from the endpoint's own metrics."""
    if not sources.releases:
        return Split()
    begin = min(float(r["started_at"]) for r in sources.releases)
    start = datetime.fromtimestamp(begin // MINUTE * MINUTE, UTC)
    minutes = min(MOST_MINUTES, int((max(float(r["ended_at"]) for r in sources.releases) - begin) // MINUTE) + 3)
    configs = list(
        dict.fromkeys(str(r["config"]) for r in sorted(sources.releases, key=lambda r: float(r["started_at"])))
    )
    wanted = ("Invocations", "Invocation4XXErrors", "Invocation5XXErrors")
    queries = [
        {
            "Id": f"q{c}m{m}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/SageMaker",
                    "MetricName": metric,
                    "Dimensions": _dimensions(sources, config),
                },
                "Period": MINUTE,
                "Stat": "Sum",
            },
        }
        for c, config in enumerate(configs)
        for m, metric in enumerate(wanted)
    ]
    end = start + timedelta(minutes=minutes)
    results = sources.client("cloudwatch").get_metric_data(MetricDataQueries=queries, StartTime=start, EndTime=end)
    series = {r["Id"]: _series(r, start, minutes) for r in results["MetricDataResults"]}
    empty = (0.0,) * minutes
    invocations = {config: series.get(f"q{c}m0", empty) for c, config in enumerate(configs)}
    errors = {
        config: tuple(a + b for a, b in zip(series.get(f"q{c}m1", empty), series.get(f"q{c}m2", empty), strict=True))
        for c, config in enumerate(configs)
    }
    return Split(start.strftime("%Y-%m-%d %H:%M"), tuple(range(minutes)), invocations, errors)


def _dimensions(sources: Sources, config: str) -> list[dict[str, str]]:
    values = {"EndpointName": sources.endpoint, "VariantName": sources.variant, "EndpointConfigName": config}
    return [{"Name": name, "Value": value} for name, value in values.items()]


def _series(result: Mapping[str, Any], start: datetime, minutes: int) -> tuple[float, ...]:
    values = [0.0] * minutes
    for at, value in zip(result["Timestamps"], result["Values"], strict=True):
        place = int((at.astimezone(UTC) - start).total_seconds() // MINUTE)
        if 0 <= place < minutes:
            values[place] += float(value)
    return tuple(values)


def by_principal(calls: Sequence[Mapping[str, Any]]) -> list[Calls]:
    """Decisions counted by principal and action, those with a denial first."""
    counts: Counter[tuple[str, str, str]] = Counter(
        (_short(str(c["principal"])), str(c["action"]), str(c["decision"])) for c in calls
    )
    pairs = sorted({(principal, action) for principal, action, _ in counts})
    rows = [Calls(p, a, counts[p, a, "allowed"], counts[p, a, "denied"]) for p, a in pairs]
    return sorted(rows, key=lambda row: (row.denied == 0, row.principal, row.action))


def _short(principal: str) -> str:
    """A role's own name: the session of a role matters to nobody here."""
    tail = principal.rsplit(":", 1)[-1]
    parts = tail.split("/")
    return parts[1] if parts[0] in {"assumed-role", "role"} and len(parts) > 1 else tail
