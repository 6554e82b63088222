"""Warm execution environments of all functions: a free one is used again, idle ones are ended."""

import hashlib
import io
import shutil
import threading
import time
import zipfile
from pathlib import Path

from rehearsal.functions.environment import Environment, Plan

# An environment that nobody used for so long (of the wall) is ended; of the idle ones only so many are kept at all.
IDLE_SECONDS = 20.0
MOST_IDLE = 6


class Pool:
    """Leases environments; a concurrent invocation never waits for another's environment."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS, most_idle: int = MOST_IDLE) -> None:
        self._idle_seconds, self._most_idle = idle_seconds, most_idle
        self._changed = threading.Condition()
        self._idle: list[Environment] = []  # longest idle first
        self._reaper: threading.Thread | None = None

    def lease(self, plan: Plan) -> tuple[Environment, bool]:
        """An environment of this plan, and whether it is warm: a cold one must be started first."""
        with self._changed:
            for environment in reversed(self._idle):
                if environment.plan.key == plan.key:
                    self._idle.remove(environment)
                    return environment, True
        return Environment(plan), False

    def give_back(self, environment: Environment) -> None:
        """It lives and waits for its next invocation."""
        environment.idle_since = time.monotonic()
        with self._changed:
            self._idle.append(environment)
            surplus = self._idle[: -self._most_idle] if len(self._idle) > self._most_idle else []
            del self._idle[: len(surplus)]
            if self._reaper is None:
                self._reaper = threading.Thread(target=self._reap, name="lambda-reaper", daemon=True)
                self._reaper.start()
            self._changed.notify()
        for one in surplus:
            one.end()

    def idle(self) -> int:
        """How many environments wait."""
        with self._changed:
            return len(self._idle)

    def close(self) -> None:
        """End all that wait."""
        with self._changed:
            ended, self._idle = self._idle, []
        for one in ended:
            one.end()

    def _reap(self) -> None:
        while True:
            with self._changed:
                while not self._idle:
                    self._changed.wait()
                left = self._idle[0].idle_since + self._idle_seconds - time.monotonic()
                if left > 0:
                    self._changed.wait(left)
                    continue
                old = self._idle.pop(0)
            old.end()


class CodeStore:
    """Deployment packages and layers, unpacked once each, by content."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()

    def unpacked(self, content: bytes, digest: str = "") -> Path:
        """Directory with the files of the zip. `digest`, if the caller knows one, names the content. Raises ValueError
        for bytes that are no zip file."""
        path = self._directory / hashlib.sha256(digest.encode() or content).hexdigest()[:32]
        with self._lock:
            if not path.exists():
                staging = path.with_suffix(".new")
                shutil.rmtree(staging, ignore_errors=True)
                try:
                    with zipfile.ZipFile(io.BytesIO(content)) as archive:
                        archive.extractall(staging)  # which never leaves the directory
                except zipfile.BadZipFile as error:
                    raise ValueError(f"Could not unzip uploaded file: {error}") from None
                staging.mkdir(parents=True, exist_ok=True)
                staging.rename(path)
        return path
