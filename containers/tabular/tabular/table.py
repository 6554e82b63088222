"""CSV to columns of text: exact about rows that are short, long or cut, and fast where no quoting is used."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tabular.faults import DataFault

Columns = list[list[str]]
BLOCK_BYTES = 16 << 20


@dataclass(frozen=True)
class Block:
    """Part of a file. `columns` are as wide as the file's header; `first_row` is the line of the block's first row
    where no field holds a line break; `line` 1 is the header."""

    columns: Columns
    first_row: int

    def __len__(self) -> int:
        return len(self.columns[0])


def split_rows(data: bytes, width: int, first_row: int, where: str) -> Columns:
    """Columns of the rows in `data` (UTF-8, each row `width` fields), or a fault naming the first bad row."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        row = first_row + data.count(b"\n", 0, error.start)
        raise DataFault(f"{where}row {row} is not UTF-8 (byte {data[error.start]:#04x})") from None
    if '"' in text:
        return _quoted(text, width, first_row, where)
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    text = text.removesuffix("\n")
    if text.count("\n") < 64:
        rows = [line.split(",") for line in text.split("\n")]
        _check_width(rows, width, first_row, where)
        return [list(column) for column in zip(*rows, strict=True)]
    _check_commas(text, width, first_row, where)
    fields = text.replace("\n", ",").split(",")
    return [fields[i::width] for i in range(width)]


def _check_commas(text: str, width: int, first_row: int, where: str) -> None:
    """Count the commas of every line at once; what split(",") would not notice is a row with one field too many
    beside one with too few."""
    raw = np.frombuffer(text.encode() + b"\n", np.uint8)
    commas = np.searchsorted(np.flatnonzero(raw == ord(",")), np.flatnonzero(raw == ord("\n")))
    found = np.diff(commas, prepend=0) + 1
    bad = np.flatnonzero(found != width)
    if bad.size:
        raise DataFault(_width_text(where, first_row + int(bad[0]), int(found[bad[0]]), width, int(bad.size)))


def _check_width(rows: Sequence[Sequence[str]], width: int, first_row: int, where: str) -> None:
    bad = [i for i, row in enumerate(rows) if len(row) != width]
    if bad:
        raise DataFault(_width_text(where, first_row + bad[0], len(rows[bad[0]]), width, len(bad)))


def _width_text(where: str, row: int, found: int, width: int, bad: int) -> str:
    more = f" ({bad} such rows)" if bad > 1 else ""
    return f"{where}row {row} has {found} fields, not {width}{more}"


def _quoted(text: str, width: int, first_row: int, where: str) -> Columns:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    try:
        rows.extend(reader)
    except csv.Error as error:
        raise DataFault(f"{where}row {first_row + len(rows)} is not CSV: {error}") from None
    _check_width(rows, width, first_row, where)
    return [list(column) for column in zip(*rows, strict=True)]


def label(path: Path) -> str:
    """A file as messages name it: with its directory, since partitions hold files of equal names."""
    return f"{path.parent.name}/{path.name}"


def read_blocks(path: Path) -> tuple[list[str], Iterator[Block]]:
    """The header, and the rows in blocks of some megabytes, so that memory does not grow with the file."""
    where = f"{label(path)}: "
    with path.open("rb") as file:
        head = file.readline()
    if not head.strip():
        raise DataFault(f"{where}is empty: it needs a header line and rows")
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise DataFault(f"{where}the header is not UTF-8: save the file as UTF-8") from None
    header = next(csv.reader([text.rstrip("\r\n")]), [])
    if doubled := sorted({name for name in header if header.count(name) > 1}):
        raise DataFault(f"{where}the header names {', '.join(doubled)} twice")
    return header, _blocks(path, len(head), len(header), where)


def _blocks(path: Path, offset: int, width: int, where: str) -> Iterator[Block]:
    row, rest = 2, b""
    with path.open("rb") as file:
        file.seek(offset)
        while data := file.read(BLOCK_BYTES):
            data = rest + data
            cut = _last_row_end(data)
            data, rest = data[:cut], data[cut:]
            if data:
                block = Block(split_rows(data, width, row, where), row)
                row += len(block)
                yield block
    if rest:
        raise DataFault(f"{where}the last line (row {row}) does not end in a line break: the file may be cut short")


def _last_row_end(data: bytes) -> int:
    """End of the last whole row: a line break with an even number of quotes before it."""
    end = data.rfind(b"\n") + 1
    if b'"' not in data:
        return end
    while end and data.count(b'"', 0, end) % 2:
        end = data.rfind(b"\n", 0, end - 1) + 1
    return end
