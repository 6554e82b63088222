"""The committed schemas are the generated ones, and editors find them."""

import json
import re
from pathlib import Path

import pytest

from slipway.config import schema


@pytest.mark.parametrize("name", sorted(schema.SCHEMAS))
def test_the_committed_schema_is_the_generated_one(root: Path, name: str) -> None:
    assert (root / "schema" / name).read_text(encoding="utf-8") == schema.text(schema.SCHEMAS[name]), "run make schema"


def test_every_field_that_is_no_plain_block_is_explained_or_bounded() -> None:
    found = json.loads(schema.text(schema.SCHEMAS["model.schema.json"]))
    assert found["$defs"]["Rollout"]["properties"]["canary_percent"]["maximum"] == 50
    assert "SageMaker refuses more than 50" in found["$defs"]["Rollout"]["properties"]["canary_percent"]["description"]
    assert found["additionalProperties"] is False


@pytest.mark.parametrize("file", ["platform.yaml", "models/flight-delays/model.yaml"])
def test_the_first_line_leads_the_editor_to_the_schema(root: Path, file: str) -> None:
    path = root / file
    match = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text(encoding="utf-8"))
    assert match
    assert (path.parent / match[1]).resolve().is_relative_to(root / "schema")
    assert (path.parent / match[1]).is_file()


def test_writes_into_the_folder_named_and_nowhere_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert schema.main([str(tmp_path / "new")]) == 0
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == sorted(schema.SCHEMAS)
    assert schema.main([]) == 2
    assert "usage" in capsys.readouterr().err
