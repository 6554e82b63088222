"""Per column: what is missing, how values spread, and what cannot be read; over all files, in one pass."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tabular.encode import bad_numbers, clip, numbers
from tabular.schema import Column, Schema


class Profile:
    """Of the input columns."""

    def __init__(self, schema: Schema) -> None:
        self._columns = [_Number(c) if c.type == "number" else _Category(c) for c in schema.columns]

    def add(self, columns: Sequence[list[str]], first_row: int, file: str) -> None:
        for profile, texts in zip(self._columns, columns, strict=True):
            profile.add(texts, first_row, file)

    def faults(self) -> list[str]:
        """One text a column and kind of fault, with the first example and the count."""
        return [fault for profile in self._columns for fault in profile.faults()]

    def document(self) -> dict[str, Any]:
        return {profile.column.name: profile.document() for profile in self._columns}


class _Column:
    def __init__(self, column: Column) -> None:
        self.column = column
        self.rows = self.missing = self.bad = 0
        self.first_missing = self.first_bad = ""

    def add(self, texts: list[str], first_row: int, file: str) -> None:
        self.rows += len(texts)
        empty = texts.count("")
        if empty and not self.missing:
            self.first_missing = f"{file}: row {first_row + texts.index('')}"
        self.missing += empty
        self.values(texts, first_row, file)

    def values(self, texts: list[str], first_row: int, file: str) -> None:
        raise NotImplementedError

    def faults(self) -> list[str]:
        faults, name = [], self.column.name
        if self.missing and self.column.required:
            faults.append(f'{self.first_missing}, column "{name}": is empty but required ({self.missing} such rows)')
        elif self.rows and self.missing == self.rows:
            faults.append(f'column "{name}" is empty in every row')
        if self.bad:
            faults.append(f"{self.first_bad} ({self.bad} such rows)")
        return faults

    def document(self) -> dict[str, Any]:
        return {"missing": self.missing, "missing_share": self.missing / self.rows if self.rows else None}


class _Number(_Column):
    def __init__(self, column: Column) -> None:
        super().__init__(column)
        self._low, self._high, self._sum, self._count = np.inf, -np.inf, 0.0, 0

    def values(self, texts: list[str], first_row: int, file: str) -> None:
        values = numbers(texts)
        if values is None:
            bad = bad_numbers(texts)
            if not self.bad:
                where = f'{file}: row {first_row + bad[0]}, column "{self.column.name}"'
                self.first_bad = f"{where}: {clip(texts[bad[0]])} is not a number"
            self.bad += len(bad)
            return
        present = values[~np.isnan(values)]
        if present.size:
            self._low = min(self._low, float(present.min()))
            self._high = max(self._high, float(present.max()))
            self._sum += float(present.sum())
            self._count += present.size

    def document(self) -> dict[str, Any]:
        known = {"min": self._low, "max": self._high, "mean": self._sum / self._count} if self._count else {}
        return {**super().document(), "type": "number", **known}


class _Category(_Column):
    def __init__(self, column: Column) -> None:
        super().__init__(column)
        self._seen: set[str] = set()

    def values(self, texts: list[str], first_row: int, file: str) -> None:  # noqa: ARG002 - as the other kind's
        self._seen.update(texts)

    def document(self) -> dict[str, Any]:
        return {**super().document(), "type": "category", "distinct": len(self._seen - {""})}
