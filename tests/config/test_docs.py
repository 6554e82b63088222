"""The documents name every field and every code, and no other code."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from slipway.config.errors import Code
from slipway.config.rollout import Rollout, Strategy
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


def test_every_strategy_has_an_example_that_is_a_declaration(root: Path) -> None:
    text = (root / "docs" / "releases.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block)["rollout"] for block in re.findall(r"```yaml\n(.*?)```", text, re.S)]
    examples = {block["strategy"]: block for block in blocks}
    for strategy in Strategy:
        assert Rollout.model_validate(examples[strategy]).strategy is strategy


def test_every_verb_of_a_release_is_explained(root: Path) -> None:
    text = (root / "docs" / "releases.md").read_text(encoding="utf-8")
    verbs = (root / "slipway" / "cli" / "verbs.py").read_text(encoding="utf-8")
    named = re.search(r"for command in \((.+?)\):", verbs)
    assert named
    table = text[text.index("## Steering") : text.index("## What is kept")]
    assert [v for v in named[1].split(", ") if f"`slipway {v}" not in table and f"`{v}" not in table] == []
