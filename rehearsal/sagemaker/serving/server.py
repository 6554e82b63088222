"""One container of an instance: a real server process that is started, pinged, and replaced when it exits or hangs."""

import contextlib
import http.client
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rehearsal.host import Scope
from rehearsal.sagemaker.accounting import Usage
from rehearsal.sagemaker.containers import environment
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.processes import Budget, ManagedProcess
from rehearsal.sagemaker.serving.hosted import HostedContainer

_LOOK_SECONDS = 0.1  # wall, whether the cloud closes
_HUNG_PINGS = 3  # failed pings in a row after which a running container is replaced


@dataclass(frozen=True)
class Placement:
    """Where a server runs: for whom, with whose rights, and what it may use."""

    core: Core
    scope: Scope
    endpoint: str
    role: str
    name: str  # of the instance, as the log streams show it
    isolated: bool = False
    budget: Budget = field(default_factory=Budget)
    never_healthy: bool = False  # asked for by a fault


class Server:
    """Runs `serve`. `healthy` and `port` are what requests go by; `port` changes when the container is replaced."""

    def __init__(self, container: HostedContainer, placement: Placement, log: Callable[[list[str]], None]) -> None:
        self.container = container
        self.placement = placement
        self.refused = False  # a connection, since the last /ping that passed: the process is ending, or gone
        self.port = 0
        self.exits = 0  # before it was first healthy
        self.last_exit = 0
        self.last_reason = ""
        self.ever_healthy = False
        self.generation = 0  # grows with each process: what an earlier one had loaded is gone
        self._log = log
        self._passes = False  # /ping, the last time
        self._process: ManagedProcess | None = None
        self._stopping = threading.Event()
        self._ended = threading.Event()

    @property
    def healthy(self) -> bool:
        """Whether it passes /ping, and takes connections."""
        return self._passes and not self.refused

    def start(self) -> None:
        """Begin; `healthy` turns true when /ping passes."""
        self.placement.core.run(self.placement.name, self._run)

    def begin_stop(self) -> None:
        """SIGTERM, and nothing is started again."""
        self._passes = False
        self._stopping.set()
        if self._process is not None:
            self._process.signal(15)

    def stop(self) -> None:
        """SIGTERM, the server's grace, SIGKILL. Returns when the process is gone."""
        grace_seconds = self.placement.core.limits.server_grace_seconds
        self._passes = False
        self._stopping.set()
        process = self._process
        if process is not None:
            process.stop(grace_seconds)
        self._ended.wait(grace_seconds)

    @property
    def mark(self) -> str:
        """What its processes are known by; empty before it started."""
        return self._process.mark if self._process is not None else ""

    def usage(self) -> Usage:
        """What the container's processes use now."""
        process = self._process
        return process.usage() if process is not None else Usage()

    @property
    def _over(self) -> bool:
        """Nothing is to be started again: it is stopped, or the cloud closes and has ended every process itself."""
        return self._stopping.is_set() or self.placement.core.stopping.is_set()

    def _run(self) -> None:
        try:
            while not self._over:
                try:
                    self._spawn()
                except OSError as error:
                    self._log([f"cannot start the container: {error}"])
                    self._exited(126)
                    continue
                self._watch()
        finally:
            if self._process is not None:
                self._process.kill_group()
            self._ended.set()

    def _spawn(self) -> None:
        at, container = self.placement, self.container
        self.port = _free_port()
        self.generation += 1
        extra = {
            **container.environment,
            **({"SAGEMAKER_MULTI_MODEL": "true"} if container.models_uri else {}),
            "SAGEMAKER_BIND_TO_PORT": str(self.port),
            "SLIPWAY_BIND_HOST": "127.0.0.1",
        }
        self._process = process = at.core.spawner.start(
            [*container.image.entrypoint, "serve"],
            directory=container.image.directory,
            environment=environment(
                at.core.host,
                container.image,
                container.directory,
                scope=at.scope,
                role=at.role,
                extra=extra,
                isolated=at.isolated,
            ),
            kind="server",
            name=f"{at.endpoint}/{at.name}",
            budget=at.budget,
        )
        process.read_lines(self._log)
        if self._stopping.is_set():  # `stop` came before it could see this process
            process.signal(15)

    def _watch(self) -> None:
        """Until the process ends, or hangs and is ended."""
        limits, process, failed = self.placement.core.limits, self._process, 0
        assert process is not None
        while (code := process.wait(limits.watch_seconds if self.healthy else limits.ping_seconds)) is None:
            if self._stopping.is_set():
                continue  # `stop` ends the process
            if self._ping():
                self._passes = self.ever_healthy = True
                self.refused = False
                failed = 0
            elif self._passes:
                failed += 1
                if failed >= _HUNG_PINGS:
                    self._passes = False
                    self._log([f"/ping failed {failed} times in a row: the container is replaced"])
                    code = process.stop(0)
                    break
        self._passes = False
        if not self._over:
            process.kill_group()
            self.last_reason = process.killed_for
            why = f" ({process.killed_for})" if process.killed_for else ""
            self._log([f"container exited with code {code}{why}; restarting"])
            self._exited(code or 0)

    def _exited(self, code: int) -> None:
        self.last_exit = code
        if not self.ever_healthy:
            self.exits += 1
            if self.exits >= self.placement.core.limits.startup_exits:
                while not self._over:  # the fleet fails and stops this instance
                    self._stopping.wait(_LOOK_SECONDS)
        self._stopping.wait(min(0.1 * max(1, self.exits), 2.0))  # never at once: a container may end as it starts

    def _ping(self) -> bool:
        if self.placement.never_healthy:
            return False
        bound = self.placement.core.limits.ping_timeout_seconds
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=bound)
        started = time.monotonic()
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/ping")
            status = connection.getresponse().status
            return status == 200 and time.monotonic() - started <= bound
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
