"""What all jobs have in common: hosts with real containers, watched from the start to a terminal status."""

import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from rehearsal.host import Image, ImageDeniedError, ImageNotFoundError, Scope
from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.faults import declare
from rehearsal.sagemaker.jobs.disk import Disk, remove
from rehearsal.sagemaker.jobs.errors import INTERNAL_ERROR, NO_CAPACITY, InstancesLostError, JobError, StoppedError
from rehearsal.sagemaker.jobs.hosts import JobContainer, Place, places
from rehearsal.sagemaker.jobs.utilization import Utilization
from rehearsal.sagemaker.objects import TransferError
from rehearsal.sagemaker.store import Record

declare("B03", "job", "instance_type", "pending_seconds")
declare("B08", "job", "how")

TERMINAL = frozenset({"Completed", "Failed", "Stopped"})
_POLL_SECONDS = 0.2
_REASON_CHARACTERS = 1024
_DAY_SECONDS = 86_400


class _Either(threading.Event):
    """Set when one of two events is; for waits that both may end."""

    def __init__(self, one: threading.Event, other: threading.Event) -> None:
        super().__init__()
        self._both = (one, other)

    def is_set(self) -> bool:
        return any(event.is_set() for event in self._both)


class Job:
    """The life of one job in its own thread. Subclasses say where data comes from and goes to."""

    kind = ""  # Training, Processing or Transform
    log_group = ""

    def __init__(self, core: Core, scope: Scope, record: Record) -> None:
        self.core = core
        self.scope = scope
        self.record = record
        self.name: str = record[f"{self.kind}JobName"]
        self.arn: str = record[f"{self.kind}JobArn"]
        self.directory = core.root / "jobs" / f"{self.name}-{record['_sequence']}"
        self.stop_requested = threading.Event()
        self.ended = threading.Event()
        self.on_end: list[Callable[[], None]] = []
        self.limit_status = ""  # the status a time limit gives, once one is passed
        self.containers: list[JobContainer] = []
        self.failure: JobContainer | None = None  # the first container that exited with an error
        self.ran_seconds = 0.0  # of the wall, in containers, over all attempts
        self._halt = _Either(self.stop_requested, core.stopping)

    # What a kind of job says of itself
    @property
    def role(self) -> str:
        """The role the job acts with."""
        return str(self.record["RoleArn"])

    def places(self) -> list[Place]:
        """Its hosts."""
        kind, count, _ = self.cluster()
        return places([("homogeneousCluster", kind, count)], self.record["_sequence"])

    def cluster(self) -> tuple[str, int, int]:
        """Instance type, instance count, volume size in GB."""
        raise NotImplementedError

    def before(self) -> None:
        """Write config files, download inputs."""

    def during(self) -> None:
        """Called every fraction of a second while the containers run. May raise to end them."""

    def after(self, stopped: bool) -> None:
        """Upload what the containers made. Raise JobError when they failed."""

    def command(self, image: Image) -> list[str]:
        """The containers' command line."""
        raise NotImplementedError

    def status(self, primary: str, secondary: str | None = None, **more: Any) -> None:
        """Show a new status and publish its event."""
        raise NotImplementedError

    def stage(self, primary: str) -> str:
        """The status to show: a job that is stopping does not go back to InProgress."""
        going_back = primary == "InProgress" and self.record.get(f"{self.kind}JobStatus") == "Stopping"
        return "Stopping" if going_back else primary

    def note(self, **members: Any) -> None:
        """Keep members in the record without a new status."""
        with self.core.store.lock:
            self.record |= members

    def again(self, loss: InstancesLostError) -> bool:  # noqa: ARG002
        """Whether a job that lost its instances starts anew; the caller has cleared the old ones away."""
        return False

    def image_uri(self) -> str:
        """The image the request names."""
        raise NotImplementedError

    def extra_environment(self) -> dict[str, str]:
        """The platform's and the request's variables."""
        return dict(self.record.get("Environment", {}))

    def isolated(self) -> bool:
        """Whether the containers get no credentials and no endpoint of the cloud."""
        return bool(self.record.get("EnableNetworkIsolation", False))

    def seconds_left(self) -> tuple[float, str]:
        """Of the wall, until a time limit, and the status it gives. Real processes are measured on the wall."""
        limit = self.record.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", _DAY_SECONDS)
        return limit - self.ran_seconds, "MaxRuntimeExceeded"

    def run(self, lost: InstancesLostError | None = None) -> None:
        """To a terminal status, shown once no process and no file is left. A cloud that shuts down leaves it open.

        `lost` tells of an earlier attempt whose instances are gone.
        """
        primary, secondary, reason = "Failed", "Failed", ""
        try:
            if lost is not None:
                self._recover(lost)
            self._work()
            stopped = self.stop_requested.is_set()
            primary, secondary = ("Stopped", self.limit_status or "Stopped") if stopped else ("Completed", "Completed")
        except StoppedError:
            primary, secondary = "Stopped", self.limit_status or "Stopped"
        except JobError as error:
            reason = str(error)
        except TransferError as error:
            reason = f"ClientError: {error}"
        except Exception as error:
            reason = f"{INTERNAL_ERROR} ({type(error).__name__}: {error})"
        self._clear()
        if not self.core.stopping.is_set():
            self.status(primary, secondary, **({"FailureReason": reason[:_REASON_CHARACTERS]} if reason else {}))
        self.ended.set()
        for call in self.on_end:
            call()

    def _work(self) -> None:
        while True:
            try:
                self._attempt()
            except (StoppedError, JobError, TransferError):
                raise
            except Exception as error:
                loss = error if isinstance(error, InstancesLostError) else InstancesLostError(repr(error))
                self._clear()
                self.check_stop()
                self._recover(loss)
            else:
                return

    def _recover(self, loss: InstancesLostError) -> None:
        if not self.again(loss):
            raise JobError(f"{INTERNAL_ERROR} ({loss})")

    def _attempt(self) -> None:
        uri = self.image_uri()
        try:
            image = self.core.host.pull(uri, self.role, self.scope)
        except ImageDeniedError as error:
            raise JobError(f"ClientError: Cannot pull image '{uri}'. {error}") from error
        except ImageNotFoundError as error:
            raise JobError(f"ClientError: Cannot find image '{uri}' in its registry. {error}") from error
        self._clear()
        self.provision()
        hosts = self.places()
        self.failure = None
        self.containers = [JobContainer(self.core, self.directory / one.name, one, self._log) for one in hosts]
        self.before()
        self.check_stop()
        self._execute(image, hosts)
        if self.core.stopping.is_set():
            raise StoppedError
        for one in self.containers:
            if one.killed_for:
                raise JobError(f"ClientError: The container on {one.name} was ended: {one.killed_for}.")
        self.after(self.stop_requested.is_set())

    def provision(self) -> None:
        """Get instances, unless fault B03 says there are none."""
        for kind in sorted({one.instance_type for one in self.places()}):
            if fault := self.core.faults.take("B03", job=self.name, instance_type=kind):
                self.no_capacity(fault.where.get("pending_seconds"))

    def no_capacity(self, pending_seconds: float | None) -> None:  # noqa: ARG002
        """There are no instances (for so long)."""
        raise JobError(NO_CAPACITY)

    def _execute(self, image: Image, hosts: list[Place]) -> None:
        """Start all containers and watch them until all have exited, one has failed, or something ends them."""
        disk = Disk(self.core.limits.volume_gb_bytes * self.cluster()[2])
        meter = Utilization(self)
        began = time.monotonic()
        left, limit = self.seconds_left()
        try:
            for one in self.containers:
                one.start(
                    image, self.command(image), hosts=hosts, scope=self.scope, role=self.role,
                    extra=self.extra_environment(), isolated=self.isolated(), kind=self.kind.lower(), job=self.name,
                )  # fmt: skip
            while running := [one for one in self.containers if one.code is None]:
                running[0].wait(_POLL_SECONDS)
                for one in running[1:]:
                    one.wait(0)
                self.failure = next((one for one in self.containers if one.code), None)
                if time.monotonic() - began > left:
                    self.limit_status = limit
                    self.stop_requested.set()
                if self._halt.is_set() or self.failure is not None:
                    self.end_containers()
                    break
                self._inject()
                for one in running:
                    disk.check(one.directory, one.name)
                if meter.due:
                    for one in running:
                        meter.publish(one.name, one.usage(), one.memory_bytes(), disk.share(one.name))
                self.during()
        finally:
            for one in self.containers:
                one.end()
            self.ran_seconds += time.monotonic() - began

    def _inject(self) -> None:
        """Fault B08: the container exits, is ended for its memory, hangs, or its host dies."""
        fault = self.core.faults.take("B08", job=self.name)
        if fault is None:
            return
        how = fault.where.get("how", "exit")
        if how == "host":
            raise InstancesLostError("the host failed (fault B08)")
        number = {"hang": signal.SIGSTOP, "memory": signal.SIGKILL}.get(how, signal.SIGABRT)
        for one in self.containers:
            one.signal(number)

    def end_containers(self) -> None:
        """SIGTERM to all, then SIGKILL to what is left after the grace."""
        limits, clock = self.core.limits, self.core.host.clock
        for one in self.containers:
            one.signal(signal.SIGTERM)
        cloud, wall = clock.now() + limits.job_grace_seconds, time.monotonic()
        while running := [one for one in self.containers if one.wait(0) is None]:
            running[0].wait(0.1)
            waited = time.monotonic() - wall
            due = clock.now() >= cloud and waited >= min(limits.job_grace_floor_seconds, limits.job_grace_seconds)
            if due or waited >= limits.job_grace_seconds or self.core.stopping.is_set():
                return

    def check_stop(self) -> None:
        """Give up between two stages when the job was stopped."""
        if self._halt.is_set():
            raise StoppedError

    def pause_until(self, moment: float) -> bool:
        """Wait until this cloud time; false if a stop came first."""
        clock = self.core.host.clock
        return clock.sleep(max(0.0, moment - clock.now()), self._halt)

    def client(self) -> Any:
        """S3 as the job's role."""
        return self.core.host.client("s3", self.role, self.scope)

    def _clear(self) -> None:
        for one in self.containers:
            one.end()
        self.containers = []
        remove(self.directory)

    def _log(self, container: JobContainer, lines: list[str]) -> None:
        stream = f"{self.name}/{container.name}-{int(self.record['CreationTime'])}"
        self.core.log(self.log_group, stream, lines, self.scope)
        self.on_log(container, lines)

    def on_log(self, container: JobContainer, lines: list[str]) -> None:
        """Look at what a container printed."""
