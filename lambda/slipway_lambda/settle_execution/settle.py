"""What to say of an execution that could not say it itself."""

import json
from collections.abc import Mapping
from typing import Any

NEXT_STEP = {
    "release": "The next sweep looks at the endpoint and decides. Read the execution's history for the cause.",
    "training": "Start the training again once the cause is removed. Read the execution's history.",
    "monitoring": "The window was not judged: start the monitor again for it. Read the execution's history.",
}
OUTCOME = {"FAILED": "failed", "TIMED_OUT": "timed out", "ABORTED": "aborted"}
CAUSE = {
    "TIMED_OUT": "The execution ran into its time limit.",
    "ABORTED": "The execution was stopped from outside.",
    "FAILED": "The execution failed without a cause.",
}


def notice(what: str, model: str, environment: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    """The notice, with the keys of contracts/notice.py, from the detail of the status change event."""
    status = detail.get("status", "")
    told = parsed(detail.get("cause"))
    error = detail.get("error")
    cause = told.get("cause") or detail.get("cause") or CAUSE.get(status, f"The execution ended {status}.")
    return {
        "what": what,
        "model": model,
        "environment": environment,
        "version": told.get("version"),
        "outcome": told.get("outcome") or OUTCOME.get(status, status.lower()),
        "cause": f"{error}: {cause}" if error and not told else cause,
        "next_step": NEXT_STEP[what],
        "execution": detail["executionArn"],
    }


def parsed(cause: object) -> dict[str, Any]:
    """A machine's own ends have JSON as their cause, executions have it as their input; empty for anything else."""
    try:
        value = json.loads(cause) if isinstance(cause, str) else {}
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
