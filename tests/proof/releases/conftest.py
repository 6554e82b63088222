"""The app under load, deployed once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from release_load.rig import Rig
from slipway.config.rollout import Strategy

LATENCY_MILLISECONDS, PATIENT_MILLISECONDS = 600, 3000
"""What the alarm on latency allows: little, since slow answers have to end before a fleet does; or what a busy machine
needs."""
SAMPLE = (Strategy.CANARY, Strategy.LINEAR)


@pytest.fixture(scope="session")
def rig(root: Path, full: bool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """An endpoint for every strategy that can be declared, or for two of them."""
    strategies = list(Strategy) if full else SAMPLE
    latency = LATENCY_MILLISECONDS if full else PATIENT_MILLISECONDS
    with Rig.deployed(root, tmp_path_factory.mktemp("load"), strategies, latency) as made:
        yield made
