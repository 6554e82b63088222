"""Smoke test: the golden records, sent to the live endpoint."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.release import ReleaseSpec, SmokeTestFailedError
from slipway_lambda.events import take
from slipway_lambda.ports.objects import Objects, S3Objects
from slipway_lambda.ports.runtime import InvocationError, Runtime, SageMakerRuntime
from slipway_lambda.smoke_test.golden import GoldenRecord, compare, load_golden

ATTEMPTS = 2
"""A single lost request is the network's fault; twice the same is the model's."""


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """`spec`, `golden_uri` → {"sent": n}."""
    return run(event, S3Objects(), SageMakerRuntime())


def run(event: Mapping[str, Any], objects: Objects, runtime: Runtime) -> dict[str, Any]:
    """As the handler, on any ports."""
    spec = ReleaseSpec.from_dict(take(event, "spec", dict))
    golden = load_golden(objects, take(event, "golden_uri", str), spec.smoke_records)
    for number, record in enumerate(golden, start=1):
        compare(number, record, _ask(spec.endpoint, number, record, runtime), spec.smoke_tolerance)
    return {"sent": len(golden)}


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
