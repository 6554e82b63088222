"""Judge: holds the evaluation against the gates, and keeps the table beside it."""

import json
from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.training import EvaluationFaultError
from slipway_lambda.evaluate_gate.judge import Question, judge, metrics_of, number
from slipway_lambda.events import take
from slipway_lambda.ports.objects import BadUriError, ObjectMissingError, Objects, S3Objects, read_limited, split_uri

LIMIT_BYTES = 1024 * 1024


def handler(event: Mapping[str, Any], _context: object, objects: Objects | None = None) -> dict[str, Any]:
    """Event: evaluation_uri, data_report_uri, gate_uri (to write), artefact_sha256, champion_expected, gates.

    Result: passed, rows (the gates' table), metrics (the challenger's), data_rows, refusal (a sentence, empty when
    passed).
    """
    store = objects or S3Objects()
    evaluation = _read(store, take(event, "evaluation_uri", str))
    report = _read(store, take(event, "data_report_uri", str))
    rows = judge(
        Question(
            evaluation,
            take(event, "artefact_sha256", str),
            report.get("holdout_rows"),
            take(event, "champion_expected", bool),
            take(event, "gates", dict),
        )
    )
    failed = [row for row in rows if not row.passed]
    verdict = {
        "passed": not failed,
        "rows": [row.as_dict() for row in rows],
        "metrics": metrics_of(evaluation),
        "data_rows": round(number(report.get("rows")) or 0),
        "refusal": "; ".join(f"{r.gate} gate on {r.metric}: {r.reason}" for r in failed),
    }
    store.write(*split_uri(take(event, "gate_uri", str)), json.dumps(verdict, sort_keys=True).encode())
    return verdict


def _read(store: Objects, uri: str) -> dict[str, Any]:
    """A JSON object. Python's reader takes NaN and Infinity; the judge does not."""
    fix = "Look at the job that should have written it, then train again."
    try:
        value = json.loads(read_limited(store, uri, LIMIT_BYTES))
    except (ObjectMissingError, BadUriError) as error:
        raise EvaluationFaultError(error.cause, fix) from None
    except (ValueError, RecursionError):
        raise EvaluationFaultError(f"{uri} is not JSON.", fix) from None
    if not isinstance(value, dict):
        raise EvaluationFaultError(f"{uri} is not a JSON object.", fix)
    return value
