"""One execution environment of an embedded Lambda function: a process, its limits, its log, its end."""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

INIT_SECONDS = 10.0
# How often a running handler's memory is looked at.
LOOK_SECONDS = 0.05
# Log text of one phase that is kept; a handler that writes more loses the rest, and its log says so.
LOG_BYTES = 4 << 20
_SIGNALS = {signal.SIGKILL: "killed", signal.SIGSEGV: "segmentation fault", signal.SIGABRT: "aborted"}
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Plan:
    """What an environment is made of. `key` names everything that would make another environment necessary."""

    key: str
    python: str
    bootstrap: Path
    handler: str
    code: Path
    layers: tuple[Path, ...]
    memory_mb: int
    environment: Mapping[str, str]
    log_group: str
    log_stream: str


@dataclass
class Answer:
    """How a phase ended: `result` is JSON text, or `error` the error document; `alive` when it can be used again."""

    result: str | None = None
    error: dict[str, Any] | None = None
    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0
    timed_out: bool = False
    alive: bool = True


class Environment:
    """Use `start` once, then `invoke` by one thread at a time; `end` in any case."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.idle_since = 0.0
        self.peak_mb = 0
        self._log = b""
        self._log_size = 0
        self._lines: list[str] = []

    def start(self, seconds: float = INIT_SECONDS) -> Answer:
        """The init phase: the process begins and imports the handler's module."""
        ours, theirs = socket.socketpair()
        read, write = os.pipe()
        os.set_blocking(read, False)
        self._socket, self._pipe = ours, read
        began = time.monotonic()
        try:
            self._process = subprocess.Popen(
                [self.plan.python, str(self.plan.bootstrap), str(theirs.fileno())],
                cwd=self.plan.code,
                env=dict(self.plan.environment),
                stdin=subprocess.DEVNULL,
                stdout=write,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
            )
        finally:
            theirs.close()
            os.close(write)
        self._selector = selectors.DefaultSelector()
        self._selector.register(ours, selectors.EVENT_READ)
        self._selector.register(read, selectors.EVENT_READ)
        first = {
            "handler": self.plan.handler,
            "code": str(self.plan.code),
            "layers": [str(layer) for layer in self.plan.layers],
            "memory_mb": self.plan.memory_mb,
        }
        return self._exchange(first, "", began, seconds)

    def invoke(self, message: Mapping[str, Any], seconds: float) -> Answer:
        """One invocation. An environment whose answer is not `alive` is ended."""
        return self._exchange(message, str(message["request_id"]), time.monotonic(), seconds)

    def end(self) -> None:
        """Kill the process and what it started; safe to call twice."""
        with contextlib.suppress(AttributeError):
            for pid in [*_descendants(self._process.pid), self._process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    if pid != self._process.pid or self._process.poll() is None:
                        os.kill(pid, signal.SIGKILL)
            self._process.wait()
            self._selector.close()
            self._socket.close()
            with contextlib.suppress(OSError):
                os.close(self._pipe)
            self._pipe = -1

    def _exchange(self, message: Mapping[str, Any], request_id: str, began: float, seconds: float) -> Answer:
        self._lines, self._log_size = [], 0
        answer = self._answer(message, request_id, began + seconds, seconds)
        answer.seconds = time.monotonic() - began
        if not answer.alive:
            self.end()
        if self._log:
            self._lines.append(self._log.decode("utf-8", "replace").replace("\r", "\n"))
            self._log = b""
        answer.lines = self._lines
        return answer

    def _answer(self, message: Mapping[str, Any], request_id: str, deadline: float, seconds: float) -> Answer:
        body = json.dumps(message).encode()
        try:
            self._socket.settimeout(seconds)
            self._socket.sendall(len(body).to_bytes(4, "big") + body)
        except OSError:
            return self._exited(request_id)
        received = bytearray()
        while (left := deadline - time.monotonic()) > 0:
            ready = {key.fileobj for key, _ in self._selector.select(min(left, LOOK_SECONDS))}
            if self._pipe in ready:
                self._read_log()
            if self._socket in ready:
                try:
                    piece = self._socket.recv(1 << 20)
                except OSError:
                    piece = b""
                if not piece:
                    return self._exited(request_id)
                received += piece
                if len(received) >= 4 and len(received) >= 4 + int.from_bytes(received[:4], "big"):
                    self._read_log()
                    self._look_at_memory()
                    return self._understood(json.loads(received[4:]))
            elif self._look_at_memory() > self.plan.memory_mb:
                self._process.kill()
                return self._exited(request_id)
        self._read_log()
        words = f"RequestId: {request_id} Error: Task timed out after {seconds:.2f} seconds"
        document = {"errorType": "Sandbox.Timedout", "errorMessage": words}
        return Answer(error=document, timed_out=True, alive=False)

    def _understood(self, message: dict[str, Any]) -> Answer:
        if "error" in message:
            return Answer(error=message["error"], alive=bool(message["error"]["requestId"]))
        return Answer(result=message.get("result"))

    def _exited(self, request_id: str) -> Answer:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        self._read_log()
        status = self._process.returncode
        if status is None:  # it closed its end and lives on
            words = "Runtime exited without providing a reason"
        elif status < 0:
            name = _SIGNALS.get(signal.Signals(-status), signal.Signals(-status).name.removeprefix("SIG").lower())
            words = f"Runtime exited with error: signal: {name}"
        else:
            reason = f"Runtime exited with error: exit status {status}"
            words = reason if status else "Runtime exited without providing a reason"
        document = {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {request_id} Error: {words}"}
        return Answer(error=document, alive=False)

    def _read_log(self) -> None:
        while True:
            try:
                piece = os.read(self._pipe, 1 << 16)
            except OSError:
                piece = b""
            if not piece:
                break
            self._log_size += len(piece)
            if self._log_size <= LOG_BYTES:
                self._log += piece
            elif self._log_size - len(piece) <= LOG_BYTES:
                self._log += b"\n[the embedded cloud dropped the rest of this invocation's log]\n"
        *whole, self._log = self._log.split(b"\n")
        self._lines += [line.decode("utf-8", "replace").replace("\r", "\n") for line in whole]

    def _look_at_memory(self) -> float:
        """Resident memory in MB of the process and what it started."""
        total = 0
        for pid in [self._process.pid, *_descendants(self._process.pid)]:
            with contextlib.suppress(OSError, IndexError, ValueError):
                total += int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES
        used = total / (1 << 20)
        self.peak_mb = max(self.peak_mb, round(used))
        return used


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError, ValueError):
            for child in path.read_text(encoding="ascii").split():
                found += [*_descendants(int(child)), int(child)]
    return found
