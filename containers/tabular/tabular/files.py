"""Reading and writing JSON and text so that a reader never sees half a file."""

import json
import os
from pathlib import Path
from typing import Any

from tabular.faults import ContractFault


def write_bytes(path: Path, data: bytes) -> None:
    """Replace `path` in one step, on disk before it has its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    with part.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Strict JSON: a NaN is a fault of ours and raises, since readers would take it for a number or choke."""
    write_bytes(path, (json.dumps(value, allow_nan=False, indent=1) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """The object in `path`, or a fault that says which file is missing or broken and where."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise ContractFault(f"{path} is missing: mount the job's configuration there") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise ContractFault(f"{path} is not JSON ({error}): write it again") from None
    if not isinstance(value, dict):
        raise ContractFault(f"{path} holds a {type(value).__name__}, not a JSON object")
    return value
