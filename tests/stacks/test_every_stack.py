"""What holds for every template, whatever is in it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.json import JSONSnapshotExtension

STATEFUL = {
    "AWS::S3::Bucket",
    "AWS::KMS::Key",
    "AWS::DynamoDB::Table",
    "AWS::ECR::Repository",
}
STACKS = [
    "Foundation",
    "Registry",
    "Training-FlightDelays",
    "Release-FlightDelays",
    "Monitoring-FlightDelays",
    "Toolchain",
]


def test_the_expected_stacks_are_there(templates: dict[str, Any]) -> None:
    assert sorted(templates) == sorted([*(f"slipway-Dev-{s}" for s in STACKS[:-1]), "slipway-Toolchain"])


@pytest.mark.parametrize("stack", STACKS)
def test_matches_its_snapshot(stack: str, template: Any, snapshot: SnapshotAssertion) -> None:
    """Asset hashes change with every byte of a handler: they are replaced by a word."""
    text = json.dumps(template(stack).body)
    for hash_ in _hashes(template(stack).body):
        text = text.replace(hash_, "<asset>")
    # CDK Pipelines adds a short hash of the destination, which changes with every byte as well.
    text = re.sub(r"(<asset>:\d{12}-[a-z0-9-]+)-[0-9a-f]{8}", r"\1-<hash>", text)
    assert _in_order(json.loads(text)) == snapshot(extension_class=JSONSnapshotExtension)


def _in_order(value: Any) -> Any:
    """CDK Pipelines publishes assets in the order of their hashes, which is not the app's doing."""
    if isinstance(value, dict):
        return {k: _in_order(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_in_order(v) for v in value]
    if isinstance(value, str) and "cdk-assets --path" in value:
        build = json.loads(value)
        build["phases"]["build"]["commands"].sort()
        return json.dumps(build)
    return value


def _hashes(value: Any) -> set[str]:
    return set(re.findall(r"\b[0-9a-f]{64}\b", json.dumps(value)))


@pytest.mark.parametrize("stack", STACKS)
def test_no_policy_allows_everything(stack: str, template: Any) -> None:
    for statement in template(stack).statements():
        if statement["Effect"] == "Allow":
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not [a for a in actions if a == "*" or a.endswith(":*")], statement


@pytest.mark.parametrize("stack", STACKS)
def test_no_aws_managed_policy(stack: str, template: Any) -> None:
    for name, role in template(stack).of("AWS::IAM::Role").items():
        assert "ManagedPolicyArns" not in role["Properties"], name


@pytest.mark.parametrize("stack", STACKS)
def test_pass_role_names_its_roles_and_the_service(stack: str, template: Any) -> None:
    """A role passed to any service is an escalation (S10)."""
    for statement in template(stack).statements():
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        if "iam:PassRole" in actions and statement["Effect"] == "Allow":
            assert statement["Resource"] != "*"
            assert "iam:PassedToService" in json.dumps(statement.get("Condition", {})), statement


@pytest.mark.parametrize("stack", STACKS)
def test_what_cdk_may_replace_has_no_fixed_name(stack: str, template: Any) -> None:
    """A fixed name on a replaceable type makes its replacement fail with a name clash (F03)."""
    # The group's name is the registry's contract; an inline policy is part of its role and must have a name.
    allowed = {"AWS::SageMaker::ModelPackageGroup", "AWS::IAM::Policy"}
    for name, resource in template(stack).body["Resources"].items():
        if resource["Type"] in allowed or resource["Type"].startswith("Custom::"):
            continue
        for key, value in resource.get("Properties", {}).items():
            kind = resource["Type"].rsplit("::", 1)[-1]
            named = key in {
                f"{kind}Name",
                "Name",
                "TableName",
                "BucketName",
                "TopicName",
                "QueueName",
                "AlarmName",
                "FunctionName",
                "RoleName",
            }
            assert not (named and isinstance(value, str)), f"{name}: {key} = {value!r}"


@pytest.mark.parametrize("stack", STACKS)
def test_nothing_is_written_in_plain_to_a_log_group_queue_or_topic(stack: str, template: Any) -> None:
    found = template(stack)
    for type_, key in {
        "AWS::Logs::LogGroup": "KmsKeyId",
        "AWS::SQS::Queue": "KmsMasterKeyId",
        "AWS::SNS::Topic": "KmsMasterKeyId",
    }.items():
        for name, resource in found.of(type_).items():
            assert key in resource["Properties"], f"{name} has no {key}"


@pytest.mark.parametrize("stack", STACKS)
def test_every_rule_and_schedule_has_a_dead_letter_queue(stack: str, template: Any) -> None:
    if stack == "Toolchain":
        pytest.skip("the pipeline's own source trigger is written by CDK Pipelines")
    found = template(stack)
    for name, rule in found.of("AWS::Events::Rule").items():
        assert all("DeadLetterConfig" in t for t in rule["Properties"]["Targets"]), name
    for name, schedule in found.of("AWS::Scheduler::Schedule").items():
        assert "DeadLetterConfig" in schedule["Properties"]["Target"], name


@pytest.mark.parametrize("stack", STACKS)
def test_stateful_resources_say_what_becomes_of_them(stack: str, template: Any) -> None:
    for type_ in STATEFUL:
        for name, resource in template(stack).of(type_).items():
            assert resource.get("DeletionPolicy") in {"Retain", "Delete"}, name


def test_synth_reports_no_policy_finding(assembly: Path) -> None:
    """`make synth` fails on one; this says which, and that the checks ran at all."""
    report = json.loads((assembly / "validation-report.json").read_text(encoding="utf-8"))
    plugins = {p["pluginName"]: p for p in report["pluginReports"]}
    assert [v["ruleName"] for p in plugins.values() for v in p.get("violations", [])] == []
    accepted = [v for p in plugins.values() for v in p.get("suppressedViolations", [])]
    assert accepted, "no accepted finding at all: the checks did not run"
