"""`slipway history`."""

from typing import Any

from slipway.cli import output
from slipway.cli.target import target
from slipway.operations.history import read_history


def history(model: str, environment: str | None, *, limit: int, as_json: bool, aws: bool) -> None:
    """Newest first, at most `limit`."""
    at = target(model, environment, aws=aws)
    found = read_history(at)
    if as_json:
        facts = {"ok": True, "model": model, "environment": at.environment.name, "releases": found[:limit]}
        output.json_object(facts)
        return
    output.out(f"{at.label} — {at.where.label}")
    if not found:
        output.out("  no release yet")
    for entry in found[:limit]:
        _show(entry)
    if len(found) > limit:
        output.out(f"  {len(found) - limit} older; show them with --limit {len(found)}")


def _show(entry: dict[str, Any]) -> None:
    came = f" (from v{entry['from_version']})" if entry["from_version"] else ""
    when = f"{entry['started_at'] or '?'} – {entry['ended_at'] or ''}".rstrip(" –")
    how = ", ".join(word for word in (entry["trigger"], entry["strategy"]) if word)
    version = f"v{entry['version']}" if entry["version"] else "no version yet"
    output.out(f"{version}{came}  {entry['outcome']}  {when}" + (f"  {how}" if how else ""))
    approval = entry["approval"]
    approver = (approval or {}).get("who") or entry["approved_by"] or "nobody named"
    rows = [
        ("cause", entry["cause"]),
        ("asked", " — ".join(word for word in (entry["asked_by"], entry["asked_reason"]) if word)),
        (
            "approved",
            f"{approval['reason']} — {approver} {approval['when']}".rstrip() if approval else entry["approved_by"],
        ),
        ("metrics", ", ".join(f"{name} {value:g}" for name, value in sorted((entry["metrics"] or {}).items()))),
        ("trained on", f"data {entry['data_version'][:12]}" if entry["data_version"] else ""),
        ("by commit", entry["commit"]),
        ("image", entry["image_digest"]),
        ("artefact", f"sha256:{entry['artefact_sha256']}" if entry["artefact_sha256"] else ""),
        ("trial", entry["trial"]["reason"] if entry["trial"] else ""),
        ("config", entry["config"]),
        ("guarded by", ", ".join(entry["alarms"] or [])),
        ("served by", entry["served_by"]),
        ("requests", str(entry["requests"]) if entry["requests"] else ""),
    ]
    output.table((name, value) for name, value in rows if value)
