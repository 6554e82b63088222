"""Where the job finds and leaves things. A path under /opt/ml is taken under SAGEMAKER_BASE_DIR, if that is set."""

import json
import os
from pathlib import Path
from typing import Any

from monitor.faults import Fault

RESERVED = Path("/opt/ml")
MESSAGE_BYTES = 1000
"""SageMaker keeps 1 KB of a processing job's message."""


def local(path: str | Path) -> Path:
    """A container path on this machine."""
    base, given = Path(os.environ.get("SAGEMAKER_BASE_DIR", RESERVED)), Path(path)
    return base / given.relative_to(RESERVED) if given.is_relative_to(RESERVED) else given


def write_text(path: Path, text: str) -> None:
    """Replace `path` in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Strict JSON: no NaN ever leaves."""
    write_text(path, json.dumps(value, allow_nan=False, indent=1) + "\n")


def write_message(text: str) -> None:
    """The job's exit message, cut at a whole character."""
    write_text(local("/opt/ml/output/message"), text.encode()[:MESSAGE_BYTES].decode(errors="ignore"))


def read_json(path: Path, what: str) -> dict[str, Any]:
    """The object in `path`."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise Fault(f"{what} {path} is missing: run the baseline job and mount its output") from None
    except ValueError as error:
        raise Fault(f"{what} {path} is not JSON ({error})") from None
    if not isinstance(value, dict) or not isinstance(value.get("features"), list):
        raise Fault(f"{what} {path} has no list of features: it is not a file of a data quality baseline")
    for feature in value["features"]:
        if not isinstance(feature, dict) or not isinstance(feature.get("name"), str):
            raise Fault(f"{what} {path} has a feature without a name")
    return value
