"""What training and processing jobs have in common: one real process in a directory laid out as /opt/ml."""

import contextlib
import json
import shutil
import signal
import threading
import time
from pathlib import Path
from typing import Any

from rehearsal.host import Image, ImageNotFoundError, Scope
from rehearsal.sagemaker.containers import environment, local_path
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.objects import TransferError
from rehearsal.sagemaker.processes import ManagedProcess
from rehearsal.sagemaker.store import Record

TERMINAL = frozenset({"Completed", "Failed", "Stopped"})
_POLL_SECONDS = 0.2
_REASON_CHARACTERS = 1024


class JobError(Exception):
    """The job fails; the text is its FailureReason."""


class StoppedError(Exception):
    """The job was stopped before its container ran, or the cloud is shutting down."""


class Job:
    """The life of one job in its own thread. Subclasses say where data comes from and goes to."""

    kind = ""  # Training or Processing
    log_group = ""

    def __init__(self, core: Core, scope: Scope, record: Record) -> None:
        self.core = core
        self.scope = scope
        self.record = record
        self.name: str = record[f"{self.kind}JobName"]
        self.arn: str = record[f"{self.kind}JobArn"]
        self.role: str = record["RoleArn"]
        self.directory = core.root / "jobs" / f"{self.name}-{record['_sequence']}"
        self.stop_requested = threading.Event()
        self.timed_out = False
        self._process: ManagedProcess | None = None

    # What a kind of job adds
    def before(self, image: Image) -> None:
        """Write config files, download inputs."""

    def during(self) -> None:
        """Called every fraction of a second while the container runs."""

    def after(self, code: int, stopped: bool) -> None:
        """Upload what the container made. Raise JobError when it failed."""

    def command(self, image: Image) -> list[str]:
        """The container's command line."""
        raise NotImplementedError

    def status(self, primary: str, secondary: str | None = None, **more: Any) -> None:
        """Show a new status and publish its event."""
        raise NotImplementedError

    def run(self) -> None:
        """To a terminal status, whatever happens, and nothing left on disk."""
        try:
            self._work()
        except StoppedError:
            self.status("Stopped", "Stopped")
        except JobError as error:
            self._failed(str(error))
        except TransferError as error:
            self._failed(f"ClientError: {error}")
        except Exception as error:
            self._failed(f"InternalServerError: We encountered an internal error. {type(error).__name__}: {error}")
        finally:
            if self._process is not None:
                self._process.kill_group()
            shutil.rmtree(self.directory, ignore_errors=True)

    def _failed(self, reason: str) -> None:
        self.status("Failed", "Failed", FailureReason=reason[:_REASON_CHARACTERS])

    def _work(self) -> None:
        uri = self.image_uri()
        try:
            image = self.core.host.image(uri)
        except ImageNotFoundError as error:
            raise JobError(f"ClientError: Cannot find image '{uri}' in its registry. {error}") from error
        for part in ("opt/ml", "tmp"):
            (self.directory / part).mkdir(parents=True)
        self.before(image)
        self.check_stop()
        code = self._execute(image)
        stopped = self.stop_requested.is_set()
        if self.core.stopping.is_set():
            raise StoppedError
        self.after(code, stopped)
        if stopped:
            self.status("Stopped", "MaxRuntimeExceeded" if self.timed_out else "Stopped")
        else:
            self.status("Completed", "Completed")

    def image_uri(self) -> str:
        """The image the request names."""
        raise NotImplementedError

    def extra_environment(self) -> dict[str, str]:
        """The platform's and the request's variables."""
        return dict(self.record.get("Environment", {}))

    def isolated(self) -> bool:
        """Whether the container gets no credentials and no endpoint of the cloud."""
        return bool(self.record.get("EnableNetworkIsolation", False))

    def _execute(self, image: Image) -> int:
        variables = environment(
            self.core.host,
            image,
            self.directory,
            scope=self.scope,
            role=self.role,
            extra=self.extra_environment(),
            isolated=self.isolated(),
        )
        try:
            process = self.core.spawner.start(
                self.command(image),
                directory=image.directory,
                environment=variables,
                kind=self.kind.lower(),
                name=self.name,
            )
        except OSError as error:
            raise JobError(f"AlgorithmError: the container could not be started: {error}") from error
        self._process = process
        process.read_lines(self._log)
        # The process is real, so its time limit is measured on the wall, whatever the speed of the cloud's clock.
        deadline = time.monotonic() + self.record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86_400)
        while (code := process.wait(_POLL_SECONDS)) is None:
            if time.monotonic() > deadline:
                self.timed_out = True
                self.stop_requested.set()
            if self.stop_requested.is_set() or self.core.stopping.is_set():
                code = self._end(process)
                break
            self.during()
        process.kill_group()
        return code

    def _end(self, process: ManagedProcess) -> int:
        limits, clock = self.core.limits, self.core.host.clock
        process.signal(signal.SIGTERM)
        cloud, wall = clock.now() + limits.job_grace_seconds, time.monotonic()
        while (code := process.wait(0.1)) is None:
            waited = time.monotonic() - wall
            due = clock.now() >= cloud and waited >= min(limits.job_grace_floor_seconds, limits.job_grace_seconds)
            if due or waited >= limits.job_grace_seconds or self.core.stopping.is_set():
                process.kill_group()
                return process.wait(0) or 137
        return code

    def check_stop(self) -> None:
        """Give up between two stages when the job was stopped."""
        if self.stop_requested.is_set() or self.core.stopping.is_set():
            raise StoppedError

    def client(self) -> Any:
        """S3 as the job's role."""
        return self.core.host.client("s3", self.role, self.scope)

    def path(self, container_path: str) -> Path:
        """Where a path of the container lies."""
        try:
            return local_path(self.directory, container_path)
        except ValueError as error:
            raise JobError(f"ClientError: {error}") from error

    def write_json(self, container_path: str, document: Any) -> None:
        """A config file of the container."""
        target = self.path(container_path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(document, indent=1, ensure_ascii=False), encoding="utf-8")

    def read_text(self, container_path: str, limit: int = _REASON_CHARACTERS) -> str:
        """The first characters of a text the container left; empty when there is none."""
        with contextlib.suppress(OSError):
            return self.path(container_path).read_bytes()[: limit * 4].decode("utf-8", "replace")[:limit].strip()
        return ""

    def _log(self, lines: list[str]) -> None:
        self.core.log(self.log_group, f"{self.name}/algo-1-{int(self.record['CreationTime'])}", lines, self.scope)
        self.on_log(lines)

    def on_log(self, lines: list[str]) -> None:
        """Look at what the container printed."""
