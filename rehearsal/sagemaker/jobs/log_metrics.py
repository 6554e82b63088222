"""Metrics that a training job's MetricDefinitions find in its log."""

import contextlib
import math
import re
import threading
from collections.abc import Callable, Sequence
from typing import Any

NAMESPACE = "/aws/sagemaker/TrainingJobs"
_LINE_CHARACTERS = 16_384  # a pattern may backtrack; a longer line is looked at so far only


class LogMetrics:
    """The last value of each metric, and of every value the datum for CloudWatch."""

    def __init__(self, definitions: Sequence[dict[str, str]]) -> None:
        self._patterns = [(one["Name"], re.compile(one["Regex"])) for one in definitions]
        self._lock = threading.Lock()
        self._final: dict[str, dict[str, Any]] = {}

    @property
    def final(self) -> list[dict[str, Any]]:
        """FinalMetricDataList."""
        with self._lock:
            return list(self._final.values())

    def read(
        self, lines: Sequence[str], host: str, now: float, lost: Callable[[str], bool] = lambda _: False
    ) -> list[dict[str, Any]]:
        """Data in PutMetricData's shape. What is not a finite number is not a metric; `lost` ones are not seen."""
        found = []
        with self._lock:  # several hosts print at once
            for line in lines:
                for name, pattern in self._patterns:
                    for matched in pattern.finditer(line[:_LINE_CHARACTERS]):
                        with contextlib.suppress(ValueError, IndexError, TypeError):
                            value = float(matched[1])
                            if math.isfinite(value) and not lost(name):
                                self._final[name] = {"MetricName": name, "Value": value, "Timestamp": now}
                                dimensions = [{"Name": "Host", "Value": host}]
                                found.append(
                                    {"MetricName": name, "Dimensions": dimensions, "Timestamp": now, "Value": value}
                                )
        return found
