"""Starting, finding and ending a cloud; bad input and sudden deaths."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from rehearsal import statefile
from rehearsal.cloud import Cloud
from rehearsal.control import group_members
from rehearsal.deploy import Cdk
from rehearsal.errors import CloudError, CloudInUseError, CloudNotRunningError

pytestmark = pytest.mark.rehearsal
LEFT = {"audit.jsonl", "cloud.log", "lock"}
ROOT = Path(__file__).resolve().parents[3]


def assert_nothing_left(directory: Path, group: int) -> None:
    assert group_members(group) == []
    assert {entry.name for entry in directory.iterdir()} <= LEFT


def test_starts_answers_and_stops_leaving_only_its_logs(tmp_path: Path, stand_in: str) -> None:
    cloud = Cloud.start(tmp_path, core=stand_in)
    assert cloud.client("sts").get_caller_identity()["Account"] == "111122223333"
    status = Path(f"/proc/{cloud.pid}/status").read_text(encoding="utf-8")
    assert int(status.split("VmRSS:")[1].split()[0]) < 150_000
    assert Cloud.attach(tmp_path).clock.now() == pytest.approx(time.time(), abs=5)
    cloud.stop()
    cloud.stop()
    assert_nothing_left(tmp_path, cloud.pid)
    with pytest.raises(CloudNotRunningError, match="slipway cloud up"):
        Cloud.attach(tmp_path)


def test_listens_on_loopback_only(tmp_path: Path, stand_in: str) -> None:
    with Cloud.start(tmp_path, core=stand_in) as cloud:
        held = {str(entry.readlink()) for entry in Path(f"/proc/{cloud.pid}/fd").iterdir() if entry.is_symlink()}
        addresses = set()
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/net/{table}").read_text(encoding="utf-8").splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and f"socket:[{fields[9]}]" in held:
                    addresses.add(fields[1].split(":")[0])
        assert addresses == {"0100007F"}


def test_a_second_cloud_in_one_directory_is_refused(tmp_path: Path, stand_in: str) -> None:
    with Cloud.start(tmp_path, core=stand_in) as cloud:
        with pytest.raises(CloudInUseError, match="already runs"):
            Cloud.start(tmp_path, core=stand_in)
        assert cloud.clock.now() > 0


def test_a_taken_port_is_named_with_the_way_out(tmp_path: Path, stand_in: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CloudError, match=f"port {port}.*take port 0"):
            Cloud.start(tmp_path, port=port, core=stand_in)
    assert {entry.name for entry in tmp_path.iterdir()} <= LEFT
    assert not statefile.is_held(tmp_path)


def test_a_stale_state_file_harms_no_process_and_hinders_no_start(tmp_path: Path, stand_in: str) -> None:
    bystander = subprocess.Popen(["sleep", "60"])
    try:
        statefile.write(tmp_path, statefile.State(bystander.pid, "1", 1, "x", "111122223333", "eu-west-1"))
        with pytest.raises(CloudNotRunningError):
            Cloud.attach(tmp_path)
        with Cloud.start(tmp_path, core=stand_in) as cloud:
            assert cloud.pid != bystander.pid
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tmp_path: Path, stand_in: str, number: signal.Signals) -> None:
    cloud = Cloud.start(tmp_path, core=stand_in)
    os.kill(cloud.pid, number)
    assert cloud._process is not None
    cloud._process.wait(5)
    assert_nothing_left(tmp_path, cloud.pid)
    cloud.stop()


def test_after_a_kill_the_next_start_works(tmp_path: Path, stand_in: str) -> None:
    cloud = Cloud.start(tmp_path, core=stand_in)
    os.kill(cloud.pid, signal.SIGKILL)
    assert cloud._process is not None
    cloud._process.wait(5)
    with pytest.raises(CloudNotRunningError):
        Cloud.attach(tmp_path)
    with Cloud.start(tmp_path, core=stand_in) as again:
        assert again.clock.now() > 0
    cloud.stop()
    assert_nothing_left(tmp_path, cloud.pid)


def test_ends_when_the_process_that_started_it_dies(tmp_path: Path, stand_in: str) -> None:
    script = (
        "import os, sys; from pathlib import Path; from rehearsal.cloud import Cloud; sys.path.append(sys.argv[3]);"
        "print(Cloud.start(Path(sys.argv[1]), core=sys.argv[2]).pid, flush=True); os._exit(9)"
    )
    command = [sys.executable, "-c", script, str(tmp_path), stand_in, str(Path(__file__).parent)]
    pid = int(subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT).stdout)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and group_members(pid):
        time.sleep(0.05)
    assert_nothing_left(tmp_path, pid)


def test_an_unusable_directory_is_named(stand_in: str) -> None:
    with pytest.raises(CloudError, match="cannot use the state directory"):
        Cloud.start(Path("/proc/nowhere"), core=stand_in)


def test_the_control_api_needs_the_token(tmp_path: Path, stand_in: str) -> None:
    with Cloud.start(tmp_path, core=stand_in) as cloud:
        stranger = Cloud(tmp_path, statefile.State(cloud.pid, "", cloud._state.port, "guess", "1" * 12, "eu-west-1"))
        with pytest.raises(CloudError, match="token"):
            stranger.control("GET", "audit")


def test_the_clock_is_driven_and_refuses_to_go_back(tmp_path: Path, stand_in: str) -> None:
    with Cloud.start(tmp_path, speed=0, core=stand_in) as cloud:
        before = cloud.clock.now()
        assert cloud.clock.now() == before
        assert cloud.clock.advance(3600) == before + 3600
        with pytest.raises(CloudError, match="never goes back"):
            cloud.clock.advance(-1)


def test_children_get_the_operators_account_and_no_other_aws_variable(
    tmp_path: Path, stand_in: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    with Cloud.start(tmp_path, core=stand_in) as cloud:
        environment: dict[str, Any] = cloud.environment()
    assert "AWS_PROFILE" not in environment
    assert environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")


def test_a_missing_or_wrong_command_line_comes_with_the_fix(tmp_path: Path) -> None:
    with pytest.raises(CloudError, match=r"not installed.*make setup"):
        Cdk(tmp_path).command()
    package = tmp_path / "node_modules" / "aws-cdk"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"version": "3.0.0"}', encoding="utf-8")
    with pytest.raises(CloudError, match=r"3\.0\.0, not 2\.1148\.1.*make setup"):
        Cdk(tmp_path).command()
