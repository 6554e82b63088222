"""What every declaration model shares: unknown fields are refused, values are frozen, numbers are finite."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Path = tuple[str | int, ...]


def says(what: str) -> dict[str, object]:
    """What a pattern asks for, in words: editors show it, and so do our errors."""
    return {"patternErrorMessage": what}


Name = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z](-?[a-z0-9])*$", min_length=2, max_length=20),
    Field(
        json_schema_extra=says("lower-case letters and digits in words joined by single hyphens, such as flight-delays")
    ),
]
"""Lower-case words joined by single hyphens: it becomes part of AWS names and, for models, of package ARNs."""


@dataclass(frozen=True)
class Clash:
    """Fields that are right one by one and wrong together."""

    path: Path
    """The field to point at, from the block whose validator found it."""
    why: str
    fix: str
    reads: tuple[Path, ...] = ()
    """Other fields the judgement rests on: when one of them is itself at fault, this clash is not reported."""


class ClashError(ValueError):
    """Raised by validators with every clash they found; the loader puts each at its own line."""

    def __init__(self, clashes: Iterable[Clash]) -> None:
        self.clashes = tuple(clashes)
        super().__init__("; ".join(f"{c.why}: {c.fix}" for c in self.clashes))


def refuse(*clashes: Clash | None) -> None:
    """Raise for the clashes that are there, all at once."""
    if found := [c for c in clashes if c is not None]:
        raise ClashError(found)


class Declared(BaseModel):
    """A block of YAML a user writes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)
