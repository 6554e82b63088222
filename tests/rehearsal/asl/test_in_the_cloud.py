"""The interpreter behind the real API: roles, versions, refusals, and a cloud that is killed in the middle."""

import contextlib
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.cloud import Cloud

pytestmark = pytest.mark.rehearsal
PASS = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
WAIT = {
    "StartAt": "A",
    "States": {"A": {"Type": "Pass", "Assign": {"x.$": "$.n"}, "Next": "W"},
               "W": {"Type": "Wait", "Seconds": 86_400, "Next": "B"},
               "B": {"Type": "Pass", "Parameters": {"x.$": "$x"}, "End": True}},
}  # fmt: skip


class Account:
    """A cloud and what the tests make in it."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.sfn, self.iam = cloud, cloud.client("stepfunctions"), cloud.client("iam")

    def role(self, name: str, actions: list[str], *, trusted: str | None = None) -> str:
        principal = {"AWS": trusted} if trusted else {"Service": "states.amazonaws.com"}
        trust = {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
        arn = self.iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        allow = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
        self.iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(allow))
        return str(arn)

    def machine(self, name: str, role: str, definition: dict[str, Any], **more: Any) -> str:
        made = self.sfn.create_state_machine(name=name, roleArn=role, definition=json.dumps(definition), **more)
        return str(made["stateMachineArn"])

    def run(self, machine: str, given: Any = None) -> dict[str, Any]:
        started = self.sfn.start_execution(stateMachineArn=machine, input=json.dumps(given or {}))
        return self.ended(started["executionArn"])

    def ended(self, arn: str) -> dict[str, Any]:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            told: dict[str, Any] = self.sfn.describe_execution(executionArn=arn)
            if told["status"] != "RUNNING":
                return told
            time.sleep(0.02)
        raise AssertionError("the execution runs on")


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with Cloud.start(tmp_path_factory.mktemp("asl"), speed=1) as cloud:
        yield Account(cloud)


def refused(call: Callable[..., Any], **arguments: Any) -> str:
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return str(error.value.response["Error"]["Code"])


def test_a_task_acts_with_its_credentials(account: Account) -> None:
    machine_role = account.role("plain", ["sts:AssumeRole"])
    good = account.role("good", ["sqs:ListQueues"], trusted=machine_role)
    strange = account.role("strange", ["sqs:ListQueues"])

    def run(name: str, **fields: Any) -> dict[str, Any]:
        task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:listQueues", "Parameters": {}, **fields}
        definition = {"StartAt": "T", "States": {"T": {**task, "End": True}}}
        return account.run(account.machine(name, machine_role, definition), {"role": good})

    assert run("with", Credentials={"RoleArn.$": "$.role"})["status"] == "SUCCEEDED"
    without = run("without")
    assert (without["error"], "sqs:listqueues" in without["cause"].lower()) == ("Sqs.AccessDeniedException", True)
    assert run("stranger", Credentials={"RoleArn": strange})["error"] == "States.Permissions"


def test_an_execution_ends_on_the_definition_it_began_with(account: Account) -> None:
    role = account.role("versions", ["s3:*"])
    machine = account.machine("versions", role, WAIT, publish=True)
    arn = account.sfn.start_execution(stateMachineArn=f"{machine}:1", input='{"n": 5}')["executionArn"]
    account.sfn.update_state_machine(stateMachineArn=machine, definition=json.dumps(PASS))
    account.cloud.clock.advance(86_500)
    told = account.ended(arn)
    assert (told["output"], told["stateMachineVersionArn"]) == ('{"x":5}', f"{machine}:1")
    assert account.run(machine, {"n": 1})["output"] == '{"n":1}'
    kept = account.sfn.describe_state_machine_for_execution(executionArn=arn)
    assert json.loads(kept["definition"]) == WAIT


def test_express_machines_answer_at_once_and_keep_no_history(account: Account) -> None:
    machine = account.machine("express", account.role("express", ["s3:*"]), PASS, type="EXPRESS")
    told = account.sfn.start_sync_execution(stateMachineArn=machine, input='{"n": 1}')
    assert (told["status"], told["output"]) == ("SUCCEEDED", '{"n":1}')
    assert refused(account.sfn.get_execution_history, executionArn=told["executionArn"]) == "InvalidArn"
    assert refused(account.sfn.list_executions, stateMachineArn=machine) == "StateMachineTypeNotSupported"
    standard = account.machine("standard", account.role("standard", ["s3:*"]), PASS)
    assert refused(account.sfn.start_sync_execution, stateMachineArn=standard) == "StateMachineTypeNotSupported"


@pytest.mark.fault("D13")
def test_a_lost_answer_is_asked_for_again_and_starts_nothing_twice(account: Account) -> None:
    machine = account.machine("lost", account.role("lost", ["s3:*"]), WAIT)
    account.cloud.fault("D13", machine="lost")
    try:
        # The client itself repeats a request that was answered with 500; the name and input are the same.
        started = account.sfn.start_execution(stateMachineArn=machine, name="once", input='{"n": 1}')
    finally:
        account.cloud.clear_faults()
    assert [e["name"] for e in account.sfn.list_executions(stateMachineArn=machine)["executions"]] == ["once"]
    start = account.sfn.start_execution
    assert refused(start, stateMachineArn=machine, name="once", input='{"n": 2}') == "ExecutionAlreadyExists"
    account.sfn.stop_execution(executionArn=started["executionArn"])
    assert refused(start, stateMachineArn=machine, name="once", input='{"n": 1}') == "ExecutionAlreadyExists"


def test_a_bad_definition_in_a_template_fails_the_stack(account: Account) -> None:
    role = account.role("stack", ["s3:*"])
    properties = {"RoleArn": role, "DefinitionString": '{"StartAt":"A","States":{"A":{"Type":"Pass"}}}'}
    template = {"Resources": {"M": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}}
    cloudformation = account.cloud.client("cloudformation")
    cloudformation.create_stack(StackName="bad", TemplateBody=json.dumps(template))
    deadline = time.monotonic() + 10
    while "IN_PROGRESS" in cloudformation.describe_stacks(StackName="bad")["Stacks"][0]["StackStatus"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    reasons = [
        e.get("ResourceStatusReason", "") for e in cloudformation.describe_stack_events(StackName="bad")["StackEvents"]
    ]
    assert any("Exactly one of the fields 'Next' and 'End'" in reason for reason in reasons), reasons


def test_a_definition_can_be_validated_and_a_state_tried(account: Account) -> None:
    role = account.role("try", ["sqs:ListQueues"])
    bad = {"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}
    told = account.sfn.validate_state_machine_definition(definition=json.dumps(bad))
    assert (told["result"], told["diagnostics"][0]["code"]) == ("FAIL", "MISSING_TRANSITION_TARGET")
    assert account.sfn.validate_state_machine_definition(definition=json.dumps(PASS))["result"] == "OK"
    test = account.sfn.test_state
    choice = {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "One"}], "Default": "Other"}
    assert test(definition=json.dumps(choice), roleArn=role, input='{"n": 1}')["nextState"] == "One"
    task = {"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sqs:listTopics", "Parameters": {}, "End": True}
    assert test(definition=json.dumps(task), roleArn=role)["status"] == "FAILED"
    caught = {**task, "Catch": [{"ErrorEquals": ["Sns.AccessDeniedException"], "Next": "Sorry"}]}
    caught["Resource"] = "arn:aws:states:::aws-sdk:sns:listTopics"
    told = test(definition=json.dumps(caught), roleArn=role)
    assert (told["status"], told["nextState"]) == ("CAUGHT_ERROR", "Sorry")


@pytest.mark.fault("H01")
def test_executions_go_on_after_the_cloud_was_killed(tmp_path: Path) -> None:
    first = Account(Cloud.start(tmp_path, keep=True, speed=1))
    machine = first.machine("kept", first.role("kept", ["s3:*"]), WAIT)
    arn = first.sfn.start_execution(stateMachineArn=machine, input='{"n": 7}')["executionArn"]
    deadline = time.monotonic() + 10
    while "WaitStateEntered" not in {e["type"] for e in first.sfn.get_execution_history(executionArn=arn)["events"]}:
        assert time.monotonic() < deadline
    first.iam.create_role(RoleName="last", AssumeRolePolicyDocument='{"Statement":[]}')  # its answer is a kept state
    os.killpg(first.cloud.pid, signal.SIGKILL)
    assert first.cloud._process is not None
    first.cloud._process.wait()
    second = Account(Cloud.start(tmp_path, keep=True, speed=1))
    try:
        assert second.sfn.describe_execution(executionArn=arn)["status"] == "RUNNING"
        second.cloud.clock.advance(86_500)
        told = second.ended(arn)
        assert (told["status"], told["output"]) == ("SUCCEEDED", '{"x":7}')
        types = [e["type"] for e in second.sfn.get_execution_history(executionArn=arn)["events"]]
        assert types.count("ExecutionStarted") == types.count("WaitStateEntered") == types.count("WaitStateExited") == 1
    finally:
        with contextlib.suppress(OSError):
            second.cloud.stop()
