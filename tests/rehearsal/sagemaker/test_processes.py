import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rehearsal.sagemaker.processes import Spawner, _started

PARENT = """
import os, sys, time
from pathlib import Path
from rehearsal.sagemaker.processes import Spawner
spawner = Spawner(Path(sys.argv[1]))
process = spawner.start([sys.executable, "-c", "import time; time.sleep(60)"], directory=Path("/"), environment={},
                        kind="server", name="s")
print(process.pid, flush=True)
time.sleep(60)
"""


def _gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def _until_gone(pid: int) -> None:
    deadline = time.monotonic() + 5
    while not _gone(pid):
        assert time.monotonic() < deadline, f"{pid} still runs"
        time.sleep(0.02)


@pytest.mark.fault("H01")
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_containers_die_with_a_killed_cloud(tmp_path, root):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert _started(child)
    deadline = time.monotonic() + 5
    while b"launch.py" in Path(f"/proc/{child}/cmdline").read_bytes():  # until it is the container's own command
        assert time.monotonic() < deadline
        time.sleep(0.01)
    parent.send_signal(signal.SIGKILL)
    parent.wait(5)
    parent.stdout.close()
    _until_gone(child)


@pytest.mark.fault("H06")
@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to know a process again")
def test_only_a_process_that_is_surely_ours_is_reaped_from_an_old_record(tmp_path):
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    ours = subprocess.Popen(sleeper, start_new_session=True)
    stranger = subprocess.Popen(sleeper, start_new_session=True)
    records = tmp_path / "pids"
    records.mkdir()
    (records / str(ours.pid)).write_text(_started(ours.pid))
    (records / str(stranger.pid)).write_text("1")  # the pid was given to somebody else since
    try:
        spawner = Spawner(tmp_path)
        ours.wait(5)
        assert stranger.poll() is None
        assert not list(records.iterdir())
        spawner.close(0)
    finally:
        stranger.kill()
        stranger.wait()


def test_children_of_a_container_end_with_it(tmp_path):
    spawner = Spawner(tmp_path)
    script = f"sleep 60 & echo $! > {tmp_path}/child; wait"
    process = spawner.start(
        ["/bin/sh", "-c", script], directory=tmp_path, environment=dict(os.environ), kind="job", name="j"
    )
    deadline = time.monotonic() + 5
    while not (tmp_path / "child").exists() or not (tmp_path / "child").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.stop(1)
    _until_gone(int((tmp_path / "child").read_text()))
    assert spawner.running() == []
    spawner.close(0)


def test_a_command_that_does_not_exist_ends_with_127(tmp_path):
    spawner, lines = Spawner(tmp_path), []
    process = spawner.start(["/no/such"], directory=tmp_path, environment={}, kind="job", name="j")
    process.read_lines(lines.extend)
    assert process.wait(5) == 127
    process.kill_group()
    assert lines == ["exec /no/such: No such file or directory"]
    spawner.close(0)
