"""A labelled CSV file or directory of them, as matrix and labels."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tabular.encode import Encoder, Matrix, bad_numbers, clip, numbers
from tabular.faults import ContractFault, DataFault
from tabular.schema import Schema
from tabular.table import label, read_blocks

Labels = NDArray[np.float32]
CLASSES = {"0": "0", "1": "1", "0.0": "0", "1.0": "1", "false": "0", "true": "1", "False": "0", "True": "1"}


def csv_files(directory: Path) -> list[Path]:
    """Every CSV below, in a stable order; none is a fault."""
    files = sorted(p for p in directory.rglob("*.csv") if p.is_file())
    if not files:
        raise ContractFault(f"no .csv file under {directory}: check the input's S3 prefix")
    return files


def places(header: Sequence[str], names: Sequence[str], where: str) -> list[int]:
    """Where each wanted column stands. Matched by name, so a file may order its columns as it likes."""
    missing = [name for name in names if name not in header]
    if missing:
        raise DataFault(f"{where}: no column {', '.join(missing)}; the header has {', '.join(header)[:200]}")
    return [header.index(name) for name in names]


def labels(texts: Sequence[str], schema: Schema, first_row: int = 1) -> NDArray[np.float64]:
    """0 and 1, or the numbers of a regression."""
    if schema.is_classification:
        bad = next((i for i, t in enumerate(texts) if t not in CLASSES), None)
        if bad is None:
            return np.array([float(CLASSES[t]) for t in texts])
        raise DataFault(f'row {first_row + bad}, target "{schema.target}": {clip(texts[bad])} is not 0 or 1')
    values = numbers(texts)
    if values is None or np.isnan(values).any():
        bad = texts.index("") if "" in texts else bad_numbers(texts)[0]
        raise DataFault(f'row {first_row + bad}, target "{schema.target}": {clip(texts[bad])} is not a number')
    return values


def blocks(files: Sequence[Path], names: Sequence[str]) -> Iterator[tuple[Path, int, list[list[str]]]]:
    """(file, first row, the wanted columns) of all files."""
    for path in files:
        header, parts = read_blocks(path)
        wanted = places(header, names, label(path))
        for part in parts:
            yield path, part.first_row, [part.columns[i] for i in wanted]


def vocabulary(files: Sequence[Path], schema: Schema) -> dict[str, tuple[str, ...]]:
    """Sorted values of every category column."""
    names = [c.name for c in schema.columns if c.type == "category"]
    found: dict[str, set[str]] = {name: set() for name in names}
    if names:
        for _, _, columns in blocks(files, names):
            for name, texts in zip(names, columns, strict=True):
                found[name].update(texts)
    return {name: tuple(sorted(values - {""})) for name, values in found.items()}


def read(files: Sequence[Path], schema: Schema) -> tuple[Matrix, Labels]:
    """All rows of all files."""
    encoder = Encoder(schema)
    rows, truth = [], []
    for path, first_row, (target, *columns) in blocks(files, [schema.target, *schema.names]):
        try:
            truth.append(labels(target, schema, first_row).astype(np.float32))
            rows.append(encoder.encode(columns, first_row))
        except DataFault as fault:
            raise DataFault(f"{label(path)}: {fault.args[0]}") from None
    if not rows:
        raise DataFault(f"{', '.join(map(label, files))[:200]}: header only, no rows")
    return np.concatenate(rows), np.concatenate(truth)
