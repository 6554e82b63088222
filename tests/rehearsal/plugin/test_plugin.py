"""The plugin, as a project that has never heard of this one uses it: its own folder, its own ini file."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.rehearsal

APP = """
import aws_cdk as cdk
from aws_cdk import aws_sqs as sqs

app = cdk.App(builtin_cloud_formation_validation=False)
stack = cdk.Stack(app, "Theirs", env=cdk.Environment(account="444455556666", region="us-east-1"))
queue = sqs.Queue(stack, "Queue")
cdk.CfnOutput(stack, "QueueUrl", value=queue.queue_url)
app.synth()
"""

TESTS = """
import pytest

def test_the_app_stands(deployed_app):
    assert deployed_app.report["stacks"] == 1
    url = deployed_app.output("Theirs", "QueueUrl")
    deployed_app.client("sqs").send_message(QueueUrl=url, MessageBody="x")
    with pytest.raises(LookupError, match="has no output 'Nothing': QueueUrl"):
        deployed_app.output("Theirs", "Nothing")
    with pytest.raises(LookupError, match="0 stacks are called 'Ours'"):
        deployed_app.outputs("Ours")

def test_the_clock_only_moves_when_told(clock):
    now = clock.now()
    assert clock.now() == now
    assert clock.advance(3600) == pytest.approx(now + 3600)
    clock.set_speed(1000)

def test_its_speed_was_put_back(rehearsal_cloud):
    assert rehearsal_cloud.control("GET", "clock")["speed"] == 0

def test_a_fault_is_armed(faults, rehearsal_cloud):
    faults("A01", endpoint="x", times=None)
    assert [one["row"] for one in rehearsal_cloud.control("GET", "faults")["armed"]] == ["A01"]

def test_no_fault_is_left(rehearsal_cloud):
    assert rehearsal_cloud.control("GET", "faults")["armed"] == []
"""

INI = """[pytest]
addopts = -p no:randomly
rehearsal_app = {app}
rehearsal_account = 444455556666
rehearsal_region = us-east-1
rehearsal_speed = 0
"""


def pytest_run(folder: Path, app: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    (folder / "app.py").write_text(APP)
    (folder / "test_theirs.py").write_text(TESTS)
    (folder / "pytest.ini").write_text(INI.format(app=app))
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "PYTEST_"))}
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_another_project_uses_it(tmp_path: Path) -> None:
    done = pytest_run(tmp_path, f"{sys.executable} app.py")
    assert "5 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("app", "words"),
    [("", "deployed_app needs an app"), (f"{sys.executable} -c raise(SystemExit(3))", "gave no cloud assembly")],
)
def test_an_app_that_is_not_there_is_told(tmp_path: Path, app: str, words: str) -> None:
    done = pytest_run(tmp_path, app, "-k", "stands")
    assert words in done.stdout
    assert "Traceback" not in done.stdout
