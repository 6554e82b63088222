"""AWS/SageMaker metrics of endpoints, batched as Values and Counts so that percentiles stay exact to three digits."""

import contextlib
import threading
from collections import Counter
from typing import Any

from rehearsal.host import Host, Scope

NAMESPACE = "AWS/SageMaker"
_BUCKET_SECONDS = 10  # cloud time: fine enough for a high-resolution alarm
_MAX_VALUES = 150  # PutMetricData's bound on distinct values in one datum
_MICROSECONDS = frozenset({"ModelLatency", "OverheadLatency"})

_Key = tuple[Scope, str, str, str, float, str]


class Metrics:
    """Counts invocations and hands them to the host in small batches.

    Every series exists twice, as the service documents: by endpoint and variant, and by endpoint, variant and config,
    which tells a new fleet from an old one. Error metrics are 0 on success, so their Average is a rate.
    """

    def __init__(self, host: Host, seconds: float) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._values: dict[_Key, Counter[float]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(seconds,), name="sagemaker-metrics", daemon=True)
        self._thread.start()

    def invocation(
        self,
        scope: Scope,
        endpoint: str,
        variant: str,
        config: str,
        *,
        status: int,
        model_us: float,
        overhead_us: float,
    ) -> None:
        """One request. `status` is the container's, 0 when it gave no answer."""
        bucket = self._host.clock.now() // _BUCKET_SECONDS * _BUCKET_SECONDS
        values = {
            "Invocations": 1.0,
            "Invocation4XXErrors": float(400 <= status < 500),
            "Invocation5XXErrors": float(status == 0 or status >= 500),
            "InvocationModelErrors": float(not 200 <= status < 300),
            "ModelLatency": _rounded(model_us),
            "OverheadLatency": _rounded(overhead_us),
        }
        with self._lock:
            for name, value in values.items():
                key = (scope, endpoint, variant, config, bucket, name)
                counter = self._values.get(key)
                if counter is None:
                    counter = self._values[key] = Counter()
                counter[value] += 1

    def flush(self) -> None:
        """Hand over everything counted so far."""
        with self._writing:
            with self._lock:
                batch, self._values = self._values, {}
            by_scope: dict[Scope, list[dict[str, Any]]] = {}
            for key, counter in batch.items():
                by_scope.setdefault(key[0], []).extend(_data(key, counter))
            for scope, data in by_scope.items():
                with contextlib.suppress(Exception):  # metrics are best effort; the next batch goes on
                    self._host.put_metrics(NAMESPACE, data, scope)

    def close(self) -> None:
        """Flush and end."""
        self._stop.set()
        self._thread.join(5)
        self.flush()

    def _serve(self, seconds: float) -> None:
        while not self._stop.wait(seconds):
            self.flush()


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def _data(key: _Key, counter: "Counter[float]") -> list[dict[str, Any]]:
    _, endpoint, variant, config, bucket, name = key
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    by_config = [*dimensions, {"Name": "EndpointConfigName", "Value": config}]
    unit = "Microseconds" if name in _MICROSECONDS else "None"
    values = list(counter)
    return [
        {
            "MetricName": name,
            "Dimensions": chosen,
            "Timestamp": bucket,
            "Values": values[start : start + _MAX_VALUES],
            "Counts": [float(counter[value]) for value in values[start : start + _MAX_VALUES]],
            "Unit": unit,
        }
        for chosen in (dimensions, by_config)
        for start in range(0, len(values), _MAX_VALUES)
    ]
