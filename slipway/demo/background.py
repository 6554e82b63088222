"""A command that runs beside the demo and is gone when the demo is."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 3.0
PATIENCE_SECONDS = 300.0


class Background:
    """Started at once, in a process group of its own, its output in a file."""

    def __init__(self, command: Sequence[str], log: Path, *, cwd: Path, environment: Mapping[str, str]) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self._log = log
        self._begun = time.monotonic()
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                list(command), cwd=cwd, env=dict(environment), stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip

    def wait(self, seconds: float = PATIENCE_SECONDS) -> int:
        """The exit code; raises TimeoutError when it does not end."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"no end after {seconds:.0f} s") from None

    @property
    def output(self) -> str:
        """All that it has printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def last_lines(self, number: int = 6) -> str:
        """For an error message."""
        return " | ".join([line.strip() for line in self.output.splitlines() if line.strip()][-number:])[-900:]

    def stop(self) -> None:
        """End it and all that it started. May be called twice, and when it has ended."""
        if self._process.poll() is not None:
            return
        for name, patience in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
            try:
                os.killpg(self._process.pid, name)
                self._process.wait(patience)
            except ProcessLookupError:
                return
            except subprocess.TimeoutExpired:
                continue
            return
