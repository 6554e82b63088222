"""Processing jobs: /opt/ml/processing, the config files, outputs at the end or while running, ExitMessage."""

import contextlib
from typing import Any

from rehearsal.host import Image
from rehearsal.sagemaker import events, objects
from rehearsal.sagemaker.checkpoints import Checkpoints
from rehearsal.sagemaker.jobs import TERMINAL, Job, JobError
from rehearsal.sagemaker.store import Record

_MESSAGE_BYTES = 1024
_DEFAULTS = {"S3InputMode": "File", "S3DataDistributionType": "FullyReplicated", "S3CompressionType": "None"}
_EVENT_ENUMS = {
    "S3DataType": {"S3Prefix": "S3_PREFIX", "ManifestFile": "MANIFEST_FILE"},
    "S3UploadMode": {"EndOfJob": "END_OF_JOB", "Continuous": "CONTINUOUS"},
}


class ProcessingJob(Job):
    """One processing container."""

    kind = "Processing"
    log_group = "/aws/sagemaker/ProcessingJobs"

    def __init__(self, core: Any, scope: Any, record: Record) -> None:
        super().__init__(core, scope, record)
        outputs = record.get("ProcessingOutputConfig", {}).get("Outputs", [])
        self._outputs = [one["S3Output"] for one in outputs]
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

    def before(self, image: Image) -> None:  # noqa: ARG002
        self.path("/opt/ml/output").mkdir(parents=True)
        self.write_json("/opt/ml/config/processingjobconfig.json", self._config())
        self.write_json("/opt/ml/config/resourceconfig.json", {"current_host": "algo-1", "hosts": ["algo-1"]})
        for one in self.record.get("ProcessingInputs", []):
            self.check_stop()
            source = one["S3Input"]
            target = self.path(source["LocalPath"])
            objects.download(
                self.client(), source["S3Uri"], source["S3DataType"], target, region=self.scope.region, role=self.role
            )
        for output in self._outputs:
            directory = self.path(output["LocalPath"])
            directory.mkdir(parents=True, exist_ok=True)
            if output["S3UploadMode"] == "Continuous":
                self._continuous.append(Checkpoints(self.client(), directory, output["S3Uri"]))
        self.status("InProgress", ProcessingStartTime=self.core.host.clock.now())

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

    def after(self, code: int, stopped: bool) -> None:
        self._exit_message()
        if code == 0 or stopped:
            try:
                for mirror in self._continuous:
                    mirror.sync(settled=True)
                for output in self._outputs:
                    if output["S3UploadMode"] == "EndOfJob":
                        objects.upload_tree(self.client(), self.path(output["LocalPath"]), output["S3Uri"])
            except Exception as error:
                raise JobError(f"ClientError: Failed to upload output data:{error}") from error
        elif self.timed_out:
            raise JobError("ClientError: Maximum runtime exceeded")
        else:
            raise JobError("AlgorithmError: See job logs for more information")

    def _exit_message(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            message = self.path("/opt/ml/output/message").read_bytes()
            try:
                message.decode("utf-8")
            except UnicodeDecodeError as error:
                raise JobError("ClientError: The message in /opt/ml/output/message is not UTF-8 encoded.") from error
            shown = message[:_MESSAGE_BYTES].decode("utf-8", "ignore")
            if shown:
                self.record["ExitMessage"] = shown

    def status(self, primary: str, secondary: str | None = None, **more: Any) -> None:  # noqa: ARG002
        now = self.core.host.clock.now()
        with self.core.store.lock:
            self.record |= {"ProcessingJobStatus": primary, "LastModifiedTime": now, **more}
            if primary in TERMINAL:
                self.record["ProcessingEndTime"] = now
            detail = self._detail()
        self.core.events.put(events.PROCESSING_JOB, self.arn, detail, self.scope)

    def _detail(self) -> dict[str, Any]:
        # The documented sample has no ExitMessage: whoever wants it calls DescribeProcessingJob.
        detail = {key: value for key, value in self.record.items() if not key.startswith("_") and key != "ExitMessage"}
        for key in ("CreationTime", "ProcessingStartTime", "ProcessingEndTime", "LastModifiedTime"):
            if key in detail:
                detail[key] = events.epoch_ms(detail[key])
        if "ProcessingInputs" in detail:
            detail["ProcessingInputs"] = [_upper(one, "S3Input") for one in detail["ProcessingInputs"]]
        if "ProcessingOutputConfig" in detail:
            outputs = [_upper(one, "S3Output") for one in detail["ProcessingOutputConfig"]["Outputs"]]
            detail["ProcessingOutputConfig"] = {**detail["ProcessingOutputConfig"], "Outputs": outputs}
        return detail


def _upper(one: dict[str, Any], member: str) -> dict[str, Any]:
    """Enum values inside processing events are upper case."""
    inner = dict(one[member])
    for key, value in inner.items():
        if key in _EVENT_ENUMS:
            inner[key] = _EVENT_ENUMS[key].get(value, value.upper())
        elif key in ("S3InputMode", "S3DataDistributionType", "S3CompressionType"):
            inner[key] = value.upper()
    return {**one, member: inner}
