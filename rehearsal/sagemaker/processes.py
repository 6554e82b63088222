"""Real processes: one group each, logged line by line within bounds, watched, and gone when the cloud goes."""

import contextlib
import os
import queue
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.sagemaker.accounting import MARK, Strangers, Usage, kill_marked, members, usage
from rehearsal.sagemaker.output import LineReader

MAX_PROCESSES = 1024  # of one container
_WATCH_SECONDS = 0.25  # wall, between looks at what bounded processes use
_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Budget:
    """What one container may use before all of its processes are killed."""

    memory_bytes: int | None = None
    processes: int = 0  # 0: MAX_PROCESSES


class ManagedProcess:
    """A container's first process and all that come from it, in its group or not.

    `killed_for` is empty, or says which budget was passed, in words for a log or a FailureReason; the exit code is 137
    then, as a container runtime gives it.
    """

    def __init__(
        self, spawner: "Spawner", process: "subprocess.Popen[bytes]", *, kind: str, name: str, mark: str, budget: Budget
    ) -> None:
        self._spawner = spawner
        self._process = process
        self.pid = process.pid
        self.kind = kind
        self.name = name
        self.mark = mark
        self.budget = budget
        self.killed_for = ""
        self._reader: threading.Thread | None = None

    def read_lines(self, sink: Callable[[list[str]], None]) -> None:
        """Hand stdout and stderr to `sink` in batches of lines, until the last writer is gone.

        What exceeds the log's bounds (output.py) is dropped, and a line says how much.
        """
        reader = threading.Thread(target=self._read, args=(sink,), name=f"log-{self.name}", daemon=True)
        reader.start()
        self._reader = reader  # only now: `close` in another thread joins what it finds here

    def _read(self, sink: Callable[[list[str]], None]) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        with pipe:
            LineReader(sink).read(pipe.fileno())

    def usage(self) -> Usage:
        """What its processes use now."""
        return usage(members([self.mark])[self.mark])

    def enforce(self, used: Usage) -> None:
        """Kill it if it is over budget."""
        limit = self.budget.memory_bytes
        if limit is not None and used.memory_bytes > limit:
            self.killed_for = f"out of memory: it used {used.memory_bytes >> 20} MiB of {limit >> 20} MiB"
        elif used.processes > (most := self.budget.processes or MAX_PROCESSES):
            self.killed_for = f"it started more than {most} processes"
        if self.killed_for:
            self._kill()

    def _kill(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        kill_marked(self.mark)

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
        """End whatever is left of it, daemons that left the group too, reap it and collect the last log lines."""
        self._kill()
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
        self._closing = threading.Event()
        threading.Thread(target=self._serve, name="spawner", daemon=True).start()
        threading.Thread(target=self._watch, name="budgets", daemon=True).start()

    def start(
        self,
        command: Sequence[str],
        *,
        directory: Path,
        environment: Mapping[str, str],
        kind: str,
        name: str,
        budget: Budget = Budget(),
    ) -> ManagedProcess:
        """Start the command in its own session. Raises OSError when the machine cannot.

        Beyond its budget the whole container is killed within moments and `killed_for` says why.
        """
        answer: Future[ManagedProcess] = Future()
        with self._lock:
            if self._closed:
                raise OSError("the embedded cloud is shutting down")
            self._requests.put(
                (lambda: self._spawn(command, directory, environment, kind=kind, name=name, budget=budget), answer)
            )
        return answer.result()

    def _serve(self) -> None:
        while (request := self._requests.get()) is not None:
            work, answer = request
            try:
                answer.set_result(work())
            except BaseException as error:
                answer.set_exception(error)

    def _watch(self) -> None:
        strangers = Strangers()
        while not self._closing.wait(_WATCH_SECONDS):
            running = {one.mark: one for one in self.running() if not one.killed_for}
            for mark, pids in members(running, strangers.next()).items():
                running[mark].enforce(usage(pids))

    def _spawn(
        self,
        command: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        *,
        kind: str,
        name: str,
        budget: Budget,
    ) -> ManagedProcess:
        mark = secrets.token_hex(8)
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), *command],
            cwd=directory,
            env={**environment, MARK: mark},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        managed = ManagedProcess(self, process, kind=kind, name=name, mark=mark, budget=budget)
        with self._lock:
            self._running[process.pid] = managed
        with contextlib.suppress(OSError):  # a full disk must not stop the process from being managed
            (self._records / str(process.pid)).write_text(f"{_started(process.pid)} {mark}")
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
        self._closing.set()
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
            started, _, mark = record.read_text().partition(" ") if record.name.isdigit() else ("", "", "")
            if mark:
                kill_marked(mark)
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
