"""What is made once for the whole run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--conformance`: the embedded cloud's whole tables instead of samples, and their figures."""
    parser.addoption("--conformance", action="store_true", help="whole tables of tests/conformance, with figures")


# Tests of these folders share a cloud or a deployed app: one worker runs them all, or it would be made twice.
SHARED = ("rehearsal", "conformance")
ALONE = "rehearsal/sagemaker"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What the workers of a parallel run may take apart: files, but folders where a cloud is shared."""
    for item in items:
        folder = item.path.parent.relative_to(ROOT / "tests")
        shared = folder.parts[:1] and folder.parts[0] in SHARED and not str(folder).startswith(ALONE)
        item.add_marker(pytest.mark.xdist_group(str(folder if shared else item.path)))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cloud assembly, synthesised once a run, with every policy check, as `cdk deploy` would."""
    folder = tmp_path_factory.mktemp("assembly")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CDK_"))}
    done = subprocess.run(
        [sys.executable, "app.py"],
        cwd=ROOT,
        env={**environment, "CDK_OUTDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return folder
