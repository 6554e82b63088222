"""What is known of stacks' service roles survives a restart."""

import json
from pathlib import Path

from rehearsal.audit import Audit
from rehearsal.authority import Authority
from rehearsal.clock import Clock
from rehearsal.iam.requestkeys import Asked
from rehearsal.iam.stackroles import StackRoles

ACCOUNT, REGION = "111122223333", "eu-west-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/exec"


def asked(**query: str) -> Asked:
    return Asked(
        "cloudformation", "POST", "/", {}, b"", {name: [value] for name, value in query.items()}, REGION, ACCOUNT
    )


def test_roles_are_learned_from_requests_and_kept(tmp_path: Path) -> None:
    roles = StackRoles(Authority(Audit(tmp_path / "audit.jsonl", Clock())))
    arn = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/Second/uuid"
    roles.learn(asked(Action="CreateChangeSet", StackName="First", RoleARN=ROLE))
    roles.learn(asked(Action="UpdateStack", StackName=arn, RoleARN=ROLE))
    roles.learn(asked(Action="CreateStack", StackName="Third"))
    roles.learn(asked(Action="DescribeStacks", StackName="Fourth", RoleARN=ROLE))
    kept = json.loads(json.dumps(roles.snapshot()))
    assert [row[2] for row in kept] == ["First", "Second"]
    again = StackRoles(Authority(Audit(tmp_path / "again.jsonl", Clock())))
    again.resume(kept)
    assert again.snapshot() == kept
