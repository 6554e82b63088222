"""Stand-ins that put a module of the emulator on cloud time. Its pauses of its own stay on the wall."""

import time
from datetime import UTC, datetime
from typing import Any

from rehearsal.clock import Clock


class CloudTimeModule:
    """The `time` module, but `time()` reads the cloud's clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def time(self) -> float:
        """Cloud time in epoch seconds."""
        return self._clock.now()

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def iso(clock: Clock) -> str:
    """Cloud time as AWS writes it, in milliseconds."""
    return datetime.fromtimestamp(clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
