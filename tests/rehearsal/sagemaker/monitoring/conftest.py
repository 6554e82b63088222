"""The overlay with an endpoint that captures, and a container that monitors in a few lines."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

MONITOR = """
import json, os, sys
base = os.environ["SAGEMAKER_BASE_DIR"]
def path(name): return os.path.join(base, name.removeprefix("/opt/ml/"))
def write(name, text):
    os.makedirs(os.path.dirname(path(name)), exist_ok=True)
    with open(path(name), "w") as file: file.write(text)
env = dict(os.environ)
found = sorted(os.path.relpath(os.path.join(d, f), path(env["dataset_source"]))
               for d, _, fs in os.walk(path(env["dataset_source"])) for f in fs)
lines = [line for name in found for line in open(os.path.join(path(env["dataset_source"]), name))]
if env.get("MODE") == "crash":
    write("output/message", "Error: no idea"); sys.exit(255)
write(env["output_path"] + "/seen.json", json.dumps({"env": env, "files": found, "lines": lines, "argv": sys.argv[1:]}))
write("output/metrics/cloudwatch/cloudwatch_metrics.jsonl", json.dumps(
    {"MetricName": "feature_baseline_drift_a", "Value": 0.2, "Timestamp": env["end_time"]}) + "\\nbroken\\n")
write("output/message", "CompletedWithViolations: 3 violations." if env.get("MODE") == "drift" else "Completed: fine.")
"""


@pytest.fixture
def cloud_watch(kit: Any, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the role published with PutMetricData."""
    published: list[dict[str, Any]] = []

    class CloudWatch:
        def put_metric_data(self, Namespace: str, MetricData: list[dict[str, Any]]) -> None:
            published.extend({"Namespace": Namespace, **one} for one in MetricData)

    before = kit.host.client
    monkeypatch.setattr(
        kit.host, "client", lambda service, *rest: CloudWatch() if service == "cloudwatch" else before(service, *rest)
    )
    return published


@pytest.fixture
def monitored(kit: Any, tmp_path: Path, cloud_watch: list[dict[str, Any]]) -> Any:
    """The kit with endpoint `e`, whose capture goes to s3://artefacts/capture, and the monitor's image."""
    place = tmp_path / "monitor"
    place.mkdir()
    (place / "main.py").write_text(MONITOR)
    one = kit.host.images[kit.job_image]
    uri = f"{one.repository_uri}-monitor"
    kit.host.images[f"{uri}:1"] = type(one)(uri, "sha256:" + "cd" * 32, place, (sys.executable, "main.py"), {})
    kit.monitor_image = f"{uri}:1"
    options = [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}]
    kit.endpoint(
        DataCaptureConfig={
            "EnableCapture": True, "InitialSamplingPercentage": 100, "DestinationS3Uri": "s3://artefacts/capture",
            "CaptureOptions": options,
        }
    )  # fmt: skip
    return kit


@pytest.fixture
def capture(kit: Any) -> Callable[..., None]:
    """Puts captured records of one clock hour where the endpoint would."""

    def put(moment: float, *identities: str) -> None:
        at = datetime.fromtimestamp(moment, UTC)
        lines = [
            json.dumps(
                {
                    "captureData": {"endpointInput": {"data": "1,2", "encoding": "CSV"}},
                    "eventMetadata": {"eventId": f"event-{one}", "inferenceId": one, "inferenceTime": at.isoformat()},
                    "eventVersion": "0",
                }
            )
            for one in identities
        ]
        key = f"capture/e/main/{at:%Y/%m/%d/%H}/{at:%M-%S}-x.jsonl"
        kit.host.objects["artefacts", key] = ("\n".join(lines) + "\n").encode()

    return put


@pytest.fixture
def definition(monitored: Any) -> Callable[..., str]:
    """Makes a job definition of a kind; `app`, `source` and `more` go into its parts."""

    def make(kind: str = "DataQuality", *, app: Any = None, source: Any = None, **more: Any) -> str:
        name = f"definition-{kind}"
        truth = {"GroundTruthS3Input": {"S3Uri": "s3://artefacts/truth"}}
        endpoint = {"EndpointName": "e", "LocalPath": "/opt/ml/processing/input/endpoint", **(source or {})}
        output = {"S3Uri": "s3://artefacts/reports", "LocalPath": "/opt/ml/processing/output"}
        cluster = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}
        request = {
            "JobDefinitionName": name,
            "RoleArn": monitored.role,
            f"{kind}AppSpecification": {"ImageUri": monitored.monitor_image, **(app or {})},
            f"{kind}JobInput": {
                "EndpointInput": endpoint, **(truth if kind in ("ModelQuality", "ModelBias") else {}),
            },
            f"{kind}JobOutputConfig": {"MonitoringOutputs": [{"S3Output": output}]},
            "JobResources": {"ClusterConfig": cluster},
        }  # fmt: skip
        monitored.call(f"Create{kind}JobDefinition", **(request | more))
        return name

    return make


@pytest.fixture
def schedule(monitored: Any) -> Callable[..., None]:
    """Makes the schedule `s` for a definition."""

    def make(name: str, kind: str = "DataQuality", expression: str = "cron(0 * ? * * *)", **when: str) -> None:
        config = {
            "MonitoringJobDefinitionName": name, "MonitoringType": kind,
            "ScheduleConfig": {"ScheduleExpression": expression, **when},
        }  # fmt: skip
        monitored.call("CreateMonitoringSchedule", MonitoringScheduleName="s", MonitoringScheduleConfig=config)
        monitored.sm.flush()

    return make


@pytest.fixture
def runs(monitored: Any) -> Callable[[int], list[dict[str, Any]]]:
    """`runs(n)` waits until n executions have ended and gives them, oldest first."""

    def wait(count: int) -> list[dict[str, Any]]:
        def ended() -> list[dict[str, Any]]:
            monitored.sm.flush()
            found = monitored.call("ListMonitoringExecutions", MonitoringScheduleName="s", MaxResults=100)
            rows: list[dict[str, Any]] = found["MonitoringExecutionSummaries"]
            done = [row for row in rows if row["MonitoringExecutionStatus"] not in ("Pending", "InProgress")]
            return done if len(done) >= count else []

        found: list[dict[str, Any]] = monitored.until(ended)
        return sorted(found, key=lambda row: row["ScheduledTime"])

    return wait


@pytest.fixture
def seen(monitored: Any) -> Callable[[], list[dict[str, Any]]]:
    """What the containers saw, in the order of their reports' keys."""

    def read() -> list[dict[str, Any]]:
        keys = sorted(key for key in monitored.host.objects if key[1].endswith("/seen.json"))
        return [{"key": key[1], **json.loads(monitored.host.objects[key])} for key in keys]

    return read
