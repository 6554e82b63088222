"""Training jobs: /opt/ml of the training contract, checkpoints, metrics from the log, model.tar.gz."""

import contextlib
import posixpath
import re
from pathlib import Path
from typing import Any

from rehearsal.host import Image
from rehearsal.sagemaker import archive, events, objects
from rehearsal.sagemaker.checkpoints import Checkpoints
from rehearsal.sagemaker.jobs import TERMINAL, Job, JobError
from rehearsal.sagemaker.store import Record

METRICS_NAMESPACE = "/aws/sagemaker/TrainingJobs"


class TrainingJob(Job):
    """One training container."""

    kind = "Training"
    log_group = "/aws/sagemaker/TrainingJobs"

    def __init__(self, core: Any, scope: Any, record: Record) -> None:
        super().__init__(core, scope, record)
        definitions = record["AlgorithmSpecification"].get("MetricDefinitions", [])
        self._metrics = [(one["Name"], re.compile(one["Regex"])) for one in definitions]
        self._final: dict[str, dict[str, Any]] = {}
        self._checkpoints: Checkpoints | None = None

    def image_uri(self) -> str:
        return str(self.record["AlgorithmSpecification"]["TrainingImage"])

    def command(self, image: Image) -> list[str]:
        algorithm = self.record["AlgorithmSpecification"]
        entrypoint = algorithm.get("ContainerEntrypoint") or list(image.entrypoint)
        return [*entrypoint, *algorithm.get("ContainerArguments", ["train"])]

    def extra_environment(self) -> dict[str, str]:
        return {**super().extra_environment(), "TRAINING_JOB_NAME": self.name, "TRAINING_JOB_ARN": self.arn}

    def before(self, image: Image) -> None:  # noqa: ARG002
        self.status("InProgress", "Downloading", message="Downloading input data")
        for part in ("input/config", "model", "output/data", "checkpoints"):
            self.path(f"/opt/ml/{part}").mkdir(parents=True, exist_ok=True)
        channels = self.record.get("InputDataConfig", [])
        self.write_json("/opt/ml/input/config/hyperparameters.json", self.record.get("HyperParameters", {}))
        self.write_json("/opt/ml/input/config/resourceconfig.json", self._resources())
        self.write_json("/opt/ml/input/config/inputdataconfig.json", {c["ChannelName"]: _channel(c) for c in channels})
        for channel in channels:
            self.check_stop()
            source = channel["DataSource"]["S3DataSource"]
            target = self.path(f"/opt/ml/input/data/{channel['ChannelName']}")
            objects.download(
                self.client(), source["S3Uri"], source["S3DataType"], target, region=self.scope.region, role=self.role
            )
        if config := self.record.get("CheckpointConfig"):
            directory = self.path(config.get("LocalPath", "/opt/ml/checkpoints/"))
            self._checkpoints = Checkpoints(self.client(), directory, config["S3Uri"])
            self._checkpoints.restore()
        self.status(
            "InProgress", "Training", message="Training image download completed. Training in progress.",
            TrainingStartTime=self.core.host.clock.now(),
        )  # fmt: skip

    def _resources(self) -> dict[str, Any]:
        instance_type = self.record["ResourceConfig"].get("InstanceType")
        group = {"instance_group_name": "homogeneousCluster", "instance_type": instance_type, "hosts": ["algo-1"]}
        return {
            "current_host": "algo-1",
            "current_instance_type": instance_type,
            "current_group_name": "homogeneousCluster",
            "hosts": ["algo-1"],
            "instance_groups": [group],
            "network_interface_name": "lo",
        }

    def during(self) -> None:
        if self._checkpoints is not None:
            with contextlib.suppress(Exception):  # a failing sync does not end the training; the next one tries again
                self._checkpoints.sync()

    def after(self, code: int, stopped: bool) -> None:
        now = self.core.host.clock.now()
        if self._checkpoints is not None:
            self._checkpoints.sync(settled=True)
        if code != 0 and not stopped:
            reason = self.read_text("/opt/ml/output/failure", 900)
            self._upload_data()
            raise JobError(f"AlgorithmError: {reason}, exit code: {code}")
        secondary = "Stopping" if stopped else "Uploading"
        message = "Uploading generated training model"
        self.status("Stopping" if stopped else "InProgress", secondary, message=message, TrainingEndTime=now)
        self._upload_data()
        self._upload_model()

    def _output(self, name: str) -> tuple[str, str]:
        bucket, prefix = objects.parse_uri(self.record["OutputDataConfig"]["S3OutputPath"])
        return bucket, posixpath.join(prefix, self.name, "output", name)

    def _upload_model(self) -> None:
        fault = self.core.faults.take("B09", job=self.name)
        what = fault.where.get("artefact", "missing") if fault else None
        packed = self.record["OutputDataConfig"].get("CompressionType", "GZIP") == "GZIP"
        bucket, key = self._output("model.tar.gz" if packed else "model/")
        self.record["ModelArtifacts"] = {"S3ModelArtifacts": f"s3://{bucket}/{key}"}
        if what == "missing":
            return
        if what in ("empty", "not_a_tar"):
            self._put(bucket, key, b"" if what == "empty" else b"<html>this is not an archive</html>")
        elif packed:
            self._upload_tar(self.path("/opt/ml/model"), bucket, key)
        else:
            self._guarded(objects.upload_tree, self.client(), self.path("/opt/ml/model"), f"s3://{bucket}/{key}")

    def _upload_data(self) -> None:
        self._upload_tar(self.path("/opt/ml/output/data"), *self._output("output.tar.gz"))

    def _upload_tar(self, source: Path, bucket: str, key: str) -> None:
        target = self.directory / "tmp" / posixpath.basename(key)
        if self._guarded(archive.pack, source, target):
            self._guarded(objects.put_file, self.client(), target, bucket, key)
            target.unlink()

    def _put(self, bucket: str, key: str, body: bytes) -> None:
        self._guarded(self.client().put_object, Bucket=bucket, Key=key, Body=body)

    def _guarded(self, work: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return work(*args, **kwargs)
        except Exception as error:
            raise JobError(f"ClientError: Artifact upload failed:{error}") from error

    def on_log(self, lines: list[str]) -> None:
        now = self.core.host.clock.now()
        data = []
        for line in lines:
            for name, regex in self._metrics:
                for matched in regex.finditer(line):
                    with contextlib.suppress(ValueError, IndexError, TypeError):
                        value = float(matched[1])
                        self._final[name] = {"MetricName": name, "Value": value, "Timestamp": now}
                        dimensions = [{"Name": "Host", "Value": f"{self.name}/algo-1"}]
                        data.append({"MetricName": name, "Dimensions": dimensions, "Timestamp": now, "Value": value})
        if data:
            with self.core.store.lock:
                self.record["FinalMetricDataList"] = list(self._final.values())
            with contextlib.suppress(Exception):
                self.core.host.put_metrics(METRICS_NAMESPACE, data, self.scope)

    def status(self, primary: str, secondary: str | None = None, *, message: str = "", **more: Any) -> None:
        now = self.core.host.clock.now()
        record = self.record
        with self.core.store.lock:
            transitions = record.setdefault("SecondaryStatusTransitions", [])
            if transitions and "EndTime" not in transitions[-1]:
                transitions[-1]["EndTime"] = now
            entry = {"Status": secondary or primary, "StartTime": now}
            text = message or more.get("FailureReason") or _MESSAGES.get(secondary or primary)
            transitions.append({**entry, "StatusMessage": text} if text else entry)
            record |= {
                "TrainingJobStatus": primary,
                "SecondaryStatus": secondary or primary,
                "LastModifiedTime": now,
                **more,
            }
            if primary in TERMINAL:
                transitions[-1]["EndTime"] = now
                record.setdefault("TrainingEndTime", now)
                if started := record.get("TrainingStartTime"):
                    seconds = max(1, round(record["TrainingEndTime"] - started))
                    record |= {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds}
            detail = self._detail()
        self.core.events.put(events.TRAINING_JOB, self.arn, detail, self.scope)

    def _detail(self) -> dict[str, Any]:
        detail = {key: value for key, value in self.record.items() if not key.startswith("_")}
        for key in ("CreationTime", "TrainingStartTime", "TrainingEndTime", "LastModifiedTime"):
            if key in detail:
                detail[key] = str(events.epoch_ms(detail[key]))
        detail.setdefault("HyperParameters", {})
        detail["Tags"] = dict(self.core.store.state(self.scope).tags.get(self.arn, {}))
        return detail


_MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Completed": "Training job completed",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds",
}


def _channel(channel: dict[str, Any]) -> dict[str, Any]:
    document = {
        "TrainingInputMode": channel.get("InputMode", "File"),
        "S3DistributionType": channel["DataSource"]["S3DataSource"].get("S3DataDistributionType", "FullyReplicated"),
        "RecordWrapperType": channel.get("RecordWrapperType", "None"),
    }
    return {"ContentType": channel["ContentType"], **document} if "ContentType" in channel else document
