"""The record of calls stays within its bounds, and its counts stay exact."""

import json
from pathlib import Path

from rehearsal.audit import Audit, entity
from rehearsal.clock import Clock

ROLE = "arn:aws:sts::111122223333:assumed-role/worker/run"


def test_the_file_is_turned_over_and_nothing_is_cut(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.jsonl", Clock(), file_bytes=4000)
    for number in range(100):
        audit.record(ROLE, "s3:GetObject", f"arn:aws:s3:::b/{number}", allowed=number % 2 == 0)
    audit.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["audit.jsonl", "audit.jsonl.1"]
    assert all(file.stat().st_size <= 4000 for file in files)
    kept = [json.loads(line)["resource"] for file in reversed(files) for line in file.read_text().splitlines()]
    assert kept == [f"arn:aws:s3:::b/{number}" for number in range(100 - len(kept), 100)]
    assert (audit.allowed, audit.denied, len(audit.summary()["calls"])) == (50, 50, 100)


def test_calls_are_found_by_principal_action_and_decision(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.jsonl", Clock())
    audit.record(ROLE, "s3:GetObject", "arn:aws:s3:::b/k", allowed=True)
    audit.record(ROLE, "s3:PutObject", "arn:aws:s3:::b/k", allowed=False)
    audit.record("events.amazonaws.com", "sqs:SendMessage", "arn:aws:sqs:::q", allowed=True)
    audit.record("arn:aws:iam::111122223333:root", "iam:CreateRole", "*", allowed=True, operator=True)
    assert [call["action"] for call in audit.calls(principal="worker")] == ["s3:GetObject", "s3:PutObject"]
    assert [call["action"] for call in audit.calls(decision="allowed", last=1)] == ["sqs:SendMessage"]
    assert [call["action"] for call in audit.calls(action="createrole")] == []
    assert [call["action"] for call in audit.calls(action="createrole", operator=True)] == ["iam:CreateRole"]
    assert (audit.allowed, audit.denied) == (2, 1)  # the operator's are not counted
    assert audit.used() == {entity(ROLE): {"s3:GetObject": 1}, "events.amazonaws.com": {"sqs:SendMessage": 1}}
    audit.close()


def test_a_file_that_cannot_be_written_stops_no_call(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.jsonl", Clock())
    audit.close()
    audit.record(ROLE, "s3:GetObject", "arn:aws:s3:::b/k", allowed=True)
    assert audit.file_error
    assert audit.allowed == 1
