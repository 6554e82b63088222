"""What the champion answers to the new version's golden records, asked while nobody else answers."""

import time

from slipway_lambda.contracts.golden import KEPT_CHARS
from slipway_lambda.contracts.release import PreflightRefusedError, ReleaseSpec, SmokeTestFailedError
from slipway_lambda.ports.objects import Objects
from slipway_lambda.ports.runtime import InvocationError, Runtime
from slipway_lambda.smoke_test.golden import GoldenRecord, load_golden

SECONDS, FAILURES = 30, 3
"""A champion that is slow or broken must not keep out the release, or the rollback, that replaces it."""


def answers_of_champion(spec: ReleaseSpec, golden_uri: str, objects: Objects, runtime: Runtime) -> list[str | None]:
    """One for each record, in their order; None where it gave none that can be kept. Raises PreflightRefusedError if
    the records cannot be read: they would not judge the new version either.
    """
    try:
        golden = load_golden(objects, golden_uri, spec.smoke_records)
    except SmokeTestFailedError as fault:
        raise PreflightRefusedError(fault.cause, fault.next_step) from None
    until, failed = time.monotonic() + SECONDS, 0
    answers: list[str | None] = []
    for record in golden:
        given_up = failed >= FAILURES or time.monotonic() > until
        answers.append(None if given_up else _answer(spec.endpoint, record, runtime))
        failed += answers[-1] is None
    return answers


def _answer(endpoint: str, record: GoldenRecord, runtime: Runtime) -> str | None:
    try:
        answer = runtime.invoke(endpoint, record.content_type, record.body)
    except InvocationError:
        return None
    return answer if len(answer) <= KEPT_CHARS else None
