"""Checkpoints that survive a kill at any byte: the state file names its model by sha256 and is written after it."""

import hashlib
import json
from pathlib import Path
from typing import Any

from tabular.files import write_bytes, write_json

KEPT = 2
"""The newest may be half uploaded when the machine goes; the one before is whole."""


class Checkpoints:
    """Of one training: one fingerprint of data, schema and hyperparameters."""

    def __init__(self, directory: Path, fingerprint: str) -> None:
        self._directory, self._fingerprint = directory, fingerprint

    def save(self, rounds: int, model: bytes, state: dict[str, Any]) -> None:
        """`rounds` trees are done."""
        name = f"round-{rounds:05d}"
        write_bytes(self._directory / f"{name}.ubj", model)
        digest = hashlib.sha256(model).hexdigest()
        document = {"fingerprint": self._fingerprint, "rounds": rounds, "sha256": digest, "state": state}
        write_json(self._directory / f"{name}.json", document)
        for old in sorted(self._directory.glob("round-*.json"))[:-KEPT]:
            old.unlink(missing_ok=True)
            old.with_suffix(".ubj").unlink(missing_ok=True)

    def newest(self) -> tuple[int, bytes, dict[str, Any]] | None:
        """Rounds, model and state of the newest whole checkpoint of this same training; torn ones are passed over."""
        for path in sorted(self._directory.glob("round-*.json"), reverse=True):
            try:
                document = json.loads(path.read_bytes())
                model = path.with_suffix(".ubj").read_bytes()
                whole = hashlib.sha256(model).hexdigest() == document["sha256"]
                if whole and document["fingerprint"] == self._fingerprint:
                    return int(document["rounds"]), model, dict(document["state"])
            except (OSError, ValueError, KeyError, TypeError):
                continue
        return None

    def clear(self) -> None:
        """Another training's leavings would only cost storage."""
        for path in self._directory.glob("round-*"):
            path.unlink(missing_ok=True)


def fingerprint(files: list[Path], *parts: Any) -> str:
    """Of file contents and settings."""
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
