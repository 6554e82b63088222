"""The record of a release that could not write its own."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.ledger import PARTITION_KEY, SORT_KEY, endpoint_key, release_key
from slipway_lambda.settle_execution.settle import parsed

CUT_OFF = {"ABORTED": "stopped", "TIMED_OUT": "timed_out"}


def record(endpoint: str, detail: Mapping[str, Any], attempt: Mapping[str, Any], cause: str) -> dict[str, Any]:
    """The item, of the status change event's detail and the attempt that the execution began, if it had come so far.

    Times of the event are in milliseconds, those of the record in seconds.
    """
    told, asked = parsed(detail.get("cause")), parsed(detail.get("input"))
    version = attempt.get("version") or told.get("version")
    words = {key: str(asked.get(name, ""))[:700] for key, name in ASKED.items()}
    return {
        PARTITION_KEY: endpoint_key(endpoint),
        SORT_KEY: release_key(str(detail["executionArn"]).rpartition(":")[2]),
        "outcome": told.get("outcome") or CUT_OFF.get(str(detail.get("status")), "failed"),
        "cause": cause,
        "execution": detail["executionArn"],
        **words,
        **({"version": version} if version else {}),
        **{name: int(detail[at]) // 1000 for name, at in TIMES.items() if detail.get(at)},
    }


ASKED = {"trigger": "trigger", "asked_by": "who", "asked_reason": "reason"}
TIMES = {"started_at": "startDate", "ended_at": "stopDate"}
