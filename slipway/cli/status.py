"""`slipway status`."""

import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import typer

from slipway.cli import output, project
from slipway.config.loader import Declarations
from slipway.config.model import Model
from slipway.config.platform import Environment
from slipway.operations import progress
from slipway.operations.errors import Failure
from slipway.operations.outputs import declared_model
from slipway.operations.scaling import limits_words
from slipway.operations.status import ModelStatus, plain, read_status
from slipway.operations.where import find


def status(name: str | None, *, watch_seconds: float | None, as_json: bool, aws: bool) -> None:
    """Exit code 1 when anything is unknown or not as it should be."""
    if watch_seconds is not None and as_json:
        raise Failure(
            "SLW205", "--watch and --json exclude each other.", fix="call status --json in a loop", exit_code=2
        )
    root, found = project.root(), project.declarations()
    models = (declared_model(found.models, name),) if name else found.models
    if not models:
        raise Failure("SLW202", "No model is declared.", where="models/", fix="add models/<name>/model.yaml")
    while True:
        read = _read(root, found, models, aws)
        if as_json:
            facts = [{**asdict(one), "ok": one.ok} for one in read]
            output.json_object({"ok": all(one.ok for one in read), "models": plain(facts)})
        else:
            if watch_seconds is not None:
                _clear()
            for one in read:
                show(one)
        if watch_seconds is None:
            break
        time.sleep(watch_seconds)
    if not all(one.ok for one in read):
        raise typer.Exit(1)


def _read(root: Path, found: Declarations, models: tuple[Model, ...], aws: bool) -> list[ModelStatus]:
    read: list[ModelStatus] = []
    for environment in found.platform.environments:
        try:
            where = find(root, environment, aws=aws)
        except Failure as failure:
            read += [_unreachable(model, environment, failure) for model in models]
            continue
        read += [read_status(where, found.platform, environment, model) for model in models]
    return read


def _unreachable(model: Model, environment: Environment, failure: Failure) -> ModelStatus:
    place = f"AWS ({environment.account}, {environment.region})"
    return ModelStatus(model.name, environment.name, place, unknown=[{"part": "everything", **failure.as_dict()}])


def _clear() -> None:
    """Only on a terminal: pipes get one look after the other."""
    if sys.stdout.isatty():
        sys.stdout.write("\x1b[2J\x1b[H")


def show(one: ModelStatus) -> None:
    """One model in one environment, for people."""
    output.out(f"{one.model} in {one.environment} — {one.where}")
    rows: list[tuple[str, str]] = []
    if one.live is not None:
        rows.append(("live", _live(one.live)))
    if one.scaling is not None:
        rows.append(("scaling", limits_words(one.scaling)))
    if one.release is not None:
        rows.append(("release", progress.line(one.release)))
    if one.hold is not None:
        rows.append(("on hold", f"by {one.hold.get('who')}: {one.hold.get('reason')}"))
    if one.waiting is not None:
        rows.append(
            ("waiting", ", ".join(f"v{w['version']} since {w['registered_at']}" for w in one.waiting) or "none")
        )
    for what, run in one.last.items():
        told = f"{run['status']} {run.get('stopDate') or run.get('startDate', '')} {run['name']}" if run else "none yet"
        rows.append((f"last {what}", told))
    if one.alarms is not None:
        bad = [f"{a['name']} {a['state']}" for a in one.alarms if a["state"] != "OK"]
        rows.append(("alarms", f"{len(one.alarms)} in all; " + (", ".join(bad) or "all OK")))
    output.table(rows)
    for unknown in one.unknown:
        output.out(f"  ? {unknown['part']} unknown: {unknown['what']} Fix: {unknown['fix']}")
    for problem in one.problems:
        output.out(f"  {output.MARKS['fail']} {problem['what']}. Fix: {problem['fix']}")


def _live(live: dict[str, object]) -> str:
    if live.get("version") is None and live.get("endpoint_status") is None:
        return "nothing released yet"
    version = f"v{live['version']}" if live.get("version") is not None else "no version the ledger knows"
    at = live.get("released_at")
    since = f" since {datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}" if isinstance(at, int | float) else ""
    return f"{version}{since}; endpoint {live.get('endpoint', '')} {live.get('endpoint_status') or 'is gone'}"
