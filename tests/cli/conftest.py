"""A checkout to stand in, and an AWS that answers from memory with boto3's own exceptions."""

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from slipway.cli import app
from slipway.config.loader import Declarations, load
from slipway.operations.where import Where

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
Answer = Any


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "platform.yaml", tmp_path)
    shutil.copytree(ROOT / "models", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    return tmp_path


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Call the command line in this process: exit code, stdout, stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["slipway", *arguments])
        code = app.run()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.out + printed.err
        return code, printed.out, printed.err

    return run


@pytest.fixture
def declared(root: Path) -> Declarations:
    return load(root)


class FakeAws:
    """Answers `(service, operation)` with a value or a function's result; remembers every call."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], Answer] = {}
        self.calls: list[tuple[str, str, dict[str, Any]]] = []

    def client(self, service: str, /) -> Any:
        aws = self

        class Client:
            def __getattr__(self, operation: str) -> Callable[..., Any]:
                def call(**arguments: Any) -> Any:
                    aws.calls.append((service, operation, arguments))
                    answer = aws.answers[service, operation]
                    answer = answer(**arguments) if callable(answer) else answer
                    if isinstance(answer, Exception):
                        raise answer
                    return answer

                return call

        return Client()

    def called(self, operation: str) -> list[dict[str, Any]]:
        return [arguments for _, name, arguments in self.calls if name == operation]


def error(code: str, message: str, operation: str = "Operation") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


@pytest.fixture
def refusal() -> Callable[..., ClientError]:
    return error


@pytest.fixture
def aws() -> FakeAws:
    """One environment, all stacks deployed, v2 live, v3 waiting, all well."""
    fake = FakeAws()
    stacks = {
        "slipway-Dev-Foundation": {
            "LedgerTable": "ledger", "DataBucket": "data", "ArtefactBucket": "artefacts", "CaptureBucket": "capture",
            "ReportBucket": "reports", "Topic": "arn:topic",
        },
        "slipway-Dev-Training-FlightDelays": {"TrainMachine": "arn:train"},
        "slipway-Dev-Release-FlightDelays": {"ReleaseMachine": "arn:release", "EndpointName": "flight-delays-dev"},
        "slipway-Dev-Monitoring-FlightDelays": {"MonitorMachine": "arn:monitor", "MonitorSchedule": "hourly"},
    }  # fmt: skip

    def describe_stacks(StackName: str) -> Any:
        if StackName not in stacks:
            return error("ValidationError", f"Stack with id {StackName} does not exist", "DescribeStacks")
        outputs = [{"OutputKey": k, "OutputValue": v} for k, v in stacks[StackName].items()]
        return {"Stacks": [{"StackName": StackName, "Outputs": [*outputs, {"OutputKey": "Other", "OutputValue": "x"}]}]}

    def get_item(TableName: str, Key: dict[str, Any], **_: Any) -> Any:
        assert TableName == "ledger"
        item = {"version": {"N": "2"}, "config": {"S": "flight-delays-dev-v2-abcd"}, "released_at": {"N": "1795243730"}}
        return {"Item": {**Key, **item}} if Key["sk"]["S"] == "live" else {}

    def list_model_packages(ModelApprovalStatus: str | None = None, NextToken: str | None = None, **_: Any) -> Any:
        versions = [3] if ModelApprovalStatus else ([1] if NextToken else [3, 2])
        page: dict[str, Any] = {
            "ModelPackageSummaryList": [
                {"ModelPackageVersion": v, "ModelPackageArn": f"arn:package/{v}", "CreationTime": NOW} for v in versions
            ]
        }
        return page if ModelApprovalStatus or NextToken else {**page, "NextToken": "more"}

    fake.answers = {
        ("cloudformation", "describe_stacks"): describe_stacks,
        ("cloudformation", "list_stack_resources"): lambda StackName, **_: {
            "StackResourceSummaries": [
                {"ResourceType": "AWS::CloudWatch::Alarm", "PhysicalResourceId": f"{StackName}-alarm"},
                {"ResourceType": "AWS::IAM::Role", "PhysicalResourceId": "role"},
            ]
        },
        ("dynamodb", "get_item"): get_item,
        ("sagemaker", "list_model_packages"): list_model_packages,
        ("sagemaker", "describe_model_package"): {
            "ModelPackageStatus": "Completed", "ModelApprovalStatus": "PendingManualApproval",
        },
        ("sagemaker", "update_model_package"): {"ModelPackageArn": "arn:package/3"},
        ("sagemaker", "describe_endpoint"): {
            "EndpointStatus": "InService", "EndpointConfigName": "flight-delays-dev-v2-abcd",
            "ProductionVariants": [{"VariantName": "main", "CurrentInstanceCount": 4}],
        },
        ("stepfunctions", "list_executions"): lambda stateMachineArn, **_: {
            "executions": [
                {"name": "run", "status": "SUCCEEDED", "executionArn": f"{stateMachineArn}:run", "startDate": NOW}
            ]
        },
        ("cloudwatch", "describe_alarms"): lambda AlarmNames: {
            "MetricAlarms": [{"AlarmName": n, "StateValue": "OK", "StateReason": ""} for n in AlarmNames]
        },
        ("sts", "get_caller_identity"): {"Account": "111122223333", "Arn": "arn:aws:iam::111122223333:user/ada"},
    }  # fmt: skip
    return fake


@pytest.fixture
def where(aws: FakeAws) -> Where:
    return Where(aws, "111122223333", "eu-west-1", True, lambda: NOW)
