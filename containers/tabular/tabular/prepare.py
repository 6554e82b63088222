"""`prepare`: raw CSV files to train, holdout and baseline, or a refusal before any compute is bought.

A row's side is decided by a hash of its content, so it never changes between runs and equal rows stay together.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tabular import paths
from tabular.dataset import csv_files, labels, places
from tabular.encode import clip
from tabular.faults import DataFault, ParameterFault
from tabular.files import read_json, write_json
from tabular.profile import Profile
from tabular.schema import Schema
from tabular.table import label, read_blocks

UNLABELLED_AT_MOST = 0.1
"""Rows without a label teach nothing and are left out; more of them than this share means a broken join."""
HASH_SPACE = 2**32
FAULTS_TOLD = 20
NEEDS_QUOTES = (",", '"', "\n", "\r")


@dataclass
class Found:
    """What all files hold."""

    rows: int = 0
    unlabelled: int = 0
    faults: list[str] = field(default_factory=list)
    files: list[dict[str, Any]] = field(default_factory=list)
    lines: dict[str, list[str]] = field(default_factory=lambda: {"train": [], "holdout": []})
    targets: dict[str, list[float]] = field(default_factory=lambda: {"train": [], "holdout": []})
    """By side: inputs as CSV text, and labels, in step."""


def main() -> None:
    config = paths.processing_input("config")
    schema = Schema.read(config / "schema.json").declaration()
    settings = _settings(config / "prepare.json")
    found, profile = Found(), Profile(schema)
    for path in csv_files(paths.processing_input("raw")):
        before = found.rows
        try:
            _read(path, schema, settings["holdout"], found, profile)
        except DataFault as fault:
            found.faults.append(fault.args[0])
        found.files.append({"name": label(path), "rows": found.rows - before})
    # Of a file that could not be read nothing more is said: its rows are missing from every count.
    whole = [] if found.faults else _whole(found, schema, settings["minimum_rows"])
    found.faults += profile.faults() + whole
    write_json(paths.processing_output("report") / "data_report.json", _report(found, profile, schema))
    if found.faults:
        told = "; ".join(found.faults[:FAULTS_TOLD])
        raise DataFault(f"{len(found.faults)} fault{'s' if len(found.faults) > 1 else ''}: {told}")
    _write(found, schema)


def _settings(path: Path) -> dict[str, Any]:
    known = {"holdout": 0.2, "minimum_rows": 1000}
    given = read_json(path) if path.exists() else {}
    if strangers := sorted(set(given) - set(known)):
        raise ParameterFault(f"prepare.json: {', '.join(strangers)} unknown; known are {', '.join(known)}")
    known.update(given)
    share, rows = known["holdout"], known["minimum_rows"]
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share < 1:
        raise ParameterFault(f"prepare.json: holdout is {share!r}, not a share over 0 and under 1")
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 1:
        raise ParameterFault(f"prepare.json: minimum_rows is {rows!r}, not a whole number from 1")
    return known


def _read(path: Path, schema: Schema, holdout: float, found: Found, profile: Profile) -> None:
    header, blocks = read_blocks(path)
    wanted = places(header, [schema.target, *schema.names], label(path))
    for block in blocks:
        target, columns = block.columns[wanted[0]], [block.columns[i] for i in wanted[1:]]
        profile.add(columns, block.first_row, label(path))
        found.rows += len(block)
        if (unlabelled := target.count("")) > 0:
            found.unlabelled += unlabelled
            kept = [i for i, text in enumerate(target) if text]
            target, columns = [target[i] for i in kept], [[c[i] for i in kept] for c in columns]
        if not target:
            continue
        try:
            # A dropped row shifts the numbers of those after it, so then the row is not told, the value is.
            values = labels(target, schema, block.first_row if not unlabelled else 1)
        except DataFault as fault:
            raise DataFault(f"{label(path)}: {fault.args[0]}") from None
        _split(columns, values.tolist(), holdout, found)


def _split(columns: list[list[str]], values: list[float], holdout: float, found: Found) -> None:
    limit = round(holdout * HASH_SPACE)
    for line, value in zip(_lines(columns), values, strict=True):
        label = _label(value)
        digest = hashlib.blake2b(f"{label},{line}".encode(), digest_size=4).digest()
        side = "holdout" if int.from_bytes(digest) < limit else "train"
        found.lines[side].append(line)
        found.targets[side].append(value)


def _lines(columns: Sequence[list[str]]) -> Iterator[str]:
    """Inputs of each row as CSV; only columns that need it are quoted."""
    safe = [c if not _needs_quotes(c) else [quote(text) for text in c] for c in columns]
    return map(",".join, zip(*safe, strict=True))


def _needs_quotes(texts: list[str]) -> bool:
    joined = "".join(texts)
    return any(mark in joined for mark in NEEDS_QUOTES)


def quote(text: str) -> str:
    """One CSV field (RFC 4180)."""
    return '"' + text.replace('"', '""') + '"' if any(mark in text for mark in NEEDS_QUOTES) else text


def _whole(found: Found, schema: Schema, minimum_rows: int) -> list[str]:
    """Faults that only all rows together show."""
    faults = []
    labelled = sum(len(side) for side in found.lines.values())
    if found.rows and found.unlabelled > UNLABELLED_AT_MOST * found.rows:
        share = found.unlabelled / found.rows
        faults.append(f'target "{schema.target}" is empty in {share:.0%} of the rows, over {UNLABELLED_AT_MOST:.0%}')
    if labelled < minimum_rows:
        faults.append(f"{labelled} labelled rows, under the {minimum_rows} asked for (minimum_rows)")
    for side, values in found.targets.items():
        if not values:
            faults.append(f"the {side} side has no rows: give more data")
        elif min(values) == max(values):
            faults.append(f'target "{schema.target}" is {clip(f"{values[0]:g}")} in every {side} row')
    return faults


def _report(found: Found, profile: Profile, schema: Schema) -> dict[str, Any]:
    values = [*found.targets["train"], *found.targets["holdout"]]
    mean = float(np.mean(values)) if values else None
    return {
        "version": 1,
        "rows": found.rows,
        "train_rows": len(found.lines["train"]),
        "holdout_rows": len(found.lines["holdout"]),
        "unlabelled_rows": found.unlabelled,
        ("label_rate" if schema.is_classification else "label_mean"): mean,
        "files": found.files,
        "columns": profile.document(),
        "faults": found.faults,
    }


def _write(found: Found, schema: Schema) -> None:
    inputs = ",".join(quote(name) for name in schema.names)
    with ExitStack() as open_files:
        for side in ("train", "holdout"):
            whole = [f"{_label(v)},{line}" for v, line in zip(found.targets[side], found.lines[side], strict=True)]
            path = paths.processing_output(side) / f"{side}.csv"
            file = open_files.enter_context(path.open("w", encoding="utf-8", newline=""))
            file.write("\n".join([f"{quote(schema.target)},{inputs}", *whole, ""]))
        path = paths.processing_output("baseline") / "baseline.csv"
        file = open_files.enter_context(path.open("w", encoding="utf-8", newline=""))
        file.write("\n".join([inputs, *found.lines["train"], ""]))


def _label(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)
