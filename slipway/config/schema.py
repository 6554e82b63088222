"""Writes the JSON schemas that editors read: `python -m slipway.config.schema schema`."""

import json
import sys
from pathlib import Path

from slipway.config.base import Declared
from slipway.config.model import Model
from slipway.config.platform import Platform

SCHEMAS: dict[str, type[Declared]] = {"platform.schema.json": Platform, "model.schema.json": Model}


def text(kind: type[Declared]) -> str:
    """The schema of a declaration, the same bytes each time."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **kind.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write every schema into the folder named."""
    if len(arguments) != 1:
        print("usage: python -m slipway.config.schema FOLDER", file=sys.stderr)  # noqa: T201
        return 2
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    for name, kind in SCHEMAS.items():
        (folder / name).write_text(text(kind), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
