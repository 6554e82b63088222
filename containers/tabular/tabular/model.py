"""A model artefact: `model.ubj` (XGBoost's own format) and `schema.json`. Nothing else is loaded, pickles least."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import xgboost
from numpy.typing import NDArray

from tabular import ubjson
from tabular.encode import Encoder, Matrix
from tabular.faults import ArtefactFault, ContractFault
from tabular.files import write_bytes, write_json
from tabular.schema import Schema

MODEL_FILE, SCHEMA_FILE = "model.ubj", "schema.json"
ALLOWED_FILES = frozenset({MODEL_FILE, SCHEMA_FILE})
UBJ_MAGIC = b"{L"


@dataclass
class Model:
    """Predicts rows of a request."""

    schema: Schema
    booster: Any
    encoder: Encoder

    @classmethod
    def load(cls, directory: Path, threads: int = 1) -> Self:
        """From an extracted artefact, or ArtefactFault. Files outside the allow-list are refused, not ignored."""
        found = {str(p.relative_to(directory)) for p in directory.rglob("*") if not p.is_dir()}
        if strangers := sorted(found - ALLOWED_FILES):
            raise ArtefactFault(f"{strangers[0]} is not a file of a model: only {', '.join(sorted(ALLOWED_FILES))} are")
        if missing := sorted(ALLOWED_FILES - found):
            raise ArtefactFault(f"{missing[0]} is missing from the model in {directory}")
        try:
            schema = Schema.read(directory / SCHEMA_FILE)
        except ContractFault as fault:
            raise ArtefactFault(fault.args[0]) from None
        booster = xgboost.Booster({"nthread": threads})
        raw = (directory / MODEL_FILE).read_bytes()
        if not raw.startswith(UBJ_MAGIC):
            raise ArtefactFault(f"{MODEL_FILE} is not UBJSON (it starts with {raw[:4]!r}): train it again")
        try:
            ubjson.check(raw)
            booster.load_model(bytearray(raw))
        except (xgboost.core.XGBoostError, ValueError) as error:
            raise ArtefactFault(f"{MODEL_FILE} cannot be read: {str(error).splitlines()[0][:200]}") from None
        if booster.num_features() != len(schema.columns):
            raise ArtefactFault(
                f"{MODEL_FILE} reads {booster.num_features()} columns, {SCHEMA_FILE} declares {len(schema.columns)}"
            )
        return cls(schema, booster, Encoder(schema))

    def predict(self, matrix: Matrix) -> NDArray[np.float32]:
        """Probability of class 1, or the value of a regression; one a row."""
        return np.asarray(self.booster.inplace_predict(matrix, validate_features=False), np.float32)


def save(directory: Path, booster: Any, schema: Schema, training: dict[str, Any]) -> None:
    """The artefact. Holds no clock reading, so equal training gives equal files."""
    write_bytes(directory / MODEL_FILE, bytes(booster.save_raw("ubj")))
    write_json(directory / SCHEMA_FILE, {"version": 1, **schema.document(), "training": training})


def processors() -> int:
    return len(os.sched_getaffinity(0))
