"""Training jobs: /opt/ml of the training contract, channels, checkpoints, spot interruptions, metrics, model.tar.gz."""

import contextlib
import posixpath
from collections.abc import Callable
from typing import Any

from rehearsal.host import Image
from rehearsal.sagemaker.faults import declare
from rehearsal.sagemaker.jobs.base import Job
from rehearsal.sagemaker.jobs.channels import Channel, Supply
from rehearsal.sagemaker.jobs.checkpoints import Checkpoints
from rehearsal.sagemaker.jobs.data_faults import spoil
from rehearsal.sagemaker.jobs.errors import InstancesLostError, JobError, StoppedError
from rehearsal.sagemaker.jobs.hosts import JobContainer, Place, places
from rehearsal.sagemaker.jobs.log_metrics import NAMESPACE, LogMetrics
from rehearsal.sagemaker.jobs.training_output import guarded, upload_data, upload_model
from rehearsal.sagemaker.jobs.training_status import advance
from rehearsal.sagemaker.store import Record

declare("B04", "job", "capacity_seconds", "checkpoints")
declare("B06", "job", "status")
declare("B07", "job")
declare("B13", "job", "metric")

_FAILURE_CHARACTERS = 1024
CONFIG = "/opt/ml/input/config"
HOMOGENEOUS = "homogeneousCluster"


class TrainingJob(Job):
    """As many training containers as the request has instances."""

    kind = "Training"
    log_group = "/aws/sagemaker/TrainingJobs"

    def __init__(self, core: Any, scope: Any, record: Record) -> None:
        super().__init__(core, scope, record)
        algorithm = record["AlgorithmSpecification"]
        self.metrics = LogMetrics(algorithm.get("MetricDefinitions", []))
        self.on_metrics: list[Callable[[list[dict[str, Any]]], None]] = []
        self._channels = [Channel(one, algorithm["TrainingInputMode"]) for one in record.get("InputDataConfig", [])]
        self._supply: Supply | None = None
        self._mirrors: list[Checkpoints] = []
        self._lost_metrics: set[str] = set()
        self._waited_seconds = 0.0  # of cloud time, for spot capacity

    def image_uri(self) -> str:
        return str(self.record["AlgorithmSpecification"]["TrainingImage"])

    def command(self, image: Image) -> list[str]:
        algorithm = self.record["AlgorithmSpecification"]
        entrypoint = algorithm.get("ContainerEntrypoint") or list(image.entrypoint)
        return [*entrypoint, *algorithm.get("ContainerArguments", ["train"])]

    def extra_environment(self) -> dict[str, str]:
        return {**super().extra_environment(), "TRAINING_JOB_NAME": self.name, "TRAINING_JOB_ARN": self.arn}

    def cluster(self) -> tuple[str, int, int]:
        config = self.record["ResourceConfig"]
        return config.get("InstanceType", ""), config.get("InstanceCount", 1), config.get("VolumeSizeInGB", 30)

    def groups(self) -> list[tuple[str, str, int]]:
        """Name, instance type and count of each instance group; one group when the request has none."""
        given = self.record["ResourceConfig"].get("InstanceGroups")
        if given:
            return [(one["InstanceGroupName"], one["InstanceType"], one["InstanceCount"]) for one in given]
        kind, count, _ = self.cluster()
        return [(HOMOGENEOUS, kind, count)]

    def places(self) -> list[Place]:
        return places(self.groups(), self.record["_sequence"])

    def no_capacity(self, pending_seconds: float | None) -> None:
        if pending_seconds is None:
            super().no_capacity(None)
            return
        began = self.core.host.clock.now()  # before anybody can see the status and move the clock
        self.status("InProgress", "Pending")
        most = self.record["StoppingCondition"].get("MaxPendingTimeInSeconds", pending_seconds)
        if not self.pause_until(began + min(pending_seconds, most)) or most < pending_seconds:
            raise StoppedError
        self.status("InProgress", "Starting")

    def before(self) -> None:
        self.status("InProgress", "Downloading")
        self._mirrors = []
        for host in self.containers:
            for part in (CONFIG, "/opt/ml/model", "/opt/ml/output/data", "/opt/ml/checkpoints"):
                host.folder(part)
            host.write_json(f"{CONFIG}/hyperparameters.json", self.record.get("HyperParameters", {}))
            host.write_json(f"{CONFIG}/resourceconfig.json", self._resources(host))
            channels = {one.name: one.describe() for one in self._channels if one.reaches(host.place)}
            host.write_json(f"{CONFIG}/inputdataconfig.json", channels)
            self._mirror(host)
        self._supply = Supply(self.client(), self._channels, region=self.scope.region, role=self.role)
        files = self._supply.bring(self.containers, self.check_stop)
        spoil(self.core, self.name, files)
        self._supply.start(self.core.run)
        self.status("InProgress", "Training")

    def _resources(self, host: JobContainer) -> dict[str, Any]:
        hosts = [one.place for one in self.containers]
        return {
            "current_host": host.name,
            "current_instance_type": host.place.instance_type,
            "current_group_name": host.place.group,
            "hosts": [one.name for one in hosts],
            "instance_groups": [
                {
                    "instance_group_name": name,
                    "instance_type": kind,
                    "hosts": [one.name for one in hosts if one.group == name],
                }
                for name, kind, _ in self.groups()
            ],
            "network_interface_name": "lo",
        }

    def _mirror(self, host: JobContainer) -> None:
        """Checkpoints are restored and mirrored; debugger and TensorBoard output is mirrored."""
        record = self.record
        if config := record.get("CheckpointConfig"):
            directory = host.folder(config.get("LocalPath", "/opt/ml/checkpoints/"))
            checkpoints = Checkpoints(self.client(), directory, config["S3Uri"])
            checkpoints.restore()
            self._mirrors.append(checkpoints)
        for member, default, name in (
            ("DebugHookConfig", "/opt/ml/output/tensors", "debug-output"),
            ("TensorBoardOutputConfig", "/opt/ml/output/tensorboard", "tensorboard-output"),
        ):
            if config := record.get(member):
                uri = posixpath.join(config["S3OutputPath"], self.name, name)
                self._mirrors.append(Checkpoints(self.client(), host.folder(config.get("LocalPath", default)), uri))
        if hook := record.get("DebugHookConfig"):
            host.write_json(f"{CONFIG}/debughookconfig.json", hook)

    def during(self) -> None:
        if self._supply is not None:
            self._supply.check()
        if self.core.faults.take("B07", job=self.name):
            self._mirrors = []  # silently: the job never tells
        for mirror in self._mirrors:
            with contextlib.suppress(Exception):  # a failing sync does not end the training; the next one tries again
                mirror.sync()
        if fault := self.core.faults.take("B06", job=self.name):
            self.limit_status = fault.where.get("status", "MaxRuntimeExceeded")
            self.stop_requested.set()
        if self.record.get("EnableManagedSpotTraining"):
            uploads = sum(one.uploads for one in self._mirrors)
            fault = self.core.faults.take_if(
                "B04",
                lambda where: where.get("job", self.name) == self.name and uploads >= where.get("checkpoints", 0),
            )
            if fault is not None:
                self.end_containers()
                self._last_sync()
                raise InstancesLostError("spot interruption", spot=True, where=fault.where)

    def again(self, loss: InstancesLostError) -> bool:
        """A spot job waits for capacity; one with a retry strategy tries again after an internal error."""
        self._end_supply()
        record = self.record
        if loss.spot:
            began = self.core.host.clock.now()
            self.status("InProgress", "Interrupted")
            wanted = float(loss.where.get("capacity_seconds", 0.0))
            left = record["StoppingCondition"]["MaxWaitTimeInSeconds"] - self.ran_seconds - self._waited_seconds
            self._waited_seconds += wanted
            if not self.pause_until(began + min(wanted, left)):
                raise StoppedError
            if wanted >= left:
                self.limit_status = "MaxWaitTimeExceeded"
                raise StoppedError
        else:
            attempts = record.get("_retries", 0)
            if attempts >= record.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0):
                return False
            self.note(_retries=attempts + 1)
            self.status("InProgress", "Restarting")
        self.status("InProgress", "Starting")
        return True

    def seconds_left(self) -> tuple[float, str]:
        runtime, status = super().seconds_left()
        condition = self.record["StoppingCondition"]
        if "MaxWaitTimeInSeconds" in condition:
            wait = condition["MaxWaitTimeInSeconds"] - self.ran_seconds - self._waited_seconds
            if wait < runtime:
                return wait, "MaxWaitTimeExceeded"
        return runtime, status

    def _last_sync(self) -> None:
        for mirror in self._mirrors:
            mirror.sync(settled=True)

    def _end_supply(self) -> None:
        if self._supply is not None:
            self._supply.close()

    def after(self, stopped: bool) -> None:
        now = self.core.host.clock.now()
        self._end_supply()
        guarded(self, self._last_sync)
        if self._supply is not None:
            self._supply.check()
        if self.failure is not None and not stopped:
            text = self.failure.read("/opt/ml/output/failure", _FAILURE_CHARACTERS * 4).decode("utf-8", "replace")
            upload_data(self)
            reason = text[:_FAILURE_CHARACTERS].strip()[: _FAILURE_CHARACTERS - 40]
            raise JobError(f"AlgorithmError: {reason}, exit code: {self.failure.code}")
        self.status(
            "Stopping" if stopped else "InProgress", "Stopping" if stopped else "Uploading", TrainingEndTime=now
        )
        upload_data(self)
        upload_model(self)

    def on_log(self, container: JobContainer, lines: list[str]) -> None:
        data = self.metrics.read(lines, f"{self.name}/{container.name}", self.core.host.clock.now(), self._lost)
        if not data:
            return
        with self.core.store.lock:
            self.record["FinalMetricDataList"] = self.metrics.final
        with contextlib.suppress(Exception):
            self.core.host.put_metrics(NAMESPACE, data, self.scope)
        for listener in self.on_metrics:
            listener(data)

    def _lost(self, metric: str) -> bool:
        if self.core.faults.take("B13", job=self.name, metric=metric):
            self._lost_metrics.add(metric)
        return metric in self._lost_metrics

    def status(self, primary: str, secondary: str | None = None, **more: Any) -> None:
        advance(self, primary, secondary or primary, more)
