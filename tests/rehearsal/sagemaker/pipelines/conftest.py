"""Pipelines over real jobs; the role's own clients reach the same overlay, a function and a queue in memory."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.sagemaker import ServiceError


class RoleClient:
    """SageMaker as the pipeline's role calls it. `refuse` holds errors for the next calls of an action."""

    def __init__(self, kit: Any, refuse: dict[str, list[str]]) -> None:
        self._kit, self._refuse = kit, refuse

    def __getattr__(self, name: str) -> Callable[..., Any]:
        action = "".join(part.capitalize() for part in name.split("_")).replace("Hyperparameter", "HyperParameter")

        def call(**params: Any) -> Any:
            if self._refuse.get(action):
                code = self._refuse[action].pop(0)
                raise ClientError({"Error": {"Code": code, "Message": "refused"}}, action)
            try:
                return self._kit.call(action, **params)
            except ServiceError as error:
                raise ClientError({"Error": {"Code": error.code, "Message": error.message}}, action) from None

        return call


class Functions:
    """Lambda: `answers` by function ARN, each a function of the payload."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[Any], Any]] = {}

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:
        try:
            body = self.answers[FunctionName](json.loads(Payload))
        except ValueError as error:
            failed = json.dumps({"errorMessage": str(error), "errorType": "ValueError"}).encode()
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(failed)}
        return {"Payload": io.BytesIO(json.dumps(body).encode())}


class Queue:
    """SQS."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def send_message(self, QueueUrl: str, MessageBody: str) -> None:
        self.messages.append({"queue": QueueUrl, **json.loads(MessageBody)})


class Pipelines:
    """Shorthand."""

    def __init__(self, kit: Any) -> None:
        self.kit, self.functions, self.queue = kit, Functions(), Queue()
        self.refuse: dict[str, list[str]] = {}
        self._tokens = 0

    def token(self) -> str:
        self._tokens += 1
        return f"{self._tokens:032d}"

    def create(self, *steps: dict[str, Any], parameters: Any = (), **more: Any) -> str:
        text = json.dumps({"Version": "2020-12-01", "Parameters": list(parameters), "Steps": list(steps)})
        request = {"PipelineName": "p", "PipelineDefinition": text, "RoleArn": self.kit.role}
        answer = self.kit.call("CreatePipeline", **(request | {"ClientRequestToken": self.token()} | more))
        return str(answer["PipelineArn"])

    def start(self, *, values: Any = None, **more: Any) -> str:
        given = [{"Name": name, "Value": value} for name, value in (values or {}).items()]
        request = {"PipelineName": "p", "ClientRequestToken": self.token()}
        request |= {"PipelineParameters": given} if given else {}
        return str(self.kit.call("StartPipelineExecution", **(request | more))["PipelineExecutionArn"])

    def status(self, arn: str) -> str:
        self.kit.sm.flush()
        return str(self.kit.call("DescribePipelineExecution", PipelineExecutionArn=arn)["PipelineExecutionStatus"])

    def ended(self, arn: str) -> dict[str, Any]:
        self.kit.until(lambda: self.status(arn) not in ("Executing", "Stopping"))
        found: dict[str, Any] = self.kit.call("DescribePipelineExecution", PipelineExecutionArn=arn)
        return found

    def run(self, **more: Any) -> tuple[str, dict[str, str]]:
        """How a new execution ended, and its steps' statuses."""
        arn = self.start(**more)
        return self.ended(arn)["PipelineExecutionStatus"], {n: s["StepStatus"] for n, s in self.steps(arn).items()}

    def steps(self, arn: str) -> dict[str, dict[str, Any]]:
        found = self.kit.call("ListPipelineExecutionSteps", PipelineExecutionArn=arn, MaxResults=100)
        return {one["StepName"]: one for one in found["PipelineExecutionSteps"]}

    def processing(self, name: str, mode: Any = "", **more: Any) -> dict[str, Any]:
        output = {"S3Uri": f"s3://artefacts/{name}", "LocalPath": "/opt/ml/processing/output/report"}
        arguments = {
            "RoleArn": self.kit.role,
            "AppSpecification": {"ImageUri": self.kit.job_image, "ContainerArguments": ["prepare"]},
            "ProcessingResources": {
                "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}
            },
            "ProcessingOutputConfig": {
                "Outputs": [{"OutputName": "report", "S3Output": {**output, "S3UploadMode": "EndOfJob"}}]
            },
            "Environment": {"MODE": mode},
        }
        files = [{"PropertyFileName": "Report", "OutputName": "report", "FilePath": "report.json"}]
        return {"Name": name, "Type": "Processing", "Arguments": arguments, "PropertyFiles": files, **more}


@pytest.fixture
def pipelines(kit: Any, monkeypatch: pytest.MonkeyPatch) -> Pipelines:
    made = Pipelines(kit)
    s3 = kit.host.client
    clients = {"sagemaker": RoleClient(kit, made.refuse), "lambda": made.functions, "sqs": made.queue}
    monkeypatch.setattr(
        kit.host, "client", lambda service, *rest: clients[service] if service in clients else s3(service, *rest)
    )
    return made
