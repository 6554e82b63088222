"""Hyperparameters: SageMaker hands them over as strings; each is checked against its range before any work."""

import json
import math
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from tabular.faults import ParameterFault
from tabular.files import read_json


@dataclass(frozen=True)
class Hyperparameters:
    """XGBoost's own names and defaults, but for `seed`."""

    num_round: int = 100
    max_depth: int = 6
    eta: float = 0.3
    min_child_weight: float = 1.0
    subsample: float = 1.0
    colsample_bytree: float = 1.0
    reg_lambda: float = 1.0
    seed: int = 7
    early_stopping_rounds: int = 0
    """0: off. Needs a validation channel."""

    @classmethod
    def read(cls, path: Path) -> Self:
        """All faults at once. A missing file means the defaults, as for a job without hyperparameters."""
        given = read_json(path) if path.exists() else {}
        values, faults = {}, []
        for name, text in given.items():
            if name not in RANGES:
                if not name.startswith("sagemaker_"):
                    faults.append(f"{name} is unknown; known are {', '.join(RANGES)}")
                continue
            low, high, open_low = RANGES[name]
            kind = int if name in WHOLE else float
            try:
                value = kind(_plain(text))
                fits = math.isfinite(value) and low <= value <= high and not (open_low and value == low)
            except ValueError:
                fits = False
            if fits:
                values[name] = value
            else:
                what = "a whole number" if kind is int else "a number"
                faults.append(f"{name} is {text!r}, not {what} {'over' if open_low else 'from'} {low:g} to {high:g}")
        if faults:
            raise ParameterFault("; ".join(faults))
        return cls(**values)  # type: ignore[arg-type]  # kinds follow WHOLE

    def document(self) -> dict[str, Any]:
        return asdict(self)


RANGES: dict[str, tuple[float, float, bool]] = {
    "num_round": (1, 10_000, False),
    "max_depth": (1, 20, False),
    "eta": (0, 1, True),
    "min_child_weight": (0, 1e6, False),
    "subsample": (0, 1, True),
    "colsample_bytree": (0, 1, True),
    "reg_lambda": (0, 1e6, False),
    "seed": (0, 2**31 - 1, False),
    "early_stopping_rounds": (0, 1000, False),
}
"""name: lowest, highest, lowest excluded."""
WHOLE = {f.name for f in fields(Hyperparameters) if f.type is int}


def _plain(text: Any) -> str:
    """The SageMaker Python SDK JSON-encodes values, so "6" may arrive as "\\"6\\""."""
    if isinstance(text, str) and text.startswith('"'):
        try:
            text = json.loads(text)
        except ValueError:
            return str(text)
    return str(text)
