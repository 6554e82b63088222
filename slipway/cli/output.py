"""What is printed: results on stdout, everything else on stderr; with `--json` exactly one object on stdout."""

import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from slipway.config.errors import Fault, printable
from slipway.operations.errors import Failure

MARKS = {"ok": "✓", "warn": "!", "fail": "✗"}


def _safe(text: str, stream: Any) -> str:
    """`text` in what the terminal's encoding can show."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)


def out(text: str = "") -> None:
    """A line of the result."""
    print(_safe(text, sys.stdout))


def err(text: str) -> None:
    """A line for people beside the result."""
    sys.stdout.flush()
    print(_safe(text, sys.stderr), file=sys.stderr)


def json_object(facts: Mapping[str, Any]) -> None:
    """The one object of `--json`."""
    print(json.dumps(facts, ensure_ascii=True, allow_nan=False, indent=2))


def faults(found: Iterable[Fault]) -> None:
    """Faults in declarations, one a line, then how many."""
    count = 0
    for fault in found:
        count += 1
        err(fault.render())
    err(f"{count} fault{'' if count == 1 else 's'} in the declarations.")


def failure(told: Failure) -> None:
    """`error[SLW…]: what`, then where, then the fix."""
    err(f"error[{told.code}]: {printable(told.what, 2000)}")
    if told.where:
        err(f"  where: {printable(told.where, 500)}")
    err(f"  fix:   {printable(told.fix, 1000)}")


def table(rows: Iterable[tuple[str, ...]], indent: str = "  ") -> None:
    """Columns aligned by spaces, so that pipes and narrow terminals take them."""
    lines = [tuple(printable(cell) for cell in row) for row in rows]
    if not lines:
        return
    widths = [max(len(row[n]) for row in lines) for n in range(len(lines[0]) - 1)]
    for row in lines:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        out((indent + "  ".join([*cells, row[-1]])).rstrip())
