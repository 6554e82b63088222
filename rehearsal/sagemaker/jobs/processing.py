"""Processing jobs: /opt/ml/processing, the config files, outputs at the end or while running, ExitMessage."""

import codecs
import contextlib
from pathlib import Path
from typing import Any

from rehearsal.host import Image
from rehearsal.sagemaker import events, objects
from rehearsal.sagemaker.event_details import publish
from rehearsal.sagemaker.jobs.base import TERMINAL, Job
from rehearsal.sagemaker.jobs.checkpoints import Checkpoints
from rehearsal.sagemaker.jobs.data_faults import spoil
from rehearsal.sagemaker.jobs.errors import JobError
from rehearsal.sagemaker.jobs.hosts import JobContainer
from rehearsal.sagemaker.monitoring import metrics as monitoring_metrics
from rehearsal.sagemaker.store import Record

_MESSAGE_BYTES = 1024
_DEFAULTS = {"S3InputMode": "File", "S3DataDistributionType": "FullyReplicated", "S3CompressionType": "None"}


class ProcessingJob(Job):
    """As many processing containers as the request has instances."""

    kind = "Processing"
    log_group = "/aws/sagemaker/ProcessingJobs"

    def __init__(self, core: Any, scope: Any, record: Record) -> None:
        super().__init__(core, scope, record)
        outputs = record.get("ProcessingOutputConfig", {}).get("Outputs", [])
        self._outputs = [one["S3Output"] for one in outputs]
        self._kms_key = record.get("ProcessingOutputConfig", {}).get("KmsKeyId")
        self._continuous: list[Checkpoints] = []

    def image_uri(self) -> str:
        return str(self.record["AppSpecification"]["ImageUri"])

    def command(self, image: Image) -> list[str]:
        app = self.record["AppSpecification"]
        entrypoint = app.get("ContainerEntrypoint") or list(image.entrypoint)
        return [*entrypoint, *app.get("ContainerArguments", [])]

    def isolated(self) -> bool:
        return bool(self.record.get("NetworkConfig", {}).get("EnableNetworkIsolation", False))

    def extra_environment(self) -> dict[str, str]:
        return {**super().extra_environment(), "PROCESSING_JOB_NAME": self.name, "PROCESSING_JOB_ARN": self.arn}

    def cluster(self) -> tuple[str, int, int]:
        config = self.record["ProcessingResources"]["ClusterConfig"]
        return config["InstanceType"], config["InstanceCount"], config["VolumeSizeInGB"]

    def before(self) -> None:
        names = [host.name for host in self.containers]
        for host in self.containers:
            host.folder("/opt/ml/output")
            host.write_json("/opt/ml/config/processingjobconfig.json", self._config())
            host.write_json("/opt/ml/config/resourceconfig.json", {"current_host": host.name, "hosts": names})
            self._prepare_outputs(host)
        files = [file for one in self.record.get("ProcessingInputs", []) for file in self._bring(one["S3Input"])]
        spoil(self.core, self.name, files)
        self.status("InProgress", ProcessingStartTime=self.core.host.clock.now())

    def _bring(self, source: dict[str, Any]) -> list[Path]:
        """One input onto every host; its part of it with ShardedByS3Key."""
        found = objects.items(
            self.client(), source["S3Uri"], source["S3DataType"], region=self.scope.region, role=self.role
        )
        sharded = source.get("S3DataDistributionType") == "ShardedByS3Key"
        files = []
        for number, host in enumerate(self.containers):
            part = found[number :: len(self.containers)] if sharded else found
            target = host.folder(source["LocalPath"])
            objects.bring(self.client(), part, target, check=self.check_stop)
            files += [target / item.name for item in part]
        return files

    def _prepare_outputs(self, host: JobContainer) -> None:
        for output in self._outputs:
            directory = host.folder(output["LocalPath"])
            if output["S3UploadMode"] == "Continuous":
                self._continuous.append(Checkpoints(self.client(), directory, output["S3Uri"], self._kms_key))

    def _config(self) -> dict[str, Any]:
        record = self.record
        inputs = [{**one, "S3Input": {**_DEFAULTS, **one["S3Input"]}} for one in record.get("ProcessingInputs", [])]
        app = {"ContainerEntrypoint": None, "ContainerArguments": None, **record["AppSpecification"]}
        return {
            "ProcessingJobArn": self.arn,
            "ProcessingJobName": self.name,
            "AppSpecification": app,
            "Environment": record.get("Environment", {}),
            "ProcessingInputs": inputs,
            "ProcessingOutputConfig": {"KmsKeyId": None, "Outputs": [], **record.get("ProcessingOutputConfig", {})},
            "ProcessingResources": record["ProcessingResources"],
            "RoleArn": self.role,
            "StoppingCondition": record.get("StoppingCondition", {"MaxRuntimeInSeconds": 86_400}),
        }

    def during(self) -> None:
        for mirror in self._continuous:
            with contextlib.suppress(Exception):  # the last sync tells whether it went wrong
                mirror.sync()

    def after(self, stopped: bool) -> None:
        self._exit_message()
        if self.failure is not None and not stopped:
            raise JobError("AlgorithmError: See job logs for more information")
        try:
            if kind := self.record.get("_monitoring"):
                monitoring_metrics.publish(self, kind)
            for mirror in self._continuous:
                mirror.sync(settled=True)
            for output in self._outputs:
                if output["S3UploadMode"] == "EndOfJob":
                    for host in self.containers:
                        folder = host.path(output["LocalPath"])
                        objects.upload_tree(self.client(), folder, output["S3Uri"], self._kms_key)
        except JobError:
            raise
        except Exception as error:
            raise JobError(f"ClientError: Failed to upload output data:{error}") from error

    def _exit_message(self) -> None:
        """The messages of all containers, cut to 1 KB."""
        message = b""
        for host in self.containers:
            one = host.read("/opt/ml/output/message", _MESSAGE_BYTES * 4)
            try:
                codecs.getincrementaldecoder("utf-8")().decode(one)
            except UnicodeDecodeError as error:
                raise JobError("ClientError: The message in /opt/ml/output/message is not UTF-8 encoded.") from error
            message += one
        if shown := message[:_MESSAGE_BYTES].decode("utf-8", "ignore"):
            self.note(ExitMessage=shown)

    def status(self, primary: str, secondary: str | None = None, **more: Any) -> None:  # noqa: ARG002
        now = self.core.host.clock.now()
        with self.core.store.lock:
            self.record |= {"ProcessingJobStatus": self.stage(primary), "LastModifiedTime": now, **more}
            if primary in TERMINAL:
                self.record["ProcessingEndTime"] = now
            publish(self.core, events.PROCESSING_JOB, self.record)
