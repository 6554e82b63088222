"""`slipway report`."""

import importlib
import os
from pathlib import Path

from slipway.cli import output, project
from slipway.operations.errors import Failure


def report(path: Path) -> None:
    """Write the last run's report to `path`, whole or not at all."""
    try:
        last = importlib.import_module("slipway.report.last")
    except ModuleNotFoundError as error:
        raise Failure(
            "SLW603", f"This installation lacks {error.name}.", fix="run make setup in the checkout"
        ) from error
    html: str | None = last.html(project.root())
    if html is None:
        raise Failure("SLW601", "No demo has run in this checkout yet.", where=".slipway", fix="run make demo first")
    if path.is_dir():
        raise Failure(
            "SLW602", f"{path} is a folder.", where=str(path), fix=f"name a file: {path / 'report.html'}", exit_code=2
        )
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partial.write_text(html, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    output.out(str(path))
