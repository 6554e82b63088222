"""List actions: filters, order and pages, alike for every resource."""

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

from rehearsal.sagemaker.actions import Call
from rehearsal.sagemaker.errors import invalid, not_emulated
from rehearsal.sagemaker.shapes import service_model
from rehearsal.sagemaker.store import Record, public

DEFAULT_PAGE = 10
_BOUNDS = {
    "CreationTimeAfter": ("CreationTime", 1),
    "CreationTimeBefore": ("CreationTime", -1),
    "CreatedAfter": ("CreationTime", 1),
    "CreatedBefore": ("CreationTime", -1),
    "LastModifiedTimeAfter": ("LastModifiedTime", 1),
    "LastModifiedTimeBefore": ("LastModifiedTime", -1),
}


def listed(
    call: Call,
    records: Iterable[Record],
    *,
    name: str,
    status: str | None = None,
    order: str,
    equal: Mapping[str, str] | None = None,
    sort: Mapping[str, str] | None = None,
) -> Record:
    """One page. `name` and `status` are the record's keys for those filters, `order` is the API's default.

    `equal` names further parameters that a key of the record must equal, `sort` further values of SortBy and their key.
    """
    params = call.params
    same = {"StatusEquals": status, **(equal or {})} if status else dict(equal or {})
    rows = [row for row in records if _wanted(row, params, name, same)]
    keys = {"Name": name, "Status": status, "CreationTime": "CreationTime", "LastModifiedTime": "LastModifiedTime"}
    given = params.get("SortBy", "CreationTime")
    key = {**keys, **(sort or {})}.get(given)
    if key is None:
        raise not_emulated(f"{call.action} sorted by {given}")
    rows.sort(key=lambda row: _rank(row, key), reverse=params.get("SortOrder", order) == "Descending")
    return page(call, rows)


def page(call: Call, rows: list[Record], *, member: str | None = None, default: int = DEFAULT_PAGE) -> Record:
    """The rows after NextToken, at most MaxResults, each with the summary shape's members only.

    `member` is the list of the answer that the rows go to; without it the first one.
    """
    shape: Any = service_model().operation_model(call.action).output_shape
    member = member or next(k for k, v in shape.members.items() if v.type_name == "list")
    summary = shape.members[member].member
    start = _decode(call)
    size = int(call.params.get("MaxResults", default))
    shown = rows[start : start + size]
    members = tuple(summary.members) if summary.type_name == "structure" else ()
    answer: Record = {member: [public(row, members) for row in shown] if members else shown}
    if start + size < len(rows):
        answer["NextToken"] = base64.urlsafe_b64encode(f"slipway:{call.action}:{start + size}".encode()).decode()
    return answer


def _wanted(row: Record, params: dict[str, Any], name: str, same: Mapping[str, str | None]) -> bool:
    part = next((value for key, value in params.items() if key.endswith("NameContains")), "")
    if part.lower() not in str(row.get(name, "")).lower():
        return False
    if any(params[given] != row.get(key) for given, key in same.items() if key and given in params):
        return False
    return all(
        (float(row.get(key) or row["CreationTime"]) - epoch(params[bound])) * sign >= 0
        for bound, (key, sign) in _BOUNDS.items()
        if bound in params
    )


def _rank(row: Record, key: str) -> tuple[bool, Any, int]:
    """Rows without the key first; the order of creation breaks ties."""
    value = row.get(key)
    if value is None and key == "LastModifiedTime":
        value = row["CreationTime"]
    return value is not None, 0 if value is None else value, row["_sequence"]


def epoch(value: Any) -> float:
    """A timestamp parameter: epoch seconds, or a datetime as an in-process caller may pass it."""
    return float(value.timestamp()) if hasattr(value, "timestamp") else float(value)


def _decode(call: Call) -> int:
    token = call.params.get("NextToken")
    if not token:
        return 0
    try:
        prefix, action, number = base64.urlsafe_b64decode(token.encode()).decode().split(":")
        if prefix == "slipway" and action == call.action:
            return int(number)
    except (ValueError, binascii.Error):
        pass
    raise invalid("Invalid NextToken: it is not one that this list action answered with.")
