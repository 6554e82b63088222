"""The tables in docs/embedded-cloud.md are those of the code."""

from pathlib import Path

import pytest

from rehearsal import catalogue


def test_the_document_is_up_to_date(root: Path) -> None:
    text = (root / "docs" / "embedded-cloud.md").read_text(encoding="utf-8")
    assert catalogue.render(text) == text, "run: make docs"


def test_a_block_that_is_gone_is_told(root: Path) -> None:
    text = (root / "docs" / "embedded-cloud.md").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="there is no block 'hooks'"):
        catalogue.render(text.replace("<!-- hooks: from the code -->", ""))


def test_a_depth_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from rehearsal.sagemaker import search

    monkeypatch.setattr(search, "DEPTH", "deep")
    with pytest.raises(ValueError, match="must be one of real, rules, record"):
        list(catalogue.actions())
