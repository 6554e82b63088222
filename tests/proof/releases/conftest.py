"""The app under load, deployed once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from release_load.rig import Rig
from release_load.strategies import PATIENT, STRICT
from slipway.config.rollout import Strategy

SAMPLE = (Strategy.CANARY, Strategy.LINEAR)


@pytest.fixture(scope="session")
def rig(root: Path, full: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """An endpoint for every strategy that can be declared, or for two of them."""
    strategies = list(Strategy) if full else SAMPLE
    with Rig.deployed(root, tmp_path_factory.mktemp("load"), strategies, STRICT if full else PATIENT) as made:
        yield made
