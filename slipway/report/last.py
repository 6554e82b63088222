"""The last run's facts, kept beside it, so that its report can be written again."""

import json
import os
from pathlib import Path

from slipway.report.build import build
from slipway.report.facts import ReportFacts

FILE = Path(".slipway") / "report.json"


def keep(root: Path, facts: ReportFacts) -> None:
    """Write the facts, whole or not at all."""
    path = root / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        partial.write_text(json.dumps(facts.as_dict()), encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def html(root: Path) -> str | None:
    """The report of the last run; None when there was none, or none that this version can read."""
    try:
        return build(ReportFacts.from_dict(json.loads((root / FILE).read_text(encoding="utf-8"))))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
