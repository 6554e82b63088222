"""The checkout that a command works on."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slipway.config.loader import Declarations

PLATFORM_FILE = "platform.yaml"


def root() -> Path:
    """The nearest folder, from here upwards, that holds platform.yaml; else this one: loading says what is missing."""
    here = Path(os.path.abspath(os.curdir))  # noqa: PTH100 (keeps symbolic links as typed)
    for folder in (here, *here.parents):
        if (folder / PLATFORM_FILE).exists():
            return folder
    return here


def declarations() -> "Declarations":
    """Raises DeclarationError."""
    from slipway.config.loader import load

    return load(root())
