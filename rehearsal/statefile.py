"""Who runs in a state directory. A lock that the kernel drops with its process tells the living from the dead."""

import fcntl
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from rehearsal.errors import CloudError, CloudInUseError

STATE_FILE = "cloud.json"
LOCK_FILE = "lock"


@dataclass(frozen=True)
class State:
    """What a client needs to reach a cloud, and what identifies its process beyond a reusable pid."""

    pid: int
    started: str
    port: int
    token: str
    account: str
    region: str

    @property
    def url(self) -> str:
        """Endpoint of every service."""
        return f"http://127.0.0.1:{self.port}"


def write(directory: Path, state: State) -> None:
    """Atomically, readable by the owner only: it holds the token."""
    fresh = directory / f"{STATE_FILE}.{os.getpid()}"
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(state), file)
    fresh.replace(directory / STATE_FILE)


def read(directory: Path) -> State | None:
    """The state written last; None if there is none or it cannot be read."""
    try:
        return State(**json.loads((directory / STATE_FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def lock(directory: Path) -> IO[str]:
    """Hold the directory until the returned file is closed or this process ends."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = (directory / LOCK_FILE).open("a", encoding="utf-8")
    except OSError as error:
        raise CloudError(
            f"cannot use the state directory {directory}: {error}", "Name a directory you may write to"
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise CloudInUseError(
            f"a cloud already runs in {directory}",
            "Use it, stop it with `slipway cloud down`, or name another directory",
        ) from None
    return file


def is_held(directory: Path) -> bool:
    """Whether a living process holds the directory."""
    try:
        lock(directory).close()
    except CloudInUseError:
        return True
    return False


def process_started(pid: int) -> str:
    """Start time of a process in kernel ticks, so that a reused pid is not taken for it. Empty when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]
