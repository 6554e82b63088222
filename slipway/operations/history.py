"""Every release of an endpoint that the ledger knows of, newest first."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from slipway.operations.target import Items, Target
from slipway_lambda.contracts.approval import read_approval
from slipway_lambda.contracts.ledger import attempt_key, release_key
from slipway_lambda.contracts.release import Attempt

UNDER_WAY = "under way"
CUT_OFF = {"ABORTED": "stopped", "TIMED_OUT": "timed out", "FAILED": "failed", "SUCCEEDED": "ended"}
"""How an execution ended that left an attempt and no record."""


def read_history(target: Target) -> list[dict[str, Any]]:
    """Raises Failure when the ledger cannot be read."""
    return entries(target.items(), lambda arn: str(target.execution(arn).get("status", "")))


def entries(items: Items, status_of: Callable[[str], str]) -> list[dict[str, Any]]:
    """Records, and the attempts that left none: refused before anything was touched, cut off, or still at work.

    `status_of`: an execution's status by its ARN, empty where it is no longer known.
    """
    records = [_of_record(item) for key, item in items.items() if key.startswith(release_key(""))]
    recorded = {r["execution"] for r in records}
    prefix = attempt_key(0).removesuffix("0")
    attempts = [
        _of_attempt(item, status_of)
        for key, item in items.items()
        if key.startswith(prefix) and item.get("execution") not in recorded
    ]
    return sorted(records + attempts, key=lambda e: str(e["ended_at"] or e["started_at"] or ""), reverse=True)


def _of_record(item: Mapping[str, Any]) -> dict[str, Any]:
    words = item.get("approval_words")
    return {
        "version": item.get("version"),
        "outcome": item.get("outcome", ""),
        "started_at": moment(item.get("started_at")),
        "ended_at": moment(item.get("ended_at")),
        "strategy": item.get("strategy", ""),
        "trigger": item.get("trigger", ""),
        "from_version": item.get("from_version") or None,
        "approval": read_approval(words) if words else None,
        "approved_by": item.get("approved_by", ""),
        "data_version": item.get("data_version", ""),
        "commit": item.get("commit", ""),
        "image_digest": item.get("image_digest", ""),
        "artefact_sha256": item.get("artefact_sha256", ""),
        "metrics": item.get("metrics"),
        "asked_by": item.get("asked_by", ""),
        "asked_reason": item.get("asked_reason", ""),
        "cause": item.get("cause", ""),
        "config": item.get("config", ""),
        "alarms": item.get("alarms"),
        "requests": item.get("requests"),
        "served_by": item.get("served_by", ""),
        "trial": _trial(item),
        "execution": item.get("execution", ""),
    }


def _trial(item: Mapping[str, Any]) -> dict[str, Any] | None:
    """The judge's last word, and what the challenger had answered by then; None where nothing was tried."""
    if not item.get("trial"):
        return None
    told = {key: item.get(f"trial_{key}") for key in ("share_percent", "requests", "failures")}
    return {"reason": item["trial"], **told}


def _of_attempt(item: Mapping[str, Any], status_of: Callable[[str], str]) -> dict[str, Any]:
    outcome, at = str(item.get("outcome", "")), moment(item.get("at"))
    if begun := outcome == Attempt.STARTED:
        status = status_of(str(item.get("execution", "")))
        outcome = UNDER_WAY if status == "RUNNING" else CUT_OFF.get(status, "cut off")
    return {
        **_of_record({k: item[k] for k in ("version", "cause", "execution") if k in item}),
        "outcome": outcome,
        "started_at": at if begun else None,
        "ended_at": None if begun else at,
    }


def moment(seconds: Any) -> str | None:
    """Epoch seconds as UTC text."""
    if not isinstance(seconds, int | float) or not seconds:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
