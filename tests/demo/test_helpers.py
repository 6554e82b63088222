"""Lock, waiting, hotfix, memory, background commands."""

import io
import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from slipway.demo import memory, waiting
from slipway.demo.background import Background
from slipway.demo.errors import DemoError
from slipway.demo.hotfix import swapped
from slipway.demo.lock import only_one


def test_a_second_demo_is_told_the_firsts_process(tmp_path: Path) -> None:
    second = only_one(tmp_path / "lock")
    with only_one(tmp_path / "lock"), pytest.raises(DemoError, match=f"process {os.getpid()}") as error, second:
        pass
    assert error.value.code == "SLW901"
    with only_one(tmp_path / "lock"):
        pass


def test_a_killed_demo_does_not_hold_the_lock(tmp_path: Path) -> None:
    code = (
        "import sys,time; from pathlib import Path; from slipway.demo.lock import only_one\n"
        "with only_one(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)\n"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(DemoError, match=str(holder.pid)), only_one(tmp_path / "lock"):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with only_one(tmp_path / "lock"):
        pass


def test_waiting_ends_with_the_first_answer() -> None:
    answers = iter([None, None, "there"])
    assert waiting.until(lambda: next(answers), "it", seconds=5, every=0) == "there"


def test_waiting_is_bounded_and_says_for_what() -> None:
    with pytest.raises(DemoError, match="for the moon") as error:
        waiting.until(lambda: None, "the moon", seconds=0, every=0)
    assert error.value.code == "SLW908"


def test_waiting_stops_when_something_else_has_died() -> None:
    def dead() -> None:
        raise DemoError("SLW909", "the client died", "again")

    with pytest.raises(DemoError, match="the client died"):
        waiting.until(lambda: None, "it", seconds=60, every=0, alive=dead)


def entered(id_: int, name: str, kind: str = "Task", before: int = 0) -> dict[str, Any]:
    return {
        "id": id_,
        "previousEventId": before,
        "type": f"{kind}StateEntered",
        "stateEnteredEventDetails": {"name": name},
    }


HISTORY = [
    {"id": 1, "type": "ExecutionStarted"},
    entered(2, "Check the data"),
    {"id": 3, "type": "TaskFailed", "previousEventId": 2},
    entered(4, "Tell: training failed"),
    entered(5, "Training failed", "Fail"),
    {"id": 6, "type": "ExecutionFailed"},
]


class Machine:
    """Step Functions that knows one execution."""

    def __init__(self, status: str, output: str = "{}") -> None:
        self.status, self.output = status, output

    def describe_execution(self, **_: str) -> dict[str, Any]:
        told = {"status": self.status, "output": self.output}
        return told if self.status == "SUCCEEDED" else {**told, "error": "DataFaultError", "cause": "no  header\nline"}

    def get_execution_history(self, **_: Any) -> dict[str, Any]:
        return {"events": HISTORY}


ARN = "arn:aws:states:eu-west-1:111122223333:execution:Train:demo-v1"


def test_a_bad_end_names_execution_state_and_cause() -> None:
    with pytest.raises(DemoError) as error:
        waiting.succeeded(Machine("FAILED"), ARN, "The training of version 1", seconds=1)
    assert error.value.code == "SLW907"
    for words in ("demo-v1", "Check the data", "DataFaultError", "no header line"):
        assert words in error.value.what


def test_a_good_end_has_its_output() -> None:
    end = waiting.succeeded(Machine("SUCCEEDED", '{"outcome": "registered"}'), ARN, "it", seconds=1)
    assert end.output == {"outcome": "registered"}
    assert end.name == "demo-v1"
    assert waiting.ended(Machine("RUNNING"), ARN) is None


def test_long_causes_are_cut() -> None:
    assert waiting.short("a " * 1000, 20) == "a a a a a a a a a a…"


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name.replace("_", "."))
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def test_the_hotfix_changes_the_order_of_the_columns_and_nothing_else() -> None:
    schema = {"problem": "p", "columns": [{"name": "a"}, {"name": "b"}]}
    packed = swapped(archive(model_ubj=b"{Lmodel", schema_json=json.dumps(schema).encode()))
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        found = {m.name: tar.extractfile(m).read() for m in tar.getmembers()}  # type: ignore[union-attr]
    assert found["model.ubj"] == b"{Lmodel"
    assert json.loads(found["schema.json"]) == {**schema, "columns": [{"name": "b"}, {"name": "a"}]}
    assert packed == swapped(archive(model_ubj=b"{Lmodel", schema_json=json.dumps(schema).encode()))


def test_an_archive_without_a_schema_is_refused() -> None:
    with pytest.raises(DemoError, match=r"no schema\.json"):
        swapped(archive(model_ubj=b"x"))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_memory_counts_this_process_and_its_children() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert {os.getpid(), child.pid} <= memory.tree({os.getpid()})
        sampler = memory.Sampler()
        sampler.take()
        assert sampler.peak.peak_mb is not None
        assert sampler.peak.peak_mb > 5
        assert sampler.peak.processes >= 2
    finally:
        child.communicate(b"\n")
    assert memory.resident_kb(child.pid) is None


def test_a_background_command_is_gone_with_its_children(tmp_path: Path) -> None:
    code = "import subprocess,sys; p=subprocess.Popen(['sleep','60']); print(p.pid,flush=True); p.wait()"
    command = Background([sys.executable, "-c", code], tmp_path / "log", cwd=tmp_path, environment=os.environ)
    deadline = time.monotonic() + 10
    while not command.output.strip() and time.monotonic() < deadline:
        time.sleep(0.02)
    grandchild = int(command.output)
    command.stop()
    command.stop()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{grandchild}").exists() and _state(grandchild) != "Z" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{grandchild}").exists() or _state(grandchild) == "Z"


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_a_background_commands_words_and_code_are_kept(tmp_path: Path) -> None:
    code = "import sys; print('first'); print('last'); sys.exit(3)"
    command = Background([sys.executable, "-c", code], tmp_path / "log", cwd=tmp_path, environment=os.environ)
    assert command.wait(20) == 3
    assert command.last_lines() == "first | last"
    slow = Background(["sleep", "60"], tmp_path / "log2", cwd=tmp_path, environment=os.environ)
    with pytest.raises(TimeoutError):
        slow.wait(0.05)
    slow.stop()
