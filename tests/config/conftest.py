"""A copy of the declarations to break."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from slipway.config.errors import DeclarationError, Fault
from slipway.config.loader import load

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "platform.yaml", tmp_path)
    shutil.copytree(ROOT / "models", tmp_path / "models")
    return tmp_path


@pytest.fixture
def broken(checkout: Path) -> Callable[..., tuple[Fault, ...]]:
    """Replace texts in a file and give the faults that loading finds."""

    def edit(file: str, *changes: tuple[str, str]) -> tuple[Fault, ...]:
        path = checkout / {"model": "models/flight-delays/model.yaml", "platform": "platform.yaml"}[file]
        text = path.read_text(encoding="utf-8")
        for old, new in changes:
            assert text.count(old) >= 1, f"{old!r} is not in {file}"
            text = text.replace(old, new, 1)
        path.write_text(text, encoding="utf-8")
        with pytest.raises(DeclarationError) as raised:
            load(checkout)
        return raised.value.faults

    return edit
