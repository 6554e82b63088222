"""What is made once for the whole run."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePath

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).resolve().parents[1]
FIGURES = pytest.StashKey[list[tuple[str, str, str, bool]]]()
"""Rows of the table that `make conformance` and `make proof` end with."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--conformance`, `--proof`: whole tables and searches instead of samples, and their figures."""
    parser.addoption("--conformance", action="store_true", help="whole tables of tests/conformance, with figures")
    parser.addoption("--proof", action="store_true", help="whole searches of tests/proof, with figures")


# Tests of these folders share a cloud or a deployed app: one worker runs them all, or it would be made twice.
SHARED = ("rehearsal", "conformance")
ALONE = "rehearsal/sagemaker"
LONG = ("rehearsal/flows", "proof/releases")
"""Begun first: a worker that gets one of them last keeps the other waiting."""


class Grouped(LoadScopeScheduling):
    """What the workers of a parallel run may take apart: files, but folders where a cloud is shared. `loadgroup` of
    pytest-xdist does nothing under pytest 9.2 (pytest-dev/pytest-xdist#1386)."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    """Below tests/."""
    file = PurePath(nodeid.partition("::")[0]).relative_to("tests")
    shared = file.parts[0] in SHARED and not file.is_relative_to(ALONE)
    return str(file.parent if shared else file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Grouped:
    """Whatever `--dist` says but `no`."""
    config.option.loadscopereorder = False  # by number of tests: the longest have few
    return Grouped(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The long ones first."""
    items.sort(key=lambda item: not group_of(item.nodeid).startswith(LONG))


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cloud assembly, synthesised once a run, with every policy check, as `cdk deploy` would."""
    folder = tmp_path_factory.mktemp("assembly")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CDK_", "CODEBUILD_"))}
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


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str, object, str, bool], None]:
    """`figure(name, measured, asked, reached)` adds a row to the table and fails the test if it is not reached.

    Only counts and outcomes belong here; a figure of time is printed with `reached` true, and judged by benchmarks/.
    """

    def record(name: str, measured: object, asked: str, reached: bool) -> None:
        request.config.stash.setdefault(FIGURES, []).append((name, str(measured), asked, reached))
        assert reached, f"{name}: {measured}, asked {asked}"

    return record


@pytest.hookimpl(wrapper=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Print the table."""
    yield
    option = terminalreporter.config.getoption
    rows = terminalreporter.config.stash.get(FIGURES, [])
    if not rows or not (option("--conformance") or option("--proof")):
        return
    terminalreporter.section("figures")
    width = max(len(name) for name, *_ in rows)
    for name, measured, asked, reached in sorted(rows):
        terminalreporter.write_line(f"{'ok  ' if reached else 'MISS'} {name:<{width}}  {measured}  (asked {asked})")
