"""One instance of a fleet: a real server process that is started, watched and replaced."""

import contextlib
import http.client
import socket
import threading
import time
from typing import TYPE_CHECKING

from rehearsal.sagemaker.containers import environment
from rehearsal.sagemaker.processes import ManagedProcess

if TYPE_CHECKING:
    from rehearsal.sagemaker.fleet import Fleet

_HUNG_PINGS = 3  # failed pings in a row after which a running container is replaced


class Instance:
    """Starts `serve`, pings it, restarts it when it exits or hangs. `healthy` and `url` are what the router reads."""

    def __init__(self, fleet: "Fleet", number: int) -> None:
        self.fleet = fleet
        self.name = f"{fleet.variant}/i-{fleet.token}{number:04d}"
        self.healthy = False
        self.url = ""
        self.in_flight = 0  # guarded by the endpoint's lock
        self.exits = 0  # before it was first healthy
        self.last_exit = 0
        self.ever_healthy = False
        self._port = 0
        self._process: ManagedProcess | None = None
        self._stopping = threading.Event()
        self._ended = threading.Event()

    def start(self) -> None:
        """Begin; `healthy` turns true when /ping passes."""
        self.fleet.core.run(self.name, self._run)

    def stop(self) -> None:
        """SIGTERM, the server's grace, SIGKILL. Returns when the process is gone."""
        self.healthy = False
        self._stopping.set()
        process = self._process
        if process is not None:
            process.stop(self.fleet.core.limits.server_grace_seconds)
        self._ended.wait(self.fleet.core.limits.server_grace_seconds)

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                try:
                    self._spawn()
                except OSError as error:
                    self.fleet.log(self.name, [f"cannot start the container: {error}"])
                    self._exited(126)
                    continue
                self._watch()
        finally:
            if self._process is not None:
                self._process.kill_group()
            self._ended.set()

    def _spawn(self) -> None:
        fleet = self.fleet
        self._port = _free_port()
        self.url = f"http://127.0.0.1:{self._port}/invocations"
        extra = {**fleet.environment, "SAGEMAKER_BIND_TO_PORT": str(self._port), "SLIPWAY_BIND_HOST": "127.0.0.1"}
        self._process = process = fleet.core.spawner.start(
            [*fleet.image.entrypoint, "serve"],
            directory=fleet.image.directory,
            environment=environment(
                fleet.core.host,
                fleet.image,
                fleet.directory,
                scope=fleet.scope,
                role=fleet.role,
                extra=extra,
                isolated=fleet.isolated,
            ),
            kind="server",
            name=f"{fleet.endpoint}/{self.name}",
        )
        process.read_lines(lambda lines: fleet.log(self.name, lines))
        if self._stopping.is_set():  # `stop` came before it could see this process
            process.signal(15)

    def _watch(self) -> None:
        """Until the process ends, or hangs and is ended."""
        limits, process, failed = self.fleet.core.limits, self._process, 0
        assert process is not None
        while (code := process.wait(limits.watch_seconds if self.healthy else limits.ping_seconds)) is None:
            if self._stopping.is_set():
                continue  # `stop` ends the process
            if self._ping():
                self.healthy = self.ever_healthy = True
                failed = 0
            elif self.healthy:
                failed += 1
                if failed >= _HUNG_PINGS:
                    self.healthy = False
                    code = process.stop(0)
                    break
        self.healthy = False
        if not self._stopping.is_set():
            process.kill_group()
            self.fleet.log(self.name, [f"container exited with code {code}; restarting"])
            self._exited(code or 0)

    def _exited(self, code: int) -> None:
        self.last_exit = code
        if not self.ever_healthy:
            self.exits += 1
            if self.exits >= self.fleet.core.limits.startup_exits:
                self._stopping.wait()  # the fleet fails and stops this instance
        self._stopping.wait(min(0.1 * self.exits, 2.0))

    def _ping(self) -> bool:
        if self.fleet.never_healthy:
            return False
        connection = http.client.HTTPConnection(
            "127.0.0.1", self._port, timeout=self.fleet.core.limits.ping_timeout_seconds
        )
        started = time.monotonic()
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/ping")
            status = connection.getresponse().status
            return status == 200 and time.monotonic() - started <= self.fleet.core.limits.ping_timeout_seconds
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
