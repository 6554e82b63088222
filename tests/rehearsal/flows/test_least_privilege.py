"""Every action tried here is needed: without it the run that uses it fails, and says which permission is missing."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

pytestmark = pytest.mark.rehearsal

TRAINING = [
    ("TrainingWorkflowMachineRole", "sagemaker:CreateTrainingJob"),
    ("TrainingWorkflowMachineRole", "sagemaker:CreateModelPackage"),
    ("TrainingWorkflowMachineRole", "iam:PassRole"),
    ("TrainingWorkflowMachineRole", "ecr:DescribeImages"),
    ("TrainingDataCheckRole", "s3:PutObject"),
    ("TrainingDataJobRole", "s3:GetObject"),
    ("TrainingTrainerRole", "s3:PutObject"),
    ("TrainingArtefactInspectionRole", "s3:GetObject"),
    ("TrainingGateKeeperRole", "s3:PutObject"),
]
RELEASE = [
    ("WorkflowReleaseMachineRole", "sagemaker:UpdateEndpoint"),
    ("WorkflowReleaseMachineRole", "dynamodb:PutItem"),
    ("WorkflowReleaseMachineRole", "dynamodb:UpdateItem"),
    ("WorkflowHostingRole", "s3:GetObject"),
    ("WorkflowStagesPreflightRole", "cloudwatch:DescribeAlarms"),
    ("WorkflowStagesVerifyRole", "sagemaker:DescribeEndpoint"),
    ("WorkflowStagesSmokeRole", "sagemaker:InvokeEndpoint"),
]
MONITORING = [
    ("DataQualityCaptureFinderRole", "s3:ListBucket"),
    ("DataQualityJobRole", "s3:GetObject"),
    ("DataQualityRetrainingDecisionRole", "s3:GetObject"),
    ("DataQualityWorkflowMachineRole", "cloudwatch:PutMetricData"),
]


@contextmanager
def without(app: Any, role: str, action: str) -> Iterator[str]:
    """The deployed role without one action; yields its name. Restored afterwards."""
    iam = app.client("iam")
    name = _physical(app, role)
    kept = {p: iam.get_role_policy(RoleName=name, PolicyName=p)["PolicyDocument"] for p in _policies(iam, name)}
    taken = 0
    for policy, document in kept.items():
        changed = copy.deepcopy(document)
        for statement in changed["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            taken += statement["Effect"] == "Allow" and action in actions
            if statement["Effect"] == "Allow":
                statement["Action"] = [a for a in actions if a != action] or ["sts:GetCallerIdentity"]
        iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(changed))
    assert taken, f"{name} has no {action}"
    try:
        yield name
    finally:
        for policy, document in kept.items():
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))


def _physical(app: Any, logical: str) -> str:
    cloudformation = app.client("cloudformation")
    found: list[str] = [
        r["PhysicalResourceId"]
        for s in cloudformation.describe_stacks()["Stacks"]
        for r in cloudformation.describe_stack_resources(StackName=s["StackName"])["StackResources"]
        if r["ResourceType"] == "AWS::IAM::Role" and r["LogicalResourceId"][:-8] == logical
    ]
    (name,) = found
    return name


def _policies(iam: Any, role: str) -> list[str]:
    names: list[str] = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return names


def assert_denied(app: Any, role: str, action: str) -> None:
    """The audit names the role and the action."""
    denied = [c for c in app.cloud.audit()["calls"] if c["decision"] != "allowed"]
    assert any(role in c["principal"] and c["action"] == action for c in denied), denied[-3:]


@pytest.mark.parametrize(("role", "action"), TRAINING)
def test_training_needs(app: Any, role: str, action: str) -> None:
    with without(app, role, action) as name:
        ended = app.run("TrainMachine", {"trigger": "manual", "reason": f"without {action}"})
    assert ended.status == "FAILED"
    assert_denied(app, name, action)


@pytest.mark.fault("D09")
@pytest.mark.parametrize(("role", "action"), RELEASE)
def test_a_release_needs(app: Any, hand_register: Callable[..., str], role: str, action: str) -> None:
    before = app.endpoint()["EndpointConfigName"]
    known = app.known("ReleaseMachine")
    arn = hand_register()
    with without(app, role, action) as name:
        app.approve(arn)
        (ended,) = app.ends_since("ReleaseMachine", known)
    assert ended.status == "FAILED"
    assert_denied(app, name, action)
    # and what was live stays live, or is live again once the permission is back
    app.run("ReleaseMachine", {"trigger": "reconcile"})
    assert app.endpoint()["EndpointStatus"] == "InService"
    assert before in {
        c["EndpointConfigName"]
        for c in app.client("sagemaker").list_endpoint_configs(MaxResults=100)["EndpointConfigs"]
    }


@pytest.mark.parametrize(("role", "action"), MONITORING)
def test_monitoring_needs(app: Any, role: str, action: str, monitored_hour: dict[str, str]) -> None:
    with without(app, role, action) as name:
        ended = app.run("MonitorMachine", monitored_hour)
    assert ended.status == "FAILED" or ended.output["outcome"] == "finding"
    assert_denied(app, name, action)


def test_a_good_run_is_never_denied(app: Any, hand_register: Callable[..., str]) -> None:
    before = app.cloud.audit()["denied"]
    assert app.run("TrainMachine", {"trigger": "manual", "reason": "good"}).status == "SUCCEEDED"
    known = app.known("ReleaseMachine")
    app.approve(hand_register())
    (ended,) = app.ends_since("ReleaseMachine", known)
    assert ended.status == "SUCCEEDED", ended.cause
    audit = app.cloud.audit()
    assert audit["enforced"] is True
    assert audit["denied"] == before, [c for c in audit["calls"] if c["decision"] != "allowed"][-3:]


def test_a_release_that_aims_alarms_needs(
    app: Any, declared: Callable[..., None], hand_register: Callable[..., str]
) -> None:
    """The role is there only where alarms watch the new fleet alone."""
    declared(("    server_errors:", "    new_fleet_only: true\n    server_errors:"))
    before, known, arn = app.endpoint()["EndpointConfigName"], app.known("ReleaseMachine"), hand_register()
    with without(app, "WorkflowStagesAimRole", "cloudwatch:PutMetricAlarm") as name:
        app.approve(arn)
        (ended,) = app.ends_since("ReleaseMachine", known)
    assert ended.error == "ReleaseRefused"
    assert_denied(app, name, "cloudwatch:PutMetricAlarm")
    assert app.endpoint()["EndpointConfigName"] == before
