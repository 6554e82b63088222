"""Golden records: requests with the answers that the evaluation got from this very artefact."""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass

from slipway_lambda.contracts.release import SmokeTestFailedError
from slipway_lambda.ports.objects import Objects, read_limited

LIMIT_BYTES = 4_000_000


@dataclass(frozen=True)
class GoldenRecord:
    """One request and its expected prediction."""

    content_type: str
    body: str
    prediction: float


def load_golden(objects: Objects, uri: str, limit: int) -> list[GoldenRecord]:
    """The first `limit` records of the file. Raises SmokeTestFailedError."""
    return read_golden(read_limited(objects, uri, LIMIT_BYTES).decode("utf-8", errors="replace"), limit)


def read_golden(text: str, limit: int) -> list[GoldenRecord]:
    """The first `limit` records. Raises SmokeTestFailedError: a test without records proves nothing."""
    records = list(_records(text, limit))
    if not records:
        raise SmokeTestFailedError(
            "The golden file holds no record, so nothing can be compared.", "Train and register anew."
        )
    return records


def _records(text: str, limit: int) -> Iterator[GoldenRecord]:
    lines = [line for line in text.splitlines() if line.strip()]
    for number, line in enumerate(lines[:limit], start=1):
        try:
            record = json.loads(line)
            golden = GoldenRecord(record["content_type"], record["body"], float(record["prediction"]))
        except (ValueError, KeyError, TypeError) as error:
            raise SmokeTestFailedError(
                f"Line {number} of the golden file is not a golden record: {error!r}.", "Train and register anew."
            ) from None
        if not math.isfinite(golden.prediction):
            raise SmokeTestFailedError(f"Line {number} of the golden file expects {golden.prediction}.", "Train anew.")
        yield golden


def compare(number: int, golden: GoldenRecord, answer: str, tolerance: float) -> None:
    """One number, finite, and within `tolerance` of the expected one. Raises SmokeTestFailedError naming the record."""
    if fault := fault_of(golden, answer, tolerance):
        raise SmokeTestFailedError(f"Golden record {number}: {fault}.", "The live model is not the evaluated one.")


def fault_of(golden: GoldenRecord, answer: str, tolerance: float) -> str | None:
    """What is wrong with the answer, in words; None if it is the evaluation's."""
    values = answer.replace(",", "\n").split()
    if len(values) != 1:
        return f"{len(values)} values were answered, not one: {answer[:80]!r}"
    try:
        value = float(values[0])
    except ValueError:
        return f"the answer {answer[:80]!r} is not a number"
    if not math.isfinite(value):
        return f"the answer is {value}"
    if abs(value - golden.prediction) > tolerance:
        return f"the answer is {value}, the evaluation's was {golden.prediction} (tolerance {tolerance})"
    return None
