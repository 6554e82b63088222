"""What a window publishes, as PutMetricData takes it. Without timestamps: a window may be older than the two weeks
CloudWatch takes."""

from typing import Any

from slipway_lambda.contracts.monitoring import DRIFT_METRIC, PRESENT_METRIC
from slipway_lambda.decide_retraining.report import Report

MOST_FEATURES = 200
"""Two metrics each; a state machine's state holds 256 KiB."""


def dimensions(endpoint: str, schedule: str) -> list[dict[str, str]]:
    """As Model Monitor sets them."""
    return [{"Name": "Endpoint", "Value": endpoint}, {"Name": "MonitoringSchedule", "Value": schedule}]


def feature_metrics(report: Report, where: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Distance and completeness of every feature, the most drifted first where there are too many to publish."""
    ranked = sorted(report.features, key=lambda f: (-(f.distance if f.distance is not None else -1), f.name))
    named = [
        (prefix + feature.name, value)
        for feature in ranked[:MOST_FEATURES]
        for prefix, value in ((DRIFT_METRIC, feature.distance), (PRESENT_METRIC, feature.completeness))
    ]
    return [
        {"MetricName": name, "Value": value, "Unit": "None", "Dimensions": where}
        for name, value in named
        if value is not None
    ]


def count_metrics(report: Report, where: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Records, unparsable records and violations of the window."""
    counts = {
        "RecordsCaptured": report.records,
        "RecordsUnparsable": report.unparsable,
        "Violations": len(report.violations),
    }
    return [{"MetricName": k, "Value": v, "Unit": "Count", "Dimensions": where} for k, v in counts.items()]
