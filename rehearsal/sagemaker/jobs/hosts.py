"""One host of a job: a directory laid out as /opt/ml, and the container that runs in it."""

import contextlib
import json
import os
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.host import Image, Scope
from rehearsal.sagemaker.accounting import Usage, machine_memory_bytes
from rehearsal.sagemaker.containers import environment, local_path
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.instance_types import memory_bytes
from rehearsal.sagemaker.jobs.errors import JobError
from rehearsal.sagemaker.processes import Budget, ManagedProcess

_HOSTNAMES = Path(__file__).with_name("hostnames")
_ADDRESSES = 250  # of a /24 on the loopback, one /24 for a job


@dataclass(frozen=True)
class Place:
    """A host before anything runs on it: `algo-1` …, its instance, the group it belongs to, its own address."""

    name: str
    instance_type: str
    group: str
    address: str


def places(groups: Sequence[tuple[str, str, int]], sequence: int) -> list[Place]:
    """Hosts algo-1 … of groups (name, instance type, count). Jobs at work at the same time get different addresses."""
    flat = [(name, kind) for name, kind, count in groups for _ in range(count)]
    if len(flat) == 1:
        return [Place("algo-1", flat[0][1], flat[0][0], "127.0.0.1")]
    net = f"127.{64 + sequence // _ADDRESSES % 64}.{sequence % _ADDRESSES + 1}"
    return [Place(f"algo-{n}", kind, name, f"{net}.{n}") for n, (name, kind) in enumerate(flat, 1)]


class JobContainer:
    """Starts, tells and ends one container. `code` is its exit code once it is known."""

    def __init__(self, core: Core, directory: Path, place: Place, log: Callable[["JobContainer", list[str]], None]):
        self.core = core
        self.place = place
        self.name = place.name
        self.directory = directory
        self.code: int | None = None
        self._log = log
        self._process: ManagedProcess | None = None
        for part in ("opt/ml", "tmp"):
            (directory / part).mkdir(parents=True, exist_ok=True)

    def path(self, container_path: str) -> Path:
        """Where a path of the container lies. JobError when it leaves /opt/ml, over a link of the container too."""
        try:
            path = local_path(self.directory, container_path)
        except ValueError as error:
            raise JobError(f"ClientError: {error}") from error
        if not path.resolve().is_relative_to(self.directory.resolve()):
            raise JobError(f'ClientError: "{container_path}" is a link that leaves the container\'s own directory')
        return path

    def folder(self, container_path: str) -> Path:
        """The same, made if it is not there."""
        path = self.path(container_path)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def write_json(self, container_path: str, document: Any) -> None:
        """A config file of the container."""
        target = self.path(container_path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")

    def read(self, container_path: str, limit_bytes: int) -> bytes:
        """The first bytes of a regular file the container left; empty when there is none (or a pipe, or a link)."""
        with contextlib.suppress(OSError, JobError):
            descriptor = os.open(self.path(container_path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(descriptor, "rb") as file:
                if stat.S_ISREG(os.fstat(descriptor).st_mode):
                    return file.read(limit_bytes)
        return b""

    def start(
        self,
        image: Image,
        command: Sequence[str],
        *,
        hosts: Sequence[Place],
        scope: Scope,
        role: str,
        extra: dict[str, str],
        isolated: bool,
        kind: str,
        job: str,
    ) -> None:
        """Run the command. JobError when the machine cannot start it."""
        variables = environment(
            self.core.host,
            image,
            self.directory,
            scope=scope,
            role=role,
            extra=extra | (self._names(hosts, extra, image) if len(hosts) > 1 else {}),
            isolated=isolated,
        )
        try:
            process = self.core.spawner.start(
                command,
                directory=image.directory,
                environment=variables,
                kind=kind,
                name=job,
                budget=Budget(memory_bytes=self.memory_bytes()),
            )
        except OSError as error:
            raise JobError(f"AlgorithmError: the container could not be started: {error}") from error
        self._process = process
        process.read_lines(lambda lines: self._log(self, lines))

    def memory_bytes(self) -> int:
        """The instance's, but never so much that this machine itself would run out of memory."""
        return min(memory_bytes(self.place.instance_type), int(machine_memory_bytes() * self.core.limits.memory_share))

    def usage(self) -> Usage:
        """What its processes use now."""
        return self._process.usage() if self._process is not None else Usage()

    @property
    def killed_for(self) -> str:
        """The budget it exceeded, in words; empty if none."""
        return self._process.killed_for if self._process is not None else ""

    def _names(self, hosts: Sequence[Place], extra: dict[str, str], image: Image) -> dict[str, str]:
        own = [extra.get("PYTHONPATH") or image.environment.get("PYTHONPATH", "")]
        return {
            "SLIPWAY_HOST": self.name,
            "SLIPWAY_HOSTS": ",".join(f"{one.name}={one.address}" for one in hosts),
            "SLIPWAY_BIND_HOST": self.place.address,
            "PYTHONPATH": os.pathsep.join([str(_HOSTNAMES), *filter(None, own)]),
        }

    def wait(self, seconds: float) -> int | None:
        """Exit code, or None if still running after this long (wall)."""
        if self.code is None and self._process is not None:
            self.code = self._process.wait(seconds)
        return self.code

    def signal(self, number: int) -> None:
        """Signal the container's first process."""
        if self._process is not None and self.code is None:
            self._process.signal(number)

    def end(self) -> None:
        """Nothing of the container runs any more, whatever it forked; its last log lines are collected."""
        if self._process is None:
            return
        self._process.kill_group()
        if self.code is None:
            self.code = self._process.wait(0)
            self.code = 137 if self.code is None else self.code
