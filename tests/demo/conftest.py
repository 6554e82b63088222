"""A good result, and a progress that only remembers."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from slipway.demo.result import Deploy, Iam, Release, Result, Retraining, Training, Window


class Remembered:
    """Progress that a test can ask."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.notes: list[str] = []

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self.stages.append(name)
        yield

    def say(self, text: str) -> None:
        pass

    def note(self, text: str) -> None:
        self.notes.append(text)


@pytest.fixture
def progress() -> Remembered:
    return Remembered()


@pytest.fixture
def good() -> Result:
    """All as it should be."""
    return Result(
        clock_speed=60.0,
        seconds=80.0,
        deploy=Deploy(5, 120, 12.0),
        training=Training(62000, "auc", 0.9),
        releases=[
            Release(1, "all_at_once", "released", 1, 0, 0, None),
            Release(2, "canary", "released", 2, 4000, 0, None),
            Release(3, "canary", "rolled_back", 2, 3000, 240, "alarm ClientErrors", 0, 1000),
        ],
        monitoring=[
            Window("13:00", 600, [], "January to March", "nothing"),
            Window("14:00", 600, ["temp: baseline_drift_check"], "April", "retrain"),
        ],
        retraining=Retraining("drift", "registered", "version 4 waits"),
        iam=Iam(True, 3000, 0),
        report="report.html",
    )
