"""`baseline`: statistics and suggested constraints of a dataset with a header."""

import csv
import json
import os
from pathlib import Path

from monitor import constraints
from monitor.faults import Fault, NoDataFault
from monitor.files import local, write_json, write_message
from monitor.profile import Profile, statistics


def main() -> None:
    env = os.environ  # Model Monitor's variables are in lower case
    _check_format(env.get("dataset_format", '{"csv": {"header": true}}'))
    threshold = _threshold(env.get("slipway_drift_threshold"))
    source = local(env.get("dataset_source", "/opt/ml/processing/input/baseline_dataset_input"))
    output = local(env.get("output_path", "/opt/ml/processing/output"))
    profiles, rows = read(source)
    write_json(output / "statistics.json", statistics(profiles, rows))
    write_json(output / "constraints.json", constraints.suggest(profiles, threshold))
    write_message("Completed: Job completed successfully with no violations.")


def read(source: Path) -> tuple[list[Profile], int]:
    """The columns of all CSV files under `source`, and the number of rows."""
    files = sorted(p for p in source.rglob("*.csv") if p.is_file())
    if not files:
        raise NoDataFault(f"Error: Could not find any csv file under directory {source}.")
    header: list[str] = []
    rows: list[list[str]] = []
    for path in files:
        with path.open(encoding="utf-8-sig", newline="") as file:
            try:
                lines = csv.reader(file, strict=True)
                names = next(lines, [])
                part = list(lines)
            except (csv.Error, UnicodeDecodeError) as error:
                raise Fault(f"{path.name} is not CSV in UTF-8: {error}") from None
        header = header or names
        if names != header or len(set(names)) != len(names) or not names:
            raise Fault(f"{path.name}: the header {names} is empty, doubled or not that of {files[0].name}")
        bad = next((i for i, row in enumerate(part) if len(row) != len(header)), None)
        if bad is not None:
            raise Fault(f"{path.name}: row {bad + 2} has {len(part[bad])} fields, not {len(header)}")
        rows += part
    if not rows:
        raise NoDataFault(f"Error: the csv files under directory {source} have no rows.")
    columns = zip(*rows, strict=True)
    return [Profile(name, texts) for name, texts in zip(header, columns, strict=True)], len(rows)


def _check_format(text: str) -> None:
    """Model Monitor's other formats are refused rather than misread."""
    try:
        given = json.loads(text)["csv"]["header"]
    except (ValueError, KeyError, TypeError):
        given = None
    if given is not True:
        raise Fault(f'dataset_format is {text}; a baseline needs {{"csv": {{"header": true}}}}')


def _threshold(text: str | None) -> float:
    if text is None:
        return constraints.DEFAULT_THRESHOLD
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= 1:
        raise Fault(f"slipway_drift_threshold is {text!r}, not a number over 0 up to 1")
    return value
