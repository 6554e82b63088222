"""One embedded cloud for the functions' tests; its clock is stepped, so that retries wait for the test."""

import base64
import contextlib
import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from rehearsal.cloud import Cloud

NUMBERS = count(1)


@dataclass(frozen=True)
class Invoked:
    """What Invoke answered."""

    payload: Any
    error: str | None
    log: str


class Functions:
    """Makes and invokes functions."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        # No retries: what is refused once is seen to be refused.
        config = Config(retries={"max_attempts": 0})
        self.client: Any = cloud.session().client("lambda", endpoint_url=cloud.url, config=config)
        self.role = self.make_role("functions", [{"Effect": "Allow", "Action": "*", "Resource": "*"}])

    def make_role(self, name: str, statements: list[dict[str, Any]], service: str = "lambda") -> str:
        iam = self.cloud.client("iam")
        trust = {"Effect": "Allow", "Principal": {"Service": f"{service}.amazonaws.com"}, "Action": "sts:AssumeRole"}
        made = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps({"Statement": [trust]}))
        policy = {"Version": "2012-10-17", "Statement": statements}
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=json.dumps(policy))
        return str(made["Role"]["Arn"])

    def make(self, source: str | dict[str, str], handler: str = "index.handler", **more: Any) -> str:
        """A function of one file `index.py`, or of several. Returns its name."""
        name = f"f{next(NUMBERS)}"
        files = source if isinstance(source, dict) else {"index.py": source}
        arguments = {"Timeout": 5, "Role": self.role, **more}
        self.client.create_function(
            FunctionName=name, Runtime="python3.12", Handler=handler, Code={"ZipFile": self.zipped(files)}, **arguments
        )
        return name

    @staticmethod
    def zipped(files: dict[str, str]) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return content.getvalue()

    def invoke(self, name: str, event: Any = None, **more: Any) -> Invoked:
        answer = self.client.invoke(FunctionName=name, Payload=json.dumps(event or {}), LogType="Tail", **more)
        log = base64.b64decode(answer.get("LogResult", "")).decode()
        return Invoked(json.loads(answer["Payload"].read()), answer.get("FunctionError"), log)

    def invoke_event(self, name: str, event: Any, **more: Any) -> int:
        answer = self.client.invoke(FunctionName=name, Payload=json.dumps(event), InvocationType="Event", **more)
        return int(answer["StatusCode"])

    def queue(self) -> tuple[str, str]:
        """A new queue: url and ARN."""
        sqs = self.cloud.client("sqs")
        url = sqs.create_queue(QueueName=f"q{next(NUMBERS)}")["QueueUrl"]
        found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        return url, found

    def message(self, url: str) -> dict[str, Any]:
        """The next message, taken off the queue."""
        sqs = self.cloud.client("sqs")

        def look() -> dict[str, Any] | None:
            found = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages")
            return found[0] if found else None

        message: dict[str, Any] = self.until(look)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return message

    def depth(self, url: str) -> int:
        names = ["ApproximateNumberOfMessages"]
        found = self.cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)
        return int(found["Attributes"][names[0]])

    def until(self, look: Callable[[], Any], seconds: float = 10) -> Any:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if (found := look()) is not None:
                return found
            time.sleep(0.02)
        raise AssertionError(f"nothing after {seconds} s")

    def commands(self) -> list[str]:
        """Command lines of the cloud's processes."""
        found = []
        for process in self.cloud.processes():
            with contextlib.suppress(OSError):
                found.append(Path(f"/proc/{process['pid']}/cmdline").read_bytes().decode())
        return found

    def log_lines(self, name: str) -> list[str]:
        logs = self.cloud.client("logs")
        group = f"/aws/lambda/{name}"
        streams = logs.describe_log_streams(logGroupName=group)["logStreams"]
        return [
            event["message"]
            for stream in streams
            for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
        ]


@pytest.fixture(scope="session")
def functions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Functions]:
    with Cloud.start(tmp_path_factory.mktemp("functions") / "state", speed=0) as cloud:
        yield Functions(cloud)


@pytest.fixture(autouse=True)
def no_fault_stays(functions: Functions) -> Iterator[None]:
    yield
    functions.cloud.clear_faults()
