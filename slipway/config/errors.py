"""Faults in declarations: what is wrong, where, why, and how to mend it. Codes are stable.

`docs/errors.md` lists them.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Code(StrEnum):
    """Stable codes of declaration faults. A code is never reused for something else."""

    FILE_MISSING = "SLW101"
    FILE_UNREADABLE = "SLW102"
    SYNTAX = "SLW103"
    OUT_OF_RANGE = "SLW104"
    UNKNOWN_FIELD = "SLW105"
    WRONG_TYPE = "SLW106"
    FIELD_MISSING = "SLW107"
    DUPLICATE_KEY = "SLW108"
    BAD_FORMAT = "SLW109"
    NOT_A_CHOICE = "SLW110"
    DISAGREEMENT = "SLW111"
    FOLDER_NAME = "SLW112"
    NAMES_COLLIDE = "SLW113"
    ACCOUNT_UNQUOTED = "SLW114"
    EMPTY = "SLW115"
    TOO_LARGE = "SLW116"
    UNSUPPORTED_YAML = "SLW117"


def printable(text: str, longest: int = 400) -> str:
    """`text` on one line, safe for any terminal and any encoding of Unicode, cut at `longest` characters."""
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


@dataclass(frozen=True, order=True)
class Fault:
    """One fault. `line` and `column` count from 1; 0 when the fault is the file's as a whole."""

    file: str
    line: int
    column: int
    code: Code
    field: str
    """Path in the file, such as `gates.absolute[0].metric`; empty when the fault is not of one field."""
    value: str
    """What stands there, as written, shortened; empty when nothing does."""
    why: str
    fix: str

    @property
    def where(self) -> str:
        """`file:line:column`, as editors open it."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def render(self) -> str:
        """One line: place, code, field, what and why, and the fix."""
        subject = f"{self.field}: " if self.field else ""
        value = f"{self.value} " if self.value else ""
        why = self.why if self.why.endswith((".", "?", "!")) else f"{self.why}."
        return printable(f"{self.where}: {self.code} {subject}{value}{why} Fix: {self.fix}", 2000)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return asdict(self)


class DeclarationError(Exception):
    """The declarations cannot be used. Holds every fault that was found, in order of file and line."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults: tuple[Fault, ...] = tuple(sorted(set(faults)))
        super().__init__("\n".join(fault.render() for fault in self.faults))
