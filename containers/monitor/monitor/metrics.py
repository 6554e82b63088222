"""CloudWatch metrics as a monitoring container leaves them: JSON Lines, in Model Monitor's names."""

import json
from typing import Any

from monitor.checks import Findings
from monitor.profile import Profile


def lines(profiles: list[Profile], found: Findings, timestamp: str, endpoint: str, schedule: str) -> str:
    """feature_data_<f> of numeric features, feature_non_null_<f>, feature_baseline_drift_<f>."""
    shared = {
        "Timestamp": timestamp,
        "Dimensions": [{"Name": "Endpoint", "Value": endpoint}, {"Name": "MonitoringSchedule", "Value": schedule}],
        "Unit": "None",
    }
    metrics: list[dict[str, Any]] = []
    for p in profiles:
        if p.values.size and p.values.size == len(p.present):
            summary = {
                "SampleCount": float(p.values.size),
                "Sum": float(p.values.sum()),
                "Minimum": float(p.values.min()),
                "Maximum": float(p.values.max()),
            }
            metrics.append({"MetricName": f"feature_data_{p.name}", "StatisticValues": summary})
        metrics.append({"MetricName": f"feature_non_null_{p.name}", "Value": float(len(p.present))})
        distance = found.features[p.name]["distance"]
        if distance is not None:
            metrics.append({"MetricName": f"feature_baseline_drift_{p.name}", "Value": distance})
    return "".join(json.dumps({**metric, **shared}, allow_nan=False) + "\n" for metric in metrics)
