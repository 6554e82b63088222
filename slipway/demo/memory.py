"""How much memory the demo's processes take together, on Linux; elsewhere nothing is claimed."""

import os
import threading
from pathlib import Path

from slipway.demo.result import Memory

EVERY_SECONDS = 1.0
PROC = Path("/proc")


class Sampler:
    """Samples the process tree below this process, itself included, in a thread. Use as a context manager."""

    def __init__(self, root: int | None = None, every_seconds: float = EVERY_SECONDS) -> None:
        self._root = root or os.getpid()
        self._every = every_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="memory")
        self._also: set[int] = set()
        self.peak = Memory()

    def include(self, pid: int) -> None:
        """Count another tree too: a process that left ours."""
        self._also.add(pid)

    def __enter__(self) -> "Sampler":
        if PROC.joinpath("self/stat").exists():
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(2)

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self.take()

    def take(self) -> None:
        """One sample."""
        pids = tree({self._root, *self._also})
        sizes = [size for pid in pids if (size := resident_kb(pid)) is not None]
        total = sum(kb for kb, _ in sizes) / 1024
        if self.peak.peak_mb is None or total > self.peak.peak_mb:
            pss = all(exact for _, exact in sizes)
            self.peak = Memory(round(total, 1), len(sizes), "PSS" if pss else "RSS, shared pages counted in each")


def tree(roots: set[int]) -> set[int]:
    """The processes and all that descend from them."""
    children: dict[int, list[int]] = {}
    for folder in PROC.iterdir():
        if not folder.name.isdigit():
            continue
        try:
            # The name, in brackets, may itself hold brackets and spaces.
            stat = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(stat[1]), []).append(int(folder.name))
    found, left = set(roots), list(roots)
    while left:
        for child in children.get(left.pop(), []):
            if child not in found:
                found.add(child)
                left.append(child)
    return found


def resident_kb(pid: int) -> tuple[int, bool] | None:
    """Kilobytes, and whether they are the proportional share; None when the process has gone."""
    for name, key, exact in (("smaps_rollup", "Pss:", True), ("status", "VmRSS:", False)):
        try:
            for line in (PROC / str(pid) / name).read_text().splitlines():
                if line.startswith(key):
                    return int(line.split()[1]), exact
        except OSError:
            continue
    return None
