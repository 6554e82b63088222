"""How much memory the demo's processes take together, on Linux; elsewhere nothing is claimed."""

import os
import threading
from pathlib import Path

from slipway.demo.result import Memory

EVERY_SECONDS = 1.0
KINDS = 8
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
        sizes = {pid: size for pid in pids if (size := resident_kb(pid)) is not None}
        total = sum(kb for kb, _ in sizes.values()) / 1024
        if self.peak.peak_mb is None or total > self.peak.peak_mb:
            measure = "PSS" if all(exact for _, exact in sizes.values()) else "RSS, shared pages counted in each"
            self.peak = Memory(round(total, 1), len(sizes), measure, _by_kind(sizes))


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


def _by_kind(sizes: dict[int, tuple[int, bool]]) -> dict[str, float]:
    kinds: dict[str, float] = {}
    for pid, (kb, _) in sizes.items():
        kind = kind_of(pid)
        kinds[kind] = kinds.get(kind, 0.0) + kb / 1024
    largest = sorted(kinds.items(), key=lambda item: -item[1])[:KINDS]
    return {kind: round(mb, 1) for kind, mb in largest}


def kind_of(pid: int) -> str:
    """What a process is, from its command: the module or script it runs, with a container's own word behind it."""
    try:
        words = (PROC / str(pid) / "cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return "gone"
    named = words[words.index("-m") + 1 :] if "-m" in words[:-1] else [w for w in words[1:] if not w.startswith("-")]
    if not named or not named[0]:
        return Path(words[0]).name or "unknown"
    verb = named[1] if len(named) > 1 and named[1].isalpha() else ""
    return f"{Path(named[0]).name} {verb}".strip()[:40]


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
