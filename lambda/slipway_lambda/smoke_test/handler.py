"""Smoke test: the golden records, sent to the live endpoint. In probe mode they are traffic only, and judge nothing."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.release import ReleaseSpec, SmokeTestFailedError
from slipway_lambda.events import take
from slipway_lambda.ports.objects import Objects, S3Objects, read_limited
from slipway_lambda.ports.runtime import InvocationError, Runtime, SageMakerRuntime
from slipway_lambda.smoke_test.golden import GoldenRecord, compare, read_golden

LIMIT_BYTES = 4_000_000
MAX_PROBES = 500
ATTEMPTS = 2
"""A single lost request is the network's fault; twice the same is the model's."""


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """`spec`, `golden_uri`, `probe` (bool), `probes` (how many requests in probe mode) → {"sent", "failed"}."""
    return run(event, S3Objects(), SageMakerRuntime())


def run(event: Mapping[str, Any], objects: Objects, runtime: Runtime) -> dict[str, Any]:
    """As the handler, on any ports."""
    spec = ReleaseSpec.from_dict(take(event, "spec", dict))
    text = read_limited(objects, take(event, "golden_uri", str), LIMIT_BYTES).decode("utf-8", errors="replace")
    golden = read_golden(text, spec.smoke_records)
    if take(event, "probe", bool):
        return _probe(spec.endpoint, golden, min(take(event, "probes", int), MAX_PROBES), runtime)
    for number, record in enumerate(golden, start=1):
        compare(number, record, _ask(spec.endpoint, number, record, runtime), spec.smoke_tolerance)
    return {"sent": len(golden), "failed": 0}


def _probe(endpoint: str, golden: list[GoldenRecord], count: int, runtime: Runtime) -> dict[str, Any]:
    """While a release bakes two versions answer, so a difference proves nothing: the alarms judge, this gives them
    data.
    """
    failed = 0
    for n in range(count):
        record = golden[n % len(golden)]
        try:
            runtime.invoke(endpoint, record.content_type, record.body)
        except InvocationError:
            failed += 1
    return {"sent": count, "failed": failed}


def _ask(endpoint: str, number: int, record: GoldenRecord, runtime: Runtime) -> str:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return runtime.invoke(endpoint, record.content_type, record.body)
        except InvocationError as error:
            if attempt == ATTEMPTS:
                raise SmokeTestFailedError(
                    f"Golden record {number}: the endpoint failed: {error}", "Read the endpoint's log."
                ) from None
    raise AssertionError("unreachable")
