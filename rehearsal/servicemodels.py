"""One lean copy of botocore's service models for the whole process.

Every botocore session reads the models for itself, docstrings and all, and the emulator makes a session for each
service that it answers for: 11 MB for SageMaker's alone, each time. Here all sessions share one loader, and what a
program needs of a model is kept: not the documentation, not an ordered mapping, equal texts once.
"""

import functools
import json
import os
import sys
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.session


class LeanFiles(botocore.loaders.JSONFileLoader):
    """Reads a model's file without its documentation."""

    def _load_file(self, full_path: str, open_method: Any) -> Any:
        if not Path(full_path).is_file():
            return None
        with open_method(full_path, "rb") as file:
            return json.loads(file.read(), object_pairs_hook=lean)


def lean(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of a model, its documentation empty. A member that happens to be called so is an object itself."""
    return {name: _text(name, value) if isinstance(value, str) else value for name, value in pairs}


def _text(name: str, value: str) -> str:
    return "" if name == "documentation" else sys.intern(value)


@functools.cache
def loader(search_path_string: str | None = None) -> botocore.loaders.Loader:
    """The process's loader, in place of `botocore.loaders.create_loader`."""
    paths = [str(Path(path).expanduser()) for path in (search_path_string or "").split(os.pathsep) if path]
    return botocore.loaders.Loader(extra_search_paths=paths, file_loader=LeanFiles())


def share() -> None:
    """From now on every botocore session of this process takes its models from here."""
    botocore.session.create_loader = loader
