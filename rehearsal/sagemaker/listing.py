"""List actions: filters, order and pages, alike for every resource."""

import base64
import binascii
from collections.abc import Iterable
from typing import Any

from rehearsal.sagemaker.actions import Call
from rehearsal.sagemaker.errors import invalid
from rehearsal.sagemaker.shapes import service_model
from rehearsal.sagemaker.store import Record, public

DEFAULT_PAGE = 10
_BOUNDS = {
    "CreationTimeAfter": ("CreationTime", 1),
    "CreationTimeBefore": ("CreationTime", -1),
    "LastModifiedTimeAfter": ("LastModifiedTime", 1),
    "LastModifiedTimeBefore": ("LastModifiedTime", -1),
}


def listed(call: Call, records: Iterable[Record], *, name: str, status: str | None = None, order: str) -> Record:
    """One page. `name` and `status` are the record's keys for those filters, `order` is the API's default."""
    params = call.params
    rows = [row for row in records if _wanted(row, params, name, status)]
    keys = {"Name": name, "Status": status, "CreationTime": "CreationTime"}
    key = keys.get(params.get("SortBy", "CreationTime"), "CreationTime") or "CreationTime"
    rows.sort(
        key=lambda row: (row.get(key, ""), row["_sequence"]), reverse=params.get("SortOrder", order) == "Descending"
    )
    return page(call, rows)


def page(call: Call, rows: list[Record]) -> Record:
    """The rows after NextToken, at most MaxResults, each with the summary shape's members only."""
    shape: Any = service_model().operation_model(call.action).output_shape
    member, summary = next((k, v) for k, v in shape.members.items() if v.type_name == "list")
    start = _decode(call.params.get("NextToken"))
    size = int(call.params.get("MaxResults", DEFAULT_PAGE))
    answer: Record = {member: [public(row, tuple(summary.member.members)) for row in rows[start : start + size]]}
    if start + size < len(rows):
        answer["NextToken"] = base64.urlsafe_b64encode(f"slipway:{start + size}".encode()).decode()
    return answer


def _wanted(row: Record, params: dict[str, Any], name: str, status: str | None) -> bool:
    if params.get("NameContains", "").lower() not in str(row.get(name, "")).lower():
        return False
    if status and params.get("StatusEquals", row.get(status)) != row.get(status):
        return False
    return all(
        (float(row.get(key) or row["CreationTime"]) - epoch(params[bound])) * sign >= 0
        for bound, (key, sign) in _BOUNDS.items()
        if bound in params
    )


def epoch(value: Any) -> float:
    """A timestamp parameter: epoch seconds, or a datetime as an in-process caller may pass it."""
    return float(value.timestamp()) if hasattr(value, "timestamp") else float(value)


def _decode(token: str | None) -> int:
    if token is None:
        return 0
    try:
        text = base64.urlsafe_b64decode(token.encode()).decode()
        prefix, _, number = text.partition(":")
        if prefix == "slipway":
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise invalid("Invalid NextToken: it is not one that this list action answered with.")
