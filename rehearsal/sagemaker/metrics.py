"""AWS/SageMaker metrics, batched as Values and Counts so that percentiles stay exact to three digits."""

import contextlib
import threading
from collections import Counter
from typing import Any

from rehearsal.host import Host, Scope

NAMESPACE = "AWS/SageMaker"
ENDPOINTS = "/aws/sagemaker/Endpoints"  # utilisation of instances
_BUCKET_SECONDS = 10  # cloud time: fine enough for a high-resolution alarm
_MAX_VALUES = 150  # PutMetricData's bound on distinct values in one datum
_MICROSECONDS = frozenset({"ModelLatency", "OverheadLatency", "ModelSetupTime", "ContainerLatency"})

Dimensions = tuple[tuple[str, str], ...]
_Fleet = tuple[Scope, str, str, str]  # endpoint, variant, config
_Series = tuple[Scope, str, Dimensions, str, str]  # namespace, dimensions, name, unit


class Metrics:
    """Counts what happens and hands it to the host in small batches.

    An invocation's series exist twice, as the service documents: by endpoint and variant, and by endpoint, variant and
    config, which tells a new fleet from an old one. Error metrics are 0 on success, so their Average is a rate.
    """

    def __init__(self, host: Host, seconds: float) -> None:
        self._host = host
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._invocations: dict[tuple[_Fleet, float], dict[str, Counter[float]]] = {}
        self._others: dict[tuple[_Series, float], Counter[float]] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(seconds,), name="sagemaker-metrics", daemon=True)
        self._thread.start()

    def invocation(
        self,
        fleet: _Fleet,
        *,
        status: int,
        model_us: float,
        overhead_us: float,
        instances: int = 1,
        setup_us: float | None = None,
    ) -> None:
        """One request. `status` is the container's, 0 when it gave no answer; `instances` share the variant's load."""
        bucket = self._host.clock.now() // _BUCKET_SECONDS * _BUCKET_SECONDS
        values = {
            "Invocations": 1.0,
            "InvocationsPerInstance": _rounded(1.0 / max(1, instances)),
            "Invocation4XXErrors": 1.0 if 400 <= status < 500 else 0.0,
            "Invocation5XXErrors": 1.0 if status == 0 or status >= 500 else 0.0,
            "InvocationModelErrors": 0.0 if 200 <= status < 300 else 1.0,
            "ModelLatency": _rounded(model_us),
            "OverheadLatency": _rounded(overhead_us),
        }
        if setup_us is not None:
            values["ModelSetupTime"] = _rounded(setup_us)
        with self._lock:
            counters = self._invocations.get((fleet, bucket))
            if counters is None:
                counters = self._invocations[fleet, bucket] = {}
            for name, value in values.items():
                counter = counters.get(name)
                if counter is None:
                    counter = counters[name] = Counter()
                counter[value] += 1

    def put(
        self,
        scope: Scope,
        dimensions: Dimensions,
        name: str,
        value: float,
        *,
        unit: str = "Count",
        namespace: str = NAMESPACE,
    ) -> None:
        """One value of any other series."""
        bucket = self._host.clock.now() // _BUCKET_SECONDS * _BUCKET_SECONDS
        with self._lock:
            counter = self._others.setdefault(((scope, namespace, dimensions, name, unit), bucket), Counter())
            counter[_rounded(value)] += 1

    def flush(self) -> None:
        """Hand over everything counted so far."""
        with self._writing:
            with self._lock:
                invocations, self._invocations = self._invocations, {}
                others, self._others = self._others, {}
            batch: dict[tuple[Scope, str], list[dict[str, Any]]] = {}
            for ((scope, endpoint, variant, config), bucket), counters in invocations.items():
                by_variant: Dimensions = (("EndpointName", endpoint), ("VariantName", variant))
                data = batch.setdefault((scope, NAMESPACE), [])
                for name, counter in counters.items():
                    unit = "Microseconds" if name in _MICROSECONDS else "None"
                    for dimensions in (by_variant, (*by_variant, ("EndpointConfigName", config))):
                        data += _data(name, dimensions, unit, bucket, counter)
            for ((scope, namespace, dimensions, name, unit), bucket), counter in others.items():
                batch.setdefault((scope, namespace), []).extend(_data(name, dimensions, unit, bucket, counter))
            for (scope, namespace), data in batch.items():
                with contextlib.suppress(Exception):  # metrics are best effort; the next batch goes on
                    self._host.put_metrics(namespace, data, scope)

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


def _data(
    name: str, dimensions: Dimensions, unit: str, bucket: float, counter: "Counter[float]"
) -> list[dict[str, Any]]:
    values = list(counter)
    return [
        {
            "MetricName": name,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions],
            "Timestamp": bucket,
            "Values": values[start : start + _MAX_VALUES],
            "Counts": [float(counter[value]) for value in values[start : start + _MAX_VALUES]],
            "Unit": unit,
        }
        for start in range(0, len(values), _MAX_VALUES)
    ]
