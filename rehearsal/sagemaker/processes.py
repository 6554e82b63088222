"""Real processes: one group each, logged line by line, counted, and gone when the cloud goes."""

import contextlib
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

_LAUNCH = Path(__file__).with_name("launch.py")


class ManagedProcess:
    """A container's process and its group."""

    def __init__(self, spawner: "Spawner", process: "subprocess.Popen[bytes]", kind: str, name: str) -> None:
        self._spawner = spawner
        self._process = process
        self.pid = process.pid
        self.kind = kind
        self.name = name
        self._reader: threading.Thread | None = None

    def read_lines(self, sink: Callable[[list[str]], None]) -> None:
        """Hand stdout and stderr to `sink`, in batches of whole lines, until the last writer is gone."""
        self._reader = threading.Thread(target=self._read, args=(sink,), name=f"log-{self.name}", daemon=True)
        self._reader.start()

    def _read(self, sink: Callable[[list[str]], None]) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        rest = b""
        with pipe:
            while chunk := os.read(pipe.fileno(), 65536):
                *lines, rest = (rest + chunk).split(b"\n")
                if lines:
                    sink([line.decode("utf-8", "replace").rstrip("\r") for line in lines])
        if rest:
            sink([rest.decode("utf-8", "replace")])

    def wait(self, seconds: float) -> int | None:
        """Exit code (128 + n when a signal n ended it, as a container runtime tells it), or None if still running."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return 128 - code if code < 0 else code

    def signal(self, number: int) -> None:
        """Signal the container's first process, as `docker stop` does. A process that is gone is left alone."""
        if self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill_group(self) -> None:
        """End whatever is left of the group, reap it and collect the last log lines."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()
        if self._reader is not None:
            self._reader.join(2)
        self._spawner.forget(self)

    def stop(self, grace_seconds: float) -> int:
        """SIGTERM, then SIGKILL after the grace (wall). The exit code."""
        self.signal(signal.SIGTERM)
        code = self.wait(grace_seconds)
        self.kill_group()
        return self.wait(0) or 0 if code is None else code


class Spawner:
    """Starts every process from one thread that lives as long as the cloud.

    Linux ties the parent-death signal to the *thread* that forked, so a short-lived one would take its children along.
    """

    def __init__(self, root: Path) -> None:
        self._records = root / "pids"
        self._records.mkdir(parents=True, exist_ok=True)
        self._reap_stale()
        self._running: dict[int, ManagedProcess] = {}
        self._lock = threading.Lock()
        self._requests: queue.Queue[tuple[Callable[[], Any], Future[Any]] | None] = queue.Queue()
        self._closed = False
        threading.Thread(target=self._serve, name="spawner", daemon=True).start()

    def start(
        self, command: Sequence[str], *, directory: Path, environment: Mapping[str, str], kind: str, name: str
    ) -> ManagedProcess:
        """Start the command in its own session. Raises OSError when the machine cannot."""
        answer: Future[ManagedProcess] = Future()
        with self._lock:
            if self._closed:
                raise OSError("the embedded cloud is shutting down")
            self._requests.put((lambda: self._spawn(command, directory, environment, kind, name), answer))
        return answer.result()

    def _serve(self) -> None:
        while (request := self._requests.get()) is not None:
            work, answer = request
            try:
                answer.set_result(work())
            except BaseException as error:
                answer.set_exception(error)

    def _spawn(
        self, command: Sequence[str], directory: Path, environment: Mapping[str, str], kind: str, name: str
    ) -> ManagedProcess:
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), *command],
            cwd=directory,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        managed = ManagedProcess(self, process, kind, name)
        with self._lock:
            self._running[process.pid] = managed
        with contextlib.suppress(OSError):  # a full disk must not stop the process from being managed
            (self._records / str(process.pid)).write_text(_started(process.pid))
        return managed

    def forget(self, process: ManagedProcess) -> None:
        """The process is reaped."""
        with self._lock:
            self._running.pop(process.pid, None)
        (self._records / str(process.pid)).unlink(missing_ok=True)

    def running(self) -> list[ManagedProcess]:
        """Processes not reaped yet."""
        with self._lock:
            return list(self._running.values())

    def close(self, grace_seconds: float) -> None:
        """SIGTERM to all at once, SIGKILL to what is left after the grace (wall), and nothing starts any more."""
        with self._lock:
            self._closed = True
        for process in self.running():
            process.signal(signal.SIGTERM)
        deadline = time.monotonic() + grace_seconds
        for process in self.running():
            process.wait(max(0.0, deadline - time.monotonic()))
            process.kill_group()
        self._requests.put(None)
        shutil.rmtree(self._records, ignore_errors=True)

    def _reap_stale(self) -> None:
        """End what a crashed cloud left here. A pid is only trusted when its start time is the recorded one."""
        for record in self._records.iterdir():
            started = record.read_text() if record.name.isdigit() else ""
            if started and _started(int(record.name)) == started:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(int(record.name), signal.SIGKILL)
            record.unlink(missing_ok=True)


def _started(pid: int) -> str:
    """Kernel's start time of a process in clock ticks since boot; empty where /proc has none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""
