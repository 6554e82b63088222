"""`evaluate`: challenger and champion on one holdout, by the code that serves; and golden records for the release."""

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from tabular import archive, paths
from tabular.dataset import blocks, labels
from tabular.faults import ArtefactFault, ContractFault, DataFault
from tabular.files import write_bytes, write_json
from tabular.metrics import Metrics, Values, judge, undefined
from tabular.model import ALLOWED_FILES, Model, processors
from tabular.prepare import quote
from tabular.quality import statistics
from tabular.schema import Schema
from tabular.table import label

GOLDEN_AT_MOST = 200
SIGNIFICANT_DIGITS = 9
"""Enough to give back the same float32."""


def main() -> None:
    declared = Schema.read(paths.processing_input("config") / "schema.json").declaration()
    holdout = paths.processing_input("holdout") / "holdout.csv"
    if not holdout.is_file():
        raise ContractFault(f"{holdout} is missing: give the output of prepare")
    challenger, digest = _load(paths.processing_input("model") / "model.tar.gz")
    expected = os.environ.get("SLIPWAY_EXPECTED_SHA256")
    if expected and expected != digest:
        raise ArtefactFault(f"the challenger's sha256 is {digest}, not the expected {expected}")
    if not challenger.schema.same_declaration(declared):
        raise ArtefactFault("the challenger was trained for another schema than config/schema.json")
    truth = _truth(holdout, declared)
    predicted, texts = _predict(challenger, holdout)
    metrics = judge(truth, predicted, declared.is_classification)
    document = {
        "version": 1,
        "rows": len(truth),
        "challenger": _document(metrics, digest),
        "champion": _champion(declared, holdout, truth),
    }
    out = paths.processing_output("evaluation")
    write_json(out / "evaluation.json", document)
    write_json(out / "statistics.json", statistics(truth, predicted, declared.is_classification))
    write_bytes(out / "golden.jsonl", "".join(_golden(texts, predicted)).encode())


def _load(path: Path) -> tuple[Model, str]:
    """The model in an archive, and the archive's sha256."""
    digest = archive.sha256(path)
    with tempfile.TemporaryDirectory(prefix="slipway-model-") as directory:
        archive.extract(path, Path(directory), ALLOWED_FILES)
        return Model.load(Path(directory), threads=processors()), digest


def _truth(holdout: Path, schema: Schema) -> Values:
    found = [labels(columns[0], schema, row) for _, row, columns in blocks([holdout], [schema.target])]
    if not found:
        raise DataFault("holdout.csv: header only, no rows")
    return np.concatenate(found)


def _predict(model: Model, holdout: Path) -> tuple[Values, list[tuple[str, ...]]]:
    """Predictions, and the rows' fields in the order of a request."""
    predicted, rows = [], []
    for path, first_row, columns in blocks([holdout], model.schema.names):
        try:
            predicted.append(model.predict(model.encoder.encode(columns, first_row)).astype(np.float64))
        except DataFault as fault:
            raise DataFault(f"{label(path)}: {fault.args[0]}") from None
        rows += list(zip(*columns, strict=True))
    return np.concatenate(predicted), rows


def _champion(declared: Schema, holdout: Path, truth: Values) -> dict[str, Any] | None:
    """None only if there is no champion. One that cannot read the holdout has no metrics, so no gate can pass."""
    path = paths.processing_input("champion") / "model.tar.gz"
    if not path.exists():
        return None
    champion, digest = _load(path)
    if (champion.schema.problem, champion.schema.target) != (declared.problem, declared.target):
        reason = f"the champion predicts {champion.schema.target} ({champion.schema.problem})"
        return _document(undefined(declared.is_classification, reason), digest)
    try:
        predicted, _ = _predict(champion, holdout)
    except DataFault as fault:
        return _document(undefined(declared.is_classification, fault.args[0]), digest)
    return _document(judge(truth, predicted, declared.is_classification), digest)


def _document(metrics: Metrics, digest: str) -> dict[str, Any]:
    reasons = {"reasons": metrics.reasons} if metrics.reasons else {}
    return {"metrics": metrics.values, **reasons, "artefact_sha256": digest}


def _golden(rows: list[tuple[str, ...]], predicted: Values) -> list[str]:
    """Records spread evenly over the holdout, each with what a server of this model must answer."""
    step = max(1, -(-len(rows) // GOLDEN_AT_MOST))
    return [
        json.dumps(
            {
                "content_type": "text/csv",
                "body": ",".join(quote(text) for text in rows[i]),
                "prediction": float(f"{predicted[i]:.{SIGNIFICANT_DIGITS}g}"),
            },
            allow_nan=False,
        )
        + "\n"
        for i in range(0, len(rows), step)
        if np.isfinite(predicted[i])
    ]
