"""Decide: reads the window's report and the brakes; retrain, tell or nothing."""

import json
from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.monitoring import ReportFaultError
from slipway_lambda.decide_retraining.decide import Brakes, decide
from slipway_lambda.decide_retraining.metrics import count_metrics, dimensions, feature_metrics
from slipway_lambda.decide_retraining.report import FIX, read_report
from slipway_lambda.events import take
from slipway_lambda.ports.executions import Executions, StepFunctionsExecutions
from slipway_lambda.ports.objects import BadUriError, ObjectMissingError, Objects, S3Objects, read_limited
from slipway_lambda.ports.retrainings import LedgerRetrainings, Retrainings

LIMIT_BYTES = 4 * 1024 * 1024
MOST_VIOLATIONS = 20


def handler(
    event: Mapping[str, Any],
    _context: object,
    objects: Objects | None = None,
    retrainings: Retrainings | None = None,
    executions: Executions | None = None,
) -> dict[str, Any]:
    """Event: report_uri (a prefix), endpoint, schedule, model, on_drift, cooldown_seconds, now (epoch seconds),
    train_machine (ARN; empty where this environment trains nothing).

    Result: decision, reason, next_step, records, violations (at most 20), violation_count, features and counts
    (metrics).
    """
    store = objects or S3Objects()
    uri, machine = take(event, "report_uri", str), take(event, "train_machine", str)
    report = read_report(_read(store, f"{uri}report.json"), _read(store, f"{uri}constraint_violations.json"))
    on_drift = take(event, "on_drift", bool) and bool(machine)
    asks = on_drift and bool(report.violations)
    brakes = Brakes(
        on_drift=on_drift,
        cooldown_seconds=take(event, "cooldown_seconds", int),
        last_started_at=(retrainings or LedgerRetrainings()).last_started_at(take(event, "model", str))
        if asks
        else None,
        running=len((executions or StepFunctionsExecutions()).running(machine)) if asks else 0,
        now=float(take(event, "now", int)),
    )
    decision = decide(report, brakes)
    where = dimensions(take(event, "endpoint", str), take(event, "schedule", str))
    return {
        "decision": decision.decision,
        "reason": decision.reason,
        "next_step": decision.next_step,
        "records": report.records,
        "violations": [
            {"feature_name": v.feature, "constraint_check_type": v.check, "description": v.description[:200]}
            for v in report.violations[:MOST_VIOLATIONS]
        ],
        "violation_count": len(report.violations),
        "features": feature_metrics(report, where),
        "counts": count_metrics(report, where),
    }


def _read(store: Objects, uri: str) -> Any:
    try:
        return json.loads(read_limited(store, uri, LIMIT_BYTES))
    except (ObjectMissingError, BadUriError) as error:
        raise ReportFaultError(error.cause, FIX) from None
    except (ValueError, RecursionError):
        raise ReportFaultError(f"{uri} is not JSON.", FIX) from None
