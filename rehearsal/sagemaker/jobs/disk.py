"""The volume of a job's instance as a budget: what a container writes is measured, and ended when it is too much."""

import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from rehearsal.sagemaker.jobs.errors import JobError

_INTERVAL_SECONDS = 0.5  # wall, between looks …
_SHARE = 0.1  # … and never more than this share of the time


class Disk:
    """Looks now and then at how much a directory occupies."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._used: dict[str, int] = {}
        self._due: dict[str, float] = {}

    def check(self, directory: Path, host: str) -> None:
        """Raise JobError when the host's volume is full."""
        began = time.monotonic()
        if began < self._due.get(host, 0.0):
            return
        used = self._used[host] = occupied_bytes(directory)
        now = time.monotonic()
        self._due[host] = now + max(_INTERVAL_SECONDS, (now - began) / _SHARE)
        if used > self._limit_bytes:
            raise JobError(
                f"ClientError: No space left on device: {host} uses {used} bytes of the {self._limit_bytes} bytes of "
                "its volume. Use a larger VolumeSizeInGB."
            )

    def share(self, host: str) -> float:
        """Of the host's volume that was full at the last look."""
        return self._used.get(host, 0) / self._limit_bytes if self._limit_bytes else 0.0


def occupied_bytes(directory: Path) -> int:
    """Disk blocks of all files below a directory, links not followed, in bytes."""
    total, folders = 0, [str(directory)]
    while folders:
        with contextlib.suppress(OSError):  # a directory that the container removes meanwhile
            for entry in os.scandir(folders.pop()):
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        total += entry.stat(follow_symlinks=False).st_blocks * 512
    return total


def remove(directory: Path) -> None:
    """Delete a directory whatever a container left in it: nested beyond Python's recursion, or without permissions."""
    with contextlib.suppress(RecursionError):
        shutil.rmtree(directory, ignore_errors=True)
    if directory.exists():
        for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
            subprocess.run([*command, "--", str(directory)], check=False, capture_output=True)
