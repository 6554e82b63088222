"""What the command line does with a cloud, on a real one: point tools at it, move its clock, break it, ask it."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.cli import app

pytestmark = pytest.mark.rehearsal

Told = tuple[int, str, str]
HERE = ("--account", "111122223333", "--region", "eu-west-1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of somebody else: no declarations of ours in it."""
    return tmp_path_factory.mktemp("elsewhere")


@pytest.fixture(scope="module")
def process(folder: Path) -> Callable[..., Told]:
    """The command line as a shell runs it; what starts a cloud is this, so that the cloud is nobody's child here."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "SLIPWAY_"))}

    def run(*arguments: str) -> Told:
        command = [sys.executable, "-m", "slipway.cli", "cloud", *arguments]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=120
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture(scope="module")
def slipway(folder: Path) -> Callable[..., Told]:
    """The same in this process: it saves the start of an interpreter for each of many commands."""

    def run(*arguments: str) -> Told:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith(("AWS_", "SLIPWAY_"))]:
                patch.delenv(name)
            patch.setattr(sys, "argv", ["slipway", "cloud", *arguments])
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = app.run()
        assert "Traceback" not in err.getvalue()
        return code, out.getvalue(), err.getvalue()

    return run


@pytest.fixture(scope="module")
def up(process: Callable[..., Told], slipway: Callable[..., Told]) -> Iterator[None]:
    code, out, err = process("up", *HERE, "--no-deploy", "--speed", "0")
    assert code == 0, out + err
    yield
    assert slipway("down", "--quiet") == (0, "", "")


@pytest.mark.usefixtures("up")
def test_its_environment_points_a_shell_at_it(
    process: Callable[..., Told], slipway: Callable[..., Told], folder: Path
) -> None:
    code, lines, _ = process("env")
    assert code == 0
    script = f'{lines}\nexec "{sys.executable}" -c "import boto3; print(boto3.client(\'sts\').get_caller_identity())"'
    leading_elsewhere = {**os.environ, "AWS_PROFILE": "production", "AWS_SESSION_TOKEN": "x"}
    done = subprocess.run(
        ["/bin/sh", "-c", script], cwd=folder, env=leading_elsewhere, capture_output=True, text=True, check=False
    )
    assert "'Account': '111122223333'" in done.stdout, done.stderr
    variables = json.loads(slipway("env", "--json")[1])["environment"]
    assert all(f"export {key}={value}" in lines for key, value in variables.items())


@pytest.mark.usefixtures("up")
def test_its_clock_is_moved(slipway: Callable[..., Told]) -> None:
    before = json.loads(slipway("clock", "--json")[1])["clock"]
    code, out, _ = slipway("clock", "--advance", "6h")
    assert (code, "0 × the wall" in out) == (0, True)
    assert json.loads(slipway("clock", "--json")[1])["clock"] == pytest.approx(before + 6 * 3600, abs=0.01)
    code, _, err = slipway("clock", "--advance", "soon")
    assert (code, "SLW206" in err) == (1, True)


@pytest.mark.usefixtures("up")
def test_faults_are_listed_armed_and_cleared(slipway: Callable[..., Told]) -> None:
    assert "A01" in slipway("faults")[1]
    assert slipway("fault", "A01", "endpoint=one", "--times", "3")[1] == "fault A01 is on, 3 times\n"
    assert slipway("fault", "A05", "--until-cleared")[0] == 0
    armed = json.loads(slipway("faults", "--json")[1])["armed"]
    assert [(one["row"], one["left"], one["where"]) for one in armed] == [
        ("A01", 3, {"endpoint": "one"}),
        ("A05", None, {}),
    ]
    assert json.loads(slipway("faults", "--clear", "--json")[1])["armed"] == []


@pytest.mark.usefixtures("up")
@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("Z99",), "Z99"), (("A01", "bucket=x"), "no filter 'bucket'"), (("A01", "endpoint"), "is not KEY=VALUE")],
)
def test_faults_that_do_not_exist_are_refused(
    slipway: Callable[..., Told], arguments: tuple[str, ...], words: str
) -> None:
    code, _, err = slipway("fault", *arguments)
    assert code == 1
    assert words in err


@pytest.mark.usefixtures("up")
def test_the_audit_tells_who_was_denied(slipway: Callable[..., Told]) -> None:
    assert slipway("audit", "--denied")[0] == 0
    found: dict[str, Any] = json.loads(slipway("audit", "--json", "--last", "5")[1])
    assert found["denied"] == 0
    assert len(found["calls"]) <= 5


def test_several_clouds_side_by_side(process: Callable[..., Told], slipway: Callable[..., Told], up: None) -> None:
    code, out, err = process("up", *HERE, "--no-deploy", "--name", "second", "--keep")
    assert code == 0, out + err
    try:
        found = json.loads(slipway("list", "--json")[1])["clouds"]
        assert [(one["name"], one["kept"]) for one in found] == [("", False), ("second", True)]
        assert len({one["url"] for one in found}) == 2
        status = json.loads(slipway("status", "--name", "second", "--json")[1])
        os.killpg(status["pid"], signal.SIGKILL)
        code, out, err = process("up", *HERE, "--no-deploy", "--name", "second")
        assert (code, "kept state of an earlier cloud" in err) == (1, True), out + err
        code, out, _ = process("up", *HERE, "--no-deploy", "--name", "second", "--keep")
        assert (code, "taken up where the kept state ends" in out) == (0, True)
        assert "its kept state stays" in slipway("down", "--name", "second", "--keep")[1]
        assert slipway("list")[1].split() == ["(no", "name)", found[0]["url"], "second", "stopped", "kept"]
    finally:
        slipway("reset", "--name", "second")
    assert [one["name"] for one in json.loads(slipway("list", "--json")[1])["clouds"]] == [""]


def test_down_leaves_no_file(process: Callable[..., Told], slipway: Callable[..., Told], folder: Path) -> None:
    assert process("up", *HERE, "--no-deploy", "--name", "gone")[0] == 0
    assert process("down", "--name", "gone")[0] == 0
    assert not (folder / ".slipway" / "clouds" / "gone").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "--account", "111122223333", "--no-deploy"),
        ("up", "--account", "1", "--region", "eu-west-1", "--no-deploy"),
        ("up", "--account", "111122223333", "--region", "Mars", "--no-deploy"),
        ("up", *HERE, "--no-deploy", "--name", "../x"),
    ],
)
def test_wrong_options_start_nothing(slipway: Callable[..., Told], arguments: tuple[str, ...]) -> None:
    before = slipway("list")[1]
    code, _, err = slipway(*arguments)
    assert (code, "SLW206" in err) == (1, True)
    assert slipway("list")[1] == before
