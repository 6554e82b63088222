"""Metrics that a monitoring container leaves in a file, published as the service does for executions of a schedule."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rehearsal.sagemaker.jobs.base import Job

FOLDER = "/opt/ml/output/metrics/cloudwatch"
NAMESPACES = {
    "DataQuality": "data-metrics",
    "ModelQuality": "model-metrics",
    "ModelBias": "bias-metrics",
    "ModelExplainability": "explainability-metrics",
}
_BATCH = 500
_BOUND = 2.348543e108  # what the service publishes for an infinite value


def namespace(kind: str, *, endpoint: bool) -> str:
    """Of a monitoring type, for captured requests of an endpoint or records of a batch transform."""
    return f"aws/sagemaker/{'Endpoints' if endpoint else 'ModelMonitoring'}/{NAMESPACES[kind]}"


def publish(job: "Job", kind: str) -> None:
    """Send every line of every file, as the job's role. A line that is no metric is left out."""
    variables = job.record.get("Environment", {})
    if variables.get("publish_cloudwatch_metrics") != "Enabled":
        return
    files = [path for host in job.containers for path in sorted(host.path(FOLDER).glob("*.jsonl"))]
    data = [datum for path in files for datum in _read(path)]
    client = job.core.host.client("cloudwatch", job.role, job.scope)
    where = namespace(kind, endpoint="sagemaker_endpoint_name" in variables)
    for start in range(0, len(data), _BATCH):
        client.put_metric_data(Namespace=where, MetricData=data[start : start + _BATCH])


def _read(path: Path) -> list[dict[str, Any]]:
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            datum = json.loads(line)
        except ValueError:
            continue
        if isinstance(datum, dict) and isinstance(datum.get("MetricName"), str):
            if isinstance(value := datum.get("Value"), int | float):
                datum["Value"] = max(-_BOUND, min(_BOUND, value))
            found.append(datum)
    return found
