"""The one clock of the embedded cloud. Everything that waits, bakes, schedules, expires or is stamped in the cloud
reads it.

Cloud time runs `speed` times as fast as the wall and can be moved forward; it never goes back. Signatures of
requests stay on wall
time, since real clients sign with theirs.
"""

import threading
import time
from datetime import UTC, datetime


class Clock:
    """Cloud time, in epoch seconds.

    `speed` 0 stops the clock: then only `advance` moves it, which is how tests drive it.
    """

    def __init__(self, *, speed: float = 1.0, start: float | None = None) -> None:
        if speed < 0:
            raise ValueError(f"clock speed is {speed}: it must be 0 (stepped) or more")
        self._moved = threading.Condition()
        self._speed = speed
        self._wall = time.monotonic()
        self._base = time.time() if start is None else start

    @property
    def speed(self) -> float:
        """Cloud seconds in one second of the wall."""
        return self._speed

    def now(self) -> float:
        """Cloud time in epoch seconds."""
        with self._moved:
            return self._now()

    def _now(self) -> float:
        return self._base + (time.monotonic() - self._wall) * self._speed

    def datetime(self) -> datetime:
        """Cloud time as an aware UTC datetime."""
        return datetime.fromtimestamp(self.now(), UTC)

    def set_speed(self, speed: float) -> None:
        """Run faster or slower from now on. Sleepers notice at once."""
        if speed < 0:
            raise ValueError(f"clock speed is {speed}: it must be 0 (stepped) or more")
        with self._moved:
            self._base, self._wall = self._now(), time.monotonic()
            self._speed = speed
            self._moved.notify_all()

    def advance(self, seconds: float) -> float:
        """Move forward at once and wake every sleeper that is due. Returns the new time."""
        if seconds < 0:
            raise ValueError(f"cannot advance by {seconds} s: cloud time never goes back")
        with self._moved:
            self._base += seconds
            self._moved.notify_all()
            return self._now()

    def sleep(self, seconds: float, stop: threading.Event | None = None) -> bool:
        """Wait `seconds` of cloud time in this thread. True if the time passed, False if `stop` was set first."""
        with self._moved:
            deadline = self._now() + seconds
            while (left := deadline - self._now()) > 0:
                if stop is not None and stop.is_set():
                    return False
                # With a `stop` the wait is cut into slices of the wall, since an Event cannot notify this condition.
                wall = left / self._speed if self._speed else None
                if stop is not None:
                    wall = 0.1 if wall is None else min(wall, 0.1)
                self._moved.wait(wall)
        return stop is None or not stop.is_set()
