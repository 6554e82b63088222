"""What the two ends of a CSV object tell about the whole of it."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Ends:
    """The first and last bytes of an object; `whole` when they overlap or meet, so that nothing of it is unseen."""

    key: str
    size_bytes: int
    head: bytes
    tail: bytes

    @property
    def whole(self) -> bool:
        return len(self.head) >= self.size_bytes


@dataclass(frozen=True)
class Sample:
    """Header and sampled rows of one object, and how many rows it holds: counted if `exact`, estimated from the sample
    if not."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    row_count: float
    exact: bool


class UnreadableError(ValueError):
    """The bytes are not a CSV file with a header; the text says why."""


def read_sample(ends: Ends) -> Sample:
    """Header and complete rows at both ends. Raises UnreadableError for what a cut-off or foreign file looks like."""
    if not ends.tail.endswith(b"\n"):
        raise UnreadableError("its last line does not end: the file looks cut off")
    head_lines = _text(ends.head, "start").splitlines()
    if not head_lines or not head_lines[0].strip():
        raise UnreadableError("its first line is empty, and should be the header")
    header = _fields(head_lines[0])
    if ends.whole:
        lines = head_lines[1:]
    else:
        # The last line of the head and the first of the tail are parts of lines.
        lines = head_lines[1:-1] + _text(ends.tail[ends.tail.find(b"\n") + 1 :], "end").splitlines()
    lines = [line for line in lines if line.strip()]
    rows = tuple(_fields(line) for line in lines)
    for row in rows:
        if len(row) != len(header):
            raise UnreadableError(f"a line has {len(row)} fields where the header has {len(header)}: {_short(row)}")
    if ends.whole:
        return Sample(header, rows, len(rows), exact=True)
    line_bytes = sum(len(line.encode()) + 1 for line in lines) / max(len(lines), 1)
    return Sample(header, rows, ends.size_bytes / line_bytes if lines else 0, exact=False)


def _text(body: bytes, where: str) -> str:
    try:
        # A range may cut a character in two at the unfinished end, which the caller drops with its line.
        return body.decode("utf-8-sig", errors="strict" if body.endswith(b"\n") else "ignore")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"its {where} is not UTF-8 text ({error.reason})") from None


def _fields(line: str) -> tuple[str, ...]:
    return tuple(field.strip() for field in _only(csv.reader([line])))


def _only(rows: Iterable[list[str]]) -> list[str]:
    for row in rows:
        return row
    return []


def _short(row: tuple[str, ...]) -> str:
    text = ",".join(row)
    return text if len(text) <= 80 else f"{text[:77]}..."
