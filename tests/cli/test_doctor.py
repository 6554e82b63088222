"""Each finding of the doctor, and that a finding comes with its fix."""

import json
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from slipway.cli import app, checks


def one(found: Any) -> checks.Finding:
    findings = list(found)
    assert len(findings) == 1, findings
    return findings[0]


def package(folder: Path, facts: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text(json.dumps(facts))


@pytest.fixture(autouse=True)
def no_cdk_on_the_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def test_an_old_python_and_a_foreign_one(tmp_path: Path) -> None:
    assert one(checks.python(tmp_path, (3, 10), "/usr")).fix == "make PYTHON=python3.11 setup"
    assert one(checks.python(tmp_path, (3, 12), "/usr")).state == "warn"
    assert one(checks.python(tmp_path, (3, 12), str(tmp_path / ".venv"))).state == "ok"


def test_a_package_that_differs_from_the_lock(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text(
        "typer==0.0.1 \\\n    --hash=sha256:00\nno-such-package==1\nonly-elsewhere==2 ; sys_platform == 'win32' \\\n"
    )
    finding = one(checks.lock(tmp_path))
    assert finding.state == "fail"
    assert "the lock says 0.0.1" in finding.what
    assert "no-such-package 1 is missing" in finding.what
    assert "only-elsewhere" not in finding.what


def test_a_lock_with_a_version_for_each_python() -> None:
    pins = checks.locked("scipy==1 ; python_full_version < '3.12' \\\nscipy==2 ; python_full_version >= '3.12' \\\n")
    assert pins["scipy"] == checks.Pin({"1", "2"}, True)


def test_the_lock_of_this_checkout_is_installed(root: Path) -> None:
    assert one(checks.lock(root)).state == "ok"


def test_the_accidental_cdk_3_is_explained(tmp_path: Path) -> None:
    package(tmp_path, {"devDependencies": {"aws-cdk": "2.1148.1"}})
    package(tmp_path / "node_modules" / "aws-cdk", {"version": "3.0.0"})
    finding = one(checks.cdk(tmp_path))
    assert finding.state == "fail"
    assert "accidental publish" in finding.what
    assert finding.fix.startswith("rm -rf node_modules")


def test_cdk_as_pinned_missing_or_unpinned(tmp_path: Path) -> None:
    assert "pins no aws-cdk" in one(checks.cdk(tmp_path)).what
    package(tmp_path, {"devDependencies": {"aws-cdk": "2.1148.1"}})
    assert "holds no CDK CLI" in one(checks.cdk(tmp_path)).what
    package(tmp_path / "node_modules" / "aws-cdk", {"version": "2.1148.1"})
    assert one(checks.cdk(tmp_path)).state == "ok"


def test_another_cdk_on_the_path_is_told(tmp_path: Path) -> None:
    package(tmp_path, {"devDependencies": {"aws-cdk": "2.1148.1"}})
    package(tmp_path / "node_modules" / "aws-cdk", {"version": "2.1148.1"})
    (tmp_path / "bin").mkdir()
    other = tmp_path / "bin" / "cdk"
    other.write_text(f"#!{sys.executable}\nprint('3.0.0 (build 1)')\n")
    other.chmod(0o755)
    finding = list(checks.cdk(tmp_path))[1]
    assert finding.state == "warn"
    assert "is 3.0.0 (3.0.0 is an accidental publish" in finding.what


def test_node(tmp_path: Path) -> None:
    assert one(checks.node(tmp_path)).fix == checks.SETUP
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    binary = tmp_path / ".venv" / "bin" / "node"
    for version, state in (("v18.1.0", "fail"), ("v24.1.0", "ok"), ("nonsense", "fail")):
        binary.write_text(f"#!{sys.executable}\nprint('{version}')\n")
        binary.chmod(0o755)
        assert one(checks.node(tmp_path)).state == state


def test_a_port_in_use() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        finding = one(checks.free_port(holder.getsockname()[1]))
    assert finding.state == "fail"
    assert "choose another --port" in finding.fix
    assert one(checks.free_port(0)).state == "ok"


def test_little_memory(tmp_path: Path) -> None:
    facts = tmp_path / "meminfo"
    for kib, state in ((1_000_000, "warn"), (9_000_000, "ok")):
        facts.write_text(f"MemTotal: 9 kB\nMemAvailable:  {kib} kB\n")
        assert one(checks.memory(facts)).state == state


def test_little_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from collections import namedtuple

    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(checks.shutil, "disk_usage", lambda _: usage(0, 0, 1 << 28))
    assert one(checks.disk(tmp_path)).state == "fail"


def test_byte_code_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert one(checks.byte_code()).state == "warn"


def test_an_endpoint_of_the_shell_is_told() -> None:
    assert one(checks.settings("http://x")).state == "warn"
    assert one(checks.settings("")).state == "ok"


def test_git_is_missed(tmp_path: Path) -> None:
    assert one(checks.git(tmp_path)).what == "git is not there"


def test_declarations_that_do_not_load(tmp_path: Path) -> None:
    finding = one(checks.declarations(tmp_path))
    assert finding.state == "fail"
    assert "SLW101" in finding.what


def test_a_check_that_breaks_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_root: Path) -> Any:
        raise RuntimeError("boom")

    monkeypatch.setattr(checks, "node", broken)
    assert next(f for f in checks.every_check(tmp_path, 0) if f.check == "node").state == "fail"


def test_prints_one_object_and_exits_1_when_a_check_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["slipway", "doctor", "--json"])
    assert app.run() == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["ok"] is False
    assert all(c["fix"] for c in facts["checks"] if c["state"] != "ok")
    monkeypatch.setattr(sys, "argv", ["slipway", "doctor"])
    assert app.run() == 1
    assert "✗ node:" in capsys.readouterr().out
