"""Facts from AWS answers; what cannot be had is said."""

import io
import json
from datetime import UTC, datetime
from typing import Any

from slipway.report.collect import Sources, by_principal, collect
from slipway.report.facts import Approval, Calls

START = datetime(2026, 11, 21, 5, 0, tzinfo=UTC).timestamp()
MACHINE = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}


class Aws:
    """Every service the collector asks, in one."""

    def describe_execution(self, executionArn: str) -> dict[str, Any]:
        if executionArn == "gone":
            raise LookupError("ExecutionDoesNotExist")
        rows = [{"gate": "absolute", "metric": "auc", "passed": True}]
        output = json.dumps({"outcome": "registered", "gate_rows": rows})
        return {"stateMachineArn": "m", "status": "SUCCEEDED", "name": executionArn, "output": output}

    def describe_state_machine(self, **_: str) -> dict[str, Any]:
        return {"definition": json.dumps(MACHINE)}

    def get_execution_history(self, nextToken: str = "", **_: Any) -> dict[str, Any]:
        if not nextToken:
            return {"events": [{"id": 1, "type": "ExecutionStarted"}], "nextToken": "more"}
        entered = {"id": 2, "previousEventId": 1, "type": "PassStateEntered", "stateEnteredEventDetails": {"name": "A"}}
        return {"events": [entered]}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        assert (Bucket, Key) == ("reports", "m/report.json")
        features = {"temp": {"distance": 0.4, "threshold": 0.1, "completeness": 1.0}}
        return {"Body": io.BytesIO(json.dumps({"records": 600, "features": features}).encode())}

    def list_model_packages(self, **_: Any) -> dict[str, Any]:
        return {"ModelPackageSummaryList": [{"ModelPackageVersion": n, "ModelPackageArn": f"p/{n}"} for n in (2, 1)]}

    def describe_model_package(self, ModelPackageName: str) -> dict[str, Any]:
        if ModelPackageName == "p/2":
            return {"ModelApprovalStatus": "PendingManualApproval"}
        told = "good | by arn:aws:iam::1:root at 2026-11-21T05:00:00Z"
        return {"ModelApprovalStatus": "Approved", "ApprovalDescription": told}

    def get_metric_data(self, MetricDataQueries: list[dict[str, Any]], StartTime: datetime, **_: Any) -> dict[str, Any]:
        out = []
        for query in MetricDataQueries:
            metric = query["MetricStat"]["Metric"]
            names = {d["Name"]: d["Value"] for d in metric["Dimensions"]}
            assert set(names) == {"EndpointName", "VariantName", "EndpointConfigName"}
            wanted = metric["MetricName"] == "Invocations" or names["EndpointConfigName"] == "c3"
            out.append(
                {"Id": query["Id"], "Timestamps": [StartTime] if wanted else [], "Values": [5.0] if wanted else []}
            )
        return {"MetricDataResults": out}


def sources(**more: Any) -> Sources:
    given: dict[str, Any] = {
        "client": lambda _: Aws(),
        "audit": lambda: {"enforced": True, "calls": []},
        "model": "m",
        "environment": "dev",
        "endpoint": "m-dev",
        "variant": "main",
        "result": {},
        "written_at": "now",
        "executions": [("Training", "e1"), ("Lost", "gone")],
        "trainings": [("Training", "e1")],
        "releases": [
            {"config": "c2", "started_at": START, "ended_at": START + 60},
            {"config": "c3", "started_at": START + 90, "ended_at": START + 150},
        ],
        "windows": [("April", "s3://reports/m/")],
    }
    return Sources(**{**given, **more})


def test_collects_everything_and_says_what_is_missing() -> None:
    facts = collect(sources())
    assert [p.title for p in facts.paths] == ["Training"]
    assert facts.paths[0].states[0].visited == 1, "the second page of the history is read"
    assert facts.missing == ("Lost: LookupError: ExecutionDoesNotExist",)
    assert facts.gates[0].outcome == "registered"
    assert facts.drift[0].features == {"temp": (0.4, 0.1)}
    assert [(a.version, a.status, a.reason) for a in facts.approvals] == [
        (1, "Approved", "good"),
        (2, "PendingManualApproval", ""),
    ]
    assert facts.approvals[0].who == "arn:aws:iam::1:root"


def test_an_approval_is_not_lost_behind_a_later_rejection() -> None:
    said = [Approval(1, word, "arn:aws:iam::1:user/op", "now", word.lower()) for word in ("Approved", "Rejected")]
    facts = collect(sources(words=said))
    assert [(a.version, a.status) for a in facts.approvals] == [
        (1, "Approved"),
        (1, "Rejected"),
        (2, "PendingManualApproval"),
    ]


def test_each_config_has_its_series() -> None:
    split = collect(sources()).split
    assert list(split.invocations) == ["c2", "c3"]
    assert len(split.minutes) == 5
    assert split.invocations["c2"] == (5.0, 0, 0, 0, 0)
    assert split.errors["c2"] == (0.0,) * 5
    assert split.errors["c3"][0] == 10.0, "4XX and 5XX together"


def test_without_releases_there_is_no_split() -> None:
    assert collect(sources(releases=[])).split.invocations == {}


def test_a_dead_cloud_still_gives_a_report() -> None:
    def dead() -> dict[str, Any]:
        raise ConnectionError("refused")

    facts = collect(sources(audit=dead))
    assert not facts.iam_enforced
    assert any(line.startswith("the audit: ConnectionError") for line in facts.missing)


def test_decisions_are_counted_by_role_and_action_denied_first() -> None:
    def call(principal: str, action: str, decision: str) -> dict[str, str]:
        return {"principal": principal, "action": action, "decision": decision}

    role = "arn:aws:sts::1:assumed-role/Train-Role/session-1"
    calls = [
        call(role, "s3:GetObject", "allowed"),
        call(role.replace("session-1", "session-2"), "s3:GetObject", "allowed"),
        call("arn:aws:iam::1:role/Other", "s3:PutObject", "denied"),
        call("arn:aws:iam::1:root", "s3:PutObject", "allowed"),
    ]
    assert by_principal(calls) == [
        Calls("Other", "s3:PutObject", 0, 1),
        Calls("Train-Role", "s3:GetObject", 2, 0),
        Calls("root", "s3:PutObject", 1, 0),
    ]
