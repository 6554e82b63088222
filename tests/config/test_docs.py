"""The documents name every field and every code, and no other code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from slipway.config.errors import Code
from slipway.config.schema import SCHEMAS


def fields(schema: dict[str, Any]) -> Iterator[str]:
    for part in (schema, *schema["$defs"].values()):
        yield from part.get("properties", {})


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_every_field_is_documented(root: Path, name: str) -> None:
    text = (root / "docs" / "declarations.md").read_text(encoding="utf-8")
    documented = {
        word.removesuffix("[]") for path in re.findall(r"^\| `([^`]+)`", text, re.M) for word in path.split(".")
    }
    documented |= {word.removesuffix("[]") for word in documented}
    assert set(fields(SCHEMAS[name].model_json_schema())) <= documented


def test_every_code_is_documented_and_every_documented_code_exists(root: Path) -> None:
    sources = [*(root / "slipway" / "cli").rglob("*.py"), *(root / "slipway" / "operations").rglob("*.py")]
    used = {code for path in sources for code in re.findall(r"SLW[1-8]\d\d", path.read_text(encoding="utf-8"))}
    documented = set(re.findall(r"^\| (SLW\d+)", (root / "docs" / "errors.md").read_text(encoding="utf-8"), re.M))
    assert documented == used | {str(code) for code in Code}
