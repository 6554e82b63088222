"""Text to the numbers a model reads: the one way for training, evaluation and serving, so they cannot differ.

A number is a finite decimal that float32 can hold; an empty field is a missing value (NaN) if the column may miss it.
A category's code is its place in the sorted vocabulary; a category never seen in training is a missing value.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tabular.faults import DataFault
from tabular.schema import Column, Schema

Matrix = NDArray[np.float32]
LARGEST = float(np.finfo(np.float32).max)


def is_number(text: str) -> bool:
    """Python's float() also takes nan, inf, 1_000 and other scripts' digits; a data file does not mean those."""
    try:
        value = float(text)
    except ValueError:
        return False
    return math.isfinite(value) and abs(value) <= LARGEST and text.isascii() and "_" not in text


def bad_numbers(texts: Sequence[str]) -> list[int]:
    """Places of the fields that are neither empty nor a number."""
    return [i for i, text in enumerate(texts) if text and not is_number(text)]


def numbers(texts: Sequence[str]) -> NDArray[np.float64] | None:
    """The column's values, NaN where empty; None if a field is not a number (`bad_numbers` says which)."""
    try:
        values = np.array([float(t) if t else math.nan for t in texts])
    except ValueError:
        return None
    exact = len(texts) - (texts.count("") if "" in texts else 0)
    joined = "".join(texts)
    if np.count_nonzero(np.abs(values) <= LARGEST) != exact or "_" in joined or not joined.isascii():
        return None
    return values


class Encoder:
    """Columns of text in the schema's order to a matrix, rows by columns."""

    def __init__(self, schema: Schema) -> None:
        self._columns = schema.columns
        self._codes: list[dict[str, float] | None] = [
            None if c.type == "number" else {v: float(i) for i, v in enumerate(c.categories or ())}
            for c in schema.columns
        ]
        self.feature_types = ["q" if c.type == "number" else "c" for c in schema.columns]

    def encode(self, columns: Sequence[Sequence[str]], first_row: int = 1) -> Matrix:
        """Raise DataFault naming row and column of the first field that cannot be read."""
        matrix = np.empty((len(columns[0]), len(self._columns)), np.float32)
        for place, (column, codes, texts) in enumerate(zip(self._columns, self._codes, columns, strict=True)):
            if column.required and "" in texts:
                raise DataFault(_cell(first_row + list(texts).index(""), column, "is empty but required"))
            if codes is None:
                values = numbers(texts)
                if values is None:
                    bad = bad_numbers(texts)[0]
                    raise DataFault(_cell(first_row + bad, column, f"{clip(texts[bad])} is not a number"))
                matrix[:, place] = values
            else:
                matrix[:, place] = [codes.get(text, math.nan) for text in texts]
        return matrix


def _cell(row: int, column: Column, fault: str) -> str:
    return f'row {row}, column "{column.name}": {fault}'


def clip(text: str) -> str:
    """A field as it may stand in a message: quoted, printable and short."""
    return ascii(text if len(text) <= 40 else text[:40] + "...")
