"""Golden records as traffic while a release bakes, judged: what neither version answers is published for an alarm.

So a version that is healthy and wrong goes back while it has a canary's share, by SageMaker's own rollback.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.events import take
from slipway_lambda.ports.mismatches import CloudWatchMismatches, Mismatches
from slipway_lambda.ports.objects import Objects, S3Objects
from slipway_lambda.ports.runtime import InvocationError, Runtime, SageMakerRuntime
from slipway_lambda.probe_release.judge import is_wrong
from slipway_lambda.smoke_test.golden import GoldenRecord, load_golden

MAX_PROBES, MAX_SECONDS = 500, 120
"""One after another, so that they are no load that an alarm on latency would see; and no longer, however slow the
model is, for nobody looks at alarms meanwhile.
"""


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """`spec`, `golden_uri`, `probes` (requests to send), `seconds` (to begin them in), `champion` (its answers, in the
    records' order; null: not known; empty: nothing is judged) → {"sent", "failed", "judged", "wrong"}.
    """
    return run(event, S3Objects(), SageMakerRuntime(), CloudWatchMismatches())


def run(
    event: Mapping[str, Any],
    objects: Objects,
    runtime: Runtime,
    mismatches: Mismatches,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """As the handler, on any ports. `clock`: in seconds."""
    # An execution that began before the handlers were deployed anew may not say how long.
    seconds = take(event, "seconds", int) if "seconds" in event else MAX_SECONDS
    until = clock() + min(seconds, MAX_SECONDS)
    spec = ReleaseSpec.from_dict(take(event, "spec", dict))
    golden = load_golden(objects, take(event, "golden_uri", str), spec.smoke_records)
    champion = take(event, "champion", list)
    found: list[bool] = []
    sent = failed = 0
    for n in range(min(take(event, "probes", int), MAX_PROBES)):
        if clock() >= until:
            break
        sent += 1
        record = golden[n % len(golden)]
        try:
            answer = runtime.invoke(spec.endpoint, record.content_type, record.body)
        except InvocationError:
            failed += 1  # the alarms on errors judge that
            continue
        if champion:
            found += _judged(record, _at(champion, n % len(golden)), answer, spec.smoke_tolerance)
    if found:
        mismatches.publish(spec.endpoint, sum(found))
    return {"sent": sent, "failed": failed, "judged": len(found), "wrong": sum(found)}


def _judged(record: GoldenRecord, champion: str | None, answer: str, tolerance: float) -> list[bool]:
    wrong = is_wrong(record, champion, answer, tolerance)
    return [] if wrong is None else [wrong]


def _at(answers: list[Any], n: int) -> str | None:
    known = answers[n] if n < len(answers) else None
    return known if isinstance(known, str) else None
