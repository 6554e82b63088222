"""The command line as people and machines call it: exit codes, one object with --json, words and no traceback."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from slipway.cli import guard
from slipway.operations import where as where_module
from slipway.operations.errors import Failure
from slipway.operations.where import Where


@pytest.fixture
def embedded(monkeypatch: pytest.MonkeyPatch, where: Where) -> Where:
    for module in ("slipway.cli.approvals", "slipway.cli.status"):
        monkeypatch.setattr(f"{module}.find", lambda *_, **__: where)
    return where


def test_help_imports_nothing_heavy_and_is_quick() -> None:
    code = (
        "import sys; sys.argv = ['slipway', '--help']\n"
        "from slipway.cli import app\n"
        "assert app.run() == 0\n"
        "names = 'boto3 botocore aws_cdk xgboost numpy pydantic yaml jinja2'.split()\n"
        "heavy = set(names) & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert time.monotonic() - began < 5  # not the figure (0.4 s), only a guard against an import of everything
    for command in ("demo", "cloud", "validate", "doctor", "status", "approve", "reject", "report"):
        assert command in done.stdout


def test_validate_says_what_it_found(call: Any, checkout: Path) -> None:
    code, out, err = call("validate")
    assert (code, err) == (0, "")
    assert "flight-delays" in out
    code, out, _ = call("validate", "--json")
    assert json.loads(out)["models"] == ["flight-delays"]


def test_validate_prints_every_fault_and_exits_2(call: Any, checkout: Path) -> None:
    path = checkout / "platform.yaml"
    path.write_text(path.read_text().replace("retention: destroy", "retention: x\n    colour: red"))
    code, out, err = call("validate")
    assert (code, out) == (2, "")
    assert "platform.yaml:14:5: SLW110 environments[0].retention" in err
    assert "SLW105 environments[0].colour" in err
    assert "2 faults in the declarations." in err
    code, out, err = call("validate", "--json")
    assert code == 2
    facts = json.loads(out)
    assert (facts["ok"], [f["code"] for f in facts["faults"]]) == (False, ["SLW110", "SLW105"])


def test_works_from_a_folder_below_the_checkout(call: Any, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout / "models" / "flight-delays")
    assert call("validate")[0] == 0


def test_outside_a_checkout_says_what_is_missing(call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = call("status")
    assert code == 2
    assert "SLW101" in err


def test_status_of_all_well(call: Any, checkout: Path, embedded: Where) -> None:
    code, out, _ = call("status")
    assert code == 0, out
    assert "flight-delays in dev — the embedded cloud" in out
    assert "v2" in out
    assert "v3 since" in out
    code, out, err = call("status", "--json")
    assert (code, err) == (0, "")
    facts = json.loads(out)
    assert (facts["ok"], facts["models"][0]["live"]["version"]) == (True, 2)


def test_status_of_something_wrong_exits_1_with_the_fix(call: Any, checkout: Path, embedded: Where, aws: Any) -> None:
    aws.answers["sagemaker", "describe_endpoint"]["EndpointConfigName"] = "another"
    code, out, _ = call("status")
    assert code == 1
    assert "the endpoint runs another" in out
    assert "Fix: somebody changed the endpoint" in out


def test_status_without_credentials_says_so_and_how_to_get_some(call: Any, checkout: Path) -> None:
    code, out, _ = call("status", "--json")
    assert code == 1
    facts = json.loads(out)
    assert facts["models"][0]["unknown"][0]["code"] == "SLW301"


def test_status_knows_only_declared_models(call: Any, checkout: Path) -> None:
    code, out, err = call("status", "flight-dely", "--json")
    assert code == 2
    assert json.loads(out)["error"]["code"] == "SLW202"
    assert "did you mean flight-delays?" in err


def test_watching_and_json_exclude_each_other(call: Any, checkout: Path) -> None:
    code, _, err = call("status", "-w", "--json")
    assert code == 2
    assert "SLW205" in err


@pytest.mark.parametrize("command", ["approve", "reject"])
def test_a_word_is_written_and_told(call: Any, checkout: Path, embedded: Where, aws: Any, command: str) -> None:
    code, out, err = call(command, "flight-delays@3", "--reason", "beats v2")
    assert code == 0, err
    assert f"flight-delays v3 is {command}" in out
    assert aws.called("update_model_package")[0]["ModelApprovalStatus"].lower().startswith(command)
    code, out, _ = call(command, "flight-delays@3", "--reason", "beats v2", "--json")
    assert json.loads(out)["version"] == 3


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("flight-delays@3",), 2, "SLW504"),
        (("flight-delays", "--reason", "x"), 2, "SLW203"),
        (("nobody@3", "--reason", "x"), 2, "SLW202"),
        (("flight-delays@7", "--reason", "x"), 1, "SLW501"),
        (("flight-delays@1", "--reason", "x"), 1, "SLW505"),
        (("flight-delays@2", "--reason", "x"), 1, "SLW507"),
    ],
)
def test_what_cannot_be_approved_is_refused_and_nothing_is_written(
    call: Any, checkout: Path, embedded: Where, aws: Any, arguments: tuple[str, ...], code: int, told: str
) -> None:
    got, out, err = call("approve", *arguments, "--json")
    assert (got, json.loads(out)["error"]["code"]) == (code, told)
    assert told in err
    assert not aws.called("update_model_package")


def test_nothing_is_approved_when_it_cannot_be_told_what_is_live(
    call: Any, checkout: Path, embedded: Where, aws: Any, refusal: Any
) -> None:
    aws.answers["dynamodb", "get_item"] = refusal("AccessDeniedException", "no")
    code, _, err = call("approve", "flight-delays@3", "--reason", "x")
    assert code == 1
    assert "SLW506" in err
    assert not aws.called("update_model_package")


def test_the_cloud_that_does_not_run(call: Any, checkout: Path) -> None:
    assert call("cloud", "down")[:2] == (0, "no embedded cloud was running\n")
    assert call("cloud", "down", "--quiet")[:2] == (0, "")
    code, _, err = call("cloud", "status")
    assert code == 1
    assert "SLW401" in err
    assert call("cloud", "reset")[0] == 0


class FakeCloud:
    """The embedded cloud's client, whose deployment fails."""

    url, pid, account, region = "http://127.0.0.1:1", 1, "111122223333", "eu-west-1"

    def __init__(self) -> None:
        self.stopped = 0

    def start(self, *_: Any, **options: Any) -> "FakeCloud":
        assert options["detach"] is True
        return self

    def bootstrap(self) -> None:
        raise OSError(28, "No space left on device", "/x")

    def stop(self, *, keep: bool = False) -> None:
        self.stopped += 1


def test_a_cloud_that_was_started_is_stopped_when_deploying_fails(
    call: Any, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = FakeCloud()
    monkeypatch.setattr("slipway.cli.cloud._cloud_class", lambda: cloud)
    monkeypatch.setattr("slipway.cli.cloud.synthesise", lambda root: root)
    code, _, err = call("cloud", "up")
    assert (code, cloud.stopped) == (1, 1)
    assert "SLW204" in err
    assert "free some disk space" in err


def test_a_cloud_that_ran_already_stays_when_deploying_fails(
    call: Any, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = FakeCloud()
    monkeypatch.setattr("slipway.cli.cloud.running_cloud", lambda *_: cloud)
    monkeypatch.setattr("slipway.cli.cloud.synthesise", lambda root: root)
    assert call("cloud", "up")[0] == 1
    assert cloud.stopped == 0


def test_synthesis_that_fails_shows_its_own_words(call: Any, checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (checkout / "app.py").write_text("import sys; sys.exit('policy finding: S1')")
    monkeypatch.setattr("slipway.cli.cloud.running_cloud", lambda *_: FakeCloud())
    code, _, err = call("cloud", "up")
    assert code == 1
    assert "policy finding: S1" in err
    assert "SLW403" in err


def test_a_cloud_that_hangs_is_never_passed_over_for_aws(
    checkout: Path, declared: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rehearsal import statefile

    state = checkout / where_module.STATE
    with statefile.lock(state):
        statefile.write(state, statefile.State(1, "x", 9, "t", "111122223333", "eu-west-1"))
        with pytest.raises(Failure, match="does not answer") as raised:
            where_module.find(checkout, declared.platform.environments[0])
    assert raised.value.code == "SLW402"


def test_credentials_of_another_account_are_refused(
    checkout: Path, declared: Any, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.answers["sts", "get_caller_identity"] = {"Account": "999999999999", "Arn": "arn"}
    monkeypatch.setattr(where_module, "_Session", lambda _region: aws)
    with pytest.raises(Failure, match="are of account 999999999999") as raised:
        where_module.find(checkout, declared.platform.environments[0])
    assert raised.value.code == "SLW302"


def test_usage_errors_exit_2(call: Any) -> None:
    code, _, err = call("validate", "--nonsense")
    assert code == 2
    assert "--nonsense" in err


def test_the_demo_gets_its_own_options(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import types

    import typer

    module = types.ModuleType("slipway.cli.demo")

    def demo(keep: bool = typer.Option(False, "--keep")) -> None:
        typer.echo(f"keep={keep}")
        raise typer.Exit(3)

    module.demo = demo  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "slipway.cli.demo", module)
    assert call("demo", "--keep")[:2] == (3, "keep=True\n")
    code, out, _ = call("demo", "--help")
    assert code == 0
    assert "--keep" in out


def test_a_part_that_is_not_installed_is_told(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "slipway.cli.demo", None)
    code, _, err = call("demo")
    assert code == 1
    assert "SLW603" in err


def test_a_bug_of_ours_is_short_on_the_screen_and_whole_in_a_file(
    call: Any, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (checkout / ".slipway").mkdir()

    def fail(**_: Any) -> None:
        raise ZeroDivisionError("secret of the universe")

    monkeypatch.setattr("slipway.cli.validate.validate", fail)
    code, out, err = call("validate", "--json")
    assert code == 1
    assert json.loads(out)["error"]["code"] == "SLW200"
    saved = next((checkout / ".slipway").glob("slipway-error-*.txt"))
    assert str(saved) in err
    assert "ZeroDivisionError: secret of the universe" in saved.read_text()


def test_errors_of_the_embedded_cloud_keep_their_fix() -> None:
    from rehearsal.errors import CloudError

    failure = guard._as_failure(CloudError("port 1 is in use", "choose another"))
    assert (failure.code, failure.what, failure.fix) == ("SLW402", "port 1 is in use", "choose another")


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGINT, 130, "Interrupted."), (signal.SIGTERM, 143, "Terminated.")]
)
def test_a_signal_ends_a_watch_without_a_traceback(
    checkout: Path, number: signal.Signals, code: int, word: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "slipway.cli", "status", "-w", "--interval", "600"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=checkout,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        # A run in a shell's background has SIGINT ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread is running here
    )
    assert process.stdout is not None
    process.stdout.readline()  # the first look is printed: it waits now
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert word in err
    assert "Traceback" not in err


def test_a_reader_that_goes_away_is_no_error(checkout: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "slipway.cli", "doctor", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()
    assert process.wait(30) in {1, 141}
