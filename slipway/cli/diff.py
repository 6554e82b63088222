"""`slipway diff`."""

from typing import Any

from slipway.cli import output
from slipway.cli.target import target
from slipway.operations.approvals import parse
from slipway.operations.differences import compare


def diff(model: str, one: str, other: str, env: str | None, *, as_json: bool, aws: bool) -> None:
    """Versions as `3` or `v3`."""
    first, second = (parse(f"{model}@{text}")[1] for text in (one, other))
    at = target(model, env, aws=aws)
    found = compare(at, first, second)
    if as_json:
        output.json_object({"ok": True, "model": model, "versions": [first, second], **found})
        return
    output.out(f"{model}: v{first} → v{second}")
    output.table(_rows(found["differences"]))
    if found["same"]:
        output.out(f"  the same: {', '.join(found['same'])}")
    for gap in found["missing"]:
        output.out(f"  ? {gap['part']} of v{gap['version']}: {gap['why']}")


def _rows(differences: dict[str, Any]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for part, change in differences.items():
        pairs = change.items() if isinstance(change, dict) else [("", change)]
        for name, (before, after) in pairs:
            rows.append((f"{part} {name}".rstrip(), _text(before), "→", _text(after) + _change(before, after)))
    return rows


def _text(value: Any) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _change(before: Any, after: Any) -> str:
    numbers = isinstance(before, int | float) and isinstance(after, int | float)
    return f"  ({after - before:+g})" if numbers else ""
