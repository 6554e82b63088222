"""One demo at a time in one checkout."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slipway.demo.errors import ALREADY_RUNNING, DemoError


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold the lock for as long as the block runs.

    The kernel gives the lock back when this process ends, however it ends, so a killed demo never blocks the next one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="ascii") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            pid = held.read().strip() or "unknown"
            raise DemoError(
                ALREADY_RUNNING,
                f"Another demo runs in this checkout (process {pid}).",
                f"Wait for it, or stop it with Ctrl-C in its terminal (or: kill {pid}).",
            ) from None
        held.truncate(0)
        held.write(f"{os.getpid()}\n")
        held.flush()
        yield
        held.truncate(0)
