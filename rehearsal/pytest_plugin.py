"""pytest fixtures for anyone's CDK app: a cloud for the run, the app deployed into it, faults, and its clock.

    # conftest.py: nothing. pytest.ini or pyproject.toml:
    [tool.pytest.ini_options]
    rehearsal_app = "python app.py"        # or a cloud assembly's folder: "cdk.out"

    def test_a_release_survives_a_silent_rollback(deployed_app, faults, clock):
        faults("A01", endpoint="flights")
        deployed_app.client("stepfunctions").start_execution(stateMachineArn=deployed_app.output("Release", "Machine"))
        clock.advance(600)

Nothing starts, and nothing of AWS is imported, until a test asks for a fixture.
"""

import os
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rehearsal.cloud import Cloud, CloudClock

SYNTH_SECONDS = 600


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--rehearsal-app` and `--rehearsal-speed`, and the same as ini settings."""
    group = parser.getgroup("rehearsal", "the embedded cloud")
    group.addoption("--rehearsal-app", metavar="APP", help="command that synthesises the app, or its assembly's folder")
    group.addoption("--rehearsal-speed", type=float, metavar="N", help="cloud seconds in a second; 0: stepped by tests")
    parser.addini("rehearsal_app", "command that synthesises the app, or its assembly's folder", default="")
    parser.addini("rehearsal_speed", "cloud seconds in a second; 0: stepped by tests", default="60")
    parser.addini("rehearsal_account", "account of the embedded cloud", default="111122223333")
    parser.addini("rehearsal_region", "region of the embedded cloud", default="eu-west-1")
    parser.addini("rehearsal_stacks", "stacks to deploy, as the CDK CLI names them", type="args", default=["--all"])


@pytest.fixture(scope="session")
def rehearsal_cloud(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Cloud]":
    """An embedded cloud for the whole run. Ends with it, whatever happens."""
    from rehearsal.cloud import Cloud

    config = request.config
    speed = config.getoption("--rehearsal-speed")
    with Cloud.start(
        tmp_path_factory.mktemp("cloud"),
        account=str(config.getini("rehearsal_account")),
        region=str(config.getini("rehearsal_region")),
        speed=float(config.getini("rehearsal_speed")) if speed is None else speed,
    ) as cloud:
        yield cloud


class DeployedApp:
    """A CDK app that stands in the cloud. `report` is {"stacks", "resources", "seconds"} of its deployment."""

    def __init__(self, cloud: "Cloud", assembly: Path, report: dict[str, Any]) -> None:
        self.cloud, self.assembly, self.report = cloud, assembly, report

    def client(self, service: str, role_arn: str | None = None) -> Any:
        """A boto3 client of the operator, or of a role that trusts the account."""
        return self.cloud.client(service, role_arn)

    def outputs(self, stack: str) -> dict[str, str]:
        """Outputs of a stack by key; `stack` is its name, or enough of its end to tell it from the others."""
        client = self.client("cloudformation")
        pages = client.get_paginator("describe_stacks").paginate()
        stacks = [one for page in pages for one in page["Stacks"]]
        found = [one for one in stacks if one["StackName"] == stack] or [
            one for one in stacks if one["StackName"].endswith(stack)
        ]
        if len(found) != 1:
            names = ", ".join(sorted(one["StackName"] for one in found or stacks))
            raise LookupError(f"{len(found)} stacks are called {stack!r}; there are: {names}")
        return {one["OutputKey"]: one["OutputValue"] for one in found[0].get("Outputs", [])}

    def output(self, stack: str, key: str) -> str:
        """One output. Raises LookupError naming those there are."""
        found = self.outputs(stack)
        if key not in found:
            raise LookupError(f"stack {stack!r} has no output {key!r}: {', '.join(sorted(found)) or 'it has none'}")
        return found[key]


@pytest.fixture(scope="session")
def rehearsal_assembly(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The app's cloud assembly: the folder that is named, or what the command that is named synthesises.

    Override this fixture where a test run has its assembly already.
    """
    app = str(request.config.getoption("--rehearsal-app") or request.config.getini("rehearsal_app"))
    if not app:
        pytest.fail(
            "deployed_app needs an app: set rehearsal_app in the ini file, or --rehearsal-app, to the command that "
            "synthesises it or to its assembly's folder",
            pytrace=False,
        )
    folder = request.config.rootpath / app
    if (folder / "manifest.json").is_file():
        return folder
    out = tmp_path_factory.mktemp("cdk.out")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    done = subprocess.run(
        shlex.split(app),
        cwd=request.config.rootpath,
        env={**environment, "CDK_OUTDIR": str(out)},
        capture_output=True,
        text=True,
        timeout=SYNTH_SECONDS,
        check=False,
    )
    if done.returncode != 0 or not (out / "manifest.json").is_file():
        pytest.fail(f"{app!r} gave no cloud assembly:\n{(done.stderr or done.stdout)[-4000:]}", pytrace=False)
    return out


@pytest.fixture(scope="session")
def deployed_app(
    request: pytest.FixtureRequest, rehearsal_assembly: Path, rehearsal_cloud: "Cloud"
) -> "Iterator[DeployedApp]":
    """The app, deployed once for the run by the real CDK command line. Without an assembly no cloud starts for it."""
    stacks = tuple(str(one) for one in request.config.getini("rehearsal_stacks"))
    report = rehearsal_cloud.deploy(rehearsal_assembly, stacks=stacks)
    yield DeployedApp(rehearsal_cloud, rehearsal_assembly, report)


@pytest.fixture
def faults(rehearsal_cloud: "Cloud") -> Iterator[Callable[..., None]]:
    """`faults("A01", endpoint="x", times=2)` switches a fault on; all are off again after the test."""
    yield rehearsal_cloud.fault
    rehearsal_cloud.clear_faults()


@pytest.fixture
def clock(rehearsal_cloud: "Cloud") -> "Iterator[CloudClock]":
    """The cloud's clock; the speed that the test gave it ends with the test."""
    speed = rehearsal_cloud.control("GET", "clock")["speed"]
    yield rehearsal_cloud.clock
    rehearsal_cloud.clock.set_speed(speed)
