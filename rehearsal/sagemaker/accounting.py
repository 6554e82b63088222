"""What a container's processes use, read from /proc, those that left its group too. 0 where there is no /proc."""

import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = "SLIPWAY_CONTAINER"  # in the environment of a container's every process, inherited over fork and setsid
_PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True)
class Usage:
    """Of all processes of one container: CPU seconds since each began, resident bytes, number of processes."""

    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    processes: int = 0


class Strangers:
    """Processes that had no mark, not read again for some passes; a machine may run hundreds of them.

    Forgotten every few passes, since ids are reused, and a process has its mark only from its exec on.
    """

    def __init__(self, passes: int = 8) -> None:
        self._passes = passes
        self._left = passes
        self.known: set[str] = set()

    def next(self) -> "Strangers":
        """For one more pass."""
        self._left -= 1
        if self._left <= 0:
            self._left = self._passes
            self.known.clear()
        return self


def members(marks: Iterable[str], strangers: "Strangers | None" = None) -> dict[str, list[int]]:
    """Process ids by mark, from one pass over /proc. A process counts while it runs, not as a zombie."""
    wanted = {f"{MARK}={mark}".encode(): mark for mark in marks}
    found: dict[str, list[int]] = {mark: [] for mark in wanted.values()}
    if not wanted or not _PROC.is_dir():
        return found
    needle = f"{MARK}=".encode()
    for entry in os.scandir(_PROC):
        if not entry.name.isdigit() or (strangers is not None and entry.name in strangers.known):
            continue
        with suppress(OSError):
            environment = Path(entry.path, "environ").read_bytes()
            if strangers is not None and needle not in environment:
                strangers.known.add(entry.name)
            if needle in environment:
                for item in environment.split(b"\0"):
                    if item in wanted:
                        found[wanted[item]].append(int(entry.name))
    return found


def usage(pids: Iterable[int]) -> Usage:
    """Summed over processes. Memory is what each has to itself, and the largest shared part once."""
    cpu, own, shared, count = 0.0, 0, 0, 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            pages = Path(f"/proc/{pid}/statm").read_text().split()
        except (OSError, IndexError):
            continue
        if fields[0] == "Z":
            continue
        cpu += (int(fields[11]) + int(fields[12])) / _TICKS
        resident, common = int(pages[1]), int(pages[2])
        own += resident - common
        shared = max(shared, common)
        count += 1
    return Usage(cpu, (own + shared) * _PAGE, count)


def kill_marked(mark: str) -> None:
    """SIGKILL every process of a container, until none is left: one that forks meanwhile is found in the next pass."""
    for _ in range(20):
        pids = members([mark])[mark]
        if not pids:
            return
        for pid in pids:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def machine_memory_bytes() -> int:
    """Physical memory of this machine."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * _PAGE
    except (ValueError, OSError, AttributeError):
        return 8 << 30
