import io
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cloud import Cloud

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
STAND_IN = "standin:StandIn"


@pytest.fixture(scope="session")
def stand_in() -> Iterator[str]:
    sys.path.insert(0, str(HERE))
    yield STAND_IN
    sys.path.remove(str(HERE))


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("assembly") / "cdk.out"
    environment = {
        **os.environ,
        "JSII_NODE": str(ROOT / ".venv/bin/node"),
        "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
    }
    subprocess.run(
        [sys.executable, HERE / "sample_app.py", directory], check=True, env=environment, capture_output=True
    )
    return directory


class Sample:
    """The sample stack on a running cloud."""

    def __init__(self, cloud: Cloud, report: dict[str, Any], events: list[dict[str, Any]]) -> None:
        self.cloud, self.report, self.events = cloud, report, events
        stack = cloud.client("cloudformation").describe_stacks(StackName="Sample")["Stacks"][0]
        self.outputs = {item["OutputKey"].removesuffix("Out"): item["OutputValue"] for item in stack["Outputs"]}

    def start(self, machine: str, given: str = "{}", name: str | None = None) -> str:
        named = {"name": name} if name else {}
        sfn = self.cloud.client("stepfunctions")
        return str(sfn.start_execution(stateMachineArn=self.outputs[machine], input=given, **named)["executionArn"])

    def run(self, machine: str, given: str = "{}") -> dict[str, Any]:
        return self.ended(self.start(machine, given))

    def ended(self, arn: str, seconds: float = 20) -> dict[str, Any]:
        sfn = self.cloud.client("stepfunctions")
        return wait_for(
            lambda: found if (found := sfn.describe_execution(executionArn=arn))["status"] != "RUNNING" else None,
            seconds,
        )

    def without(self, role_output: str, action: str) -> "Dropped":
        return Dropped(self.cloud.client("iam"), self.outputs[role_output], action)


class Dropped:
    """A role without one of its actions, for the length of a `with`."""

    def __init__(self, iam: Any, role: str, action: str) -> None:
        self.iam, self.role, self.action = iam, role, action

    def __enter__(self) -> None:
        self.kept = {}
        for name in self.iam.list_role_policies(RoleName=self.role)["PolicyNames"]:
            document = self.iam.get_role_policy(RoleName=self.role, PolicyName=name)["PolicyDocument"]
            self.kept[name] = document
            statements = []
            for statement in document["Statement"]:
                actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
                left = [action for action in actions if action != self.action]
                statements += [{**statement, "Action": left}] if left else []
            self.put(name, {**document, "Statement": statements})
        assert self.kept

    def put(self, name: str, document: dict[str, Any]) -> None:
        import json

        self.iam.put_role_policy(RoleName=self.role, PolicyName=name, PolicyDocument=json.dumps(document))

    def __exit__(self, *_: object) -> None:
        for name, document in self.kept.items():
            self.put(name, document)


def wait_for(look: Callable[[], Any], seconds: float = 10) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if (found := look()) is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing after {seconds} s")


@pytest.fixture(name="wait_for", scope="session")
def wait_for_fixture() -> Callable[..., Any]:
    return wait_for


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory, assembly: Path, stand_in: str) -> Iterator[Sample]:
    events: list[dict[str, Any]] = []
    with Cloud.start(tmp_path_factory.mktemp("cloud") / "state", core=stand_in) as cloud:
        report = cloud.deploy(assembly, on_event=events.append)
        yield Sample(cloud, report, events)


@pytest.fixture(scope="session")
def zipped() -> Callable[[dict[str, str]], bytes]:
    def make(files: dict[str, str]) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for name, text in files.items():
                archive.writestr(name, text)
        return content.getvalue()

    return make
