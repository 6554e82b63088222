"""What all parts of the embedded SageMaker share."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rehearsal.host import Host, Scope
from rehearsal.sagemaker.events import Events
from rehearsal.sagemaker.faults import Faults
from rehearsal.sagemaker.limits import Limits
from rehearsal.sagemaker.metrics import Metrics
from rehearsal.sagemaker.processes import Spawner
from rehearsal.sagemaker.serving.capture import Capture
from rehearsal.sagemaker.store import Store

if TYPE_CHECKING:
    from rehearsal.sagemaker.endpoints.live import LiveEndpoint


class Core:
    """Host, memory, processes and the threads that work on them."""

    def __init__(self, host: Host, root: Path, limits: Limits) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.host = host
        self.root = root
        self.limits = limits
        self.stopping = threading.Event()
        self.ticking = threading.Lock()  # held by whoever ticks
        self.store = Store()
        self.faults = Faults()
        self.spawner = Spawner(root)
        self.events = Events(self)
        self.metrics = Metrics(host, limits.metric_seconds)
        self.capture = Capture(host, limits.capture_seconds, self.faults)
        self.live: dict[tuple[Scope, str], LiveEndpoint] = {}
        self.attended: set[tuple[str, Scope, str]] = set()  # (work, scope, endpoint) that a thread sees to
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def run(self, name: str, work: Callable[..., None], *args: Any) -> None:
        """Run `work` in a thread of its own that `close` waits for."""
        thread = threading.Thread(target=work, args=args, name=name, daemon=True)
        with self._lock:
            self._threads = [one for one in self._threads if one.is_alive()]
            self._threads.append(thread)
            thread.start()  # inside: `join` must not meet a thread that has not begun

    def attend(self, work: str, scope: Scope, endpoint: str, run: Callable[[], None]) -> None:
        """Run `run` in a thread, unless one already sees to this work of the endpoint. It ends with `attended_to`."""
        with self._lock:
            if (work, scope, endpoint) in self.attended:
                return
            self.attended.add((work, scope, endpoint))
        self.run(f"{work}-{endpoint}", run)

    def attended_to(self, work: str, scope: Scope, endpoint: str) -> None:
        """The thread is about to end: what comes after this needs a new one."""
        with self._lock:
            self.attended.discard((work, scope, endpoint))

    def log(self, group: str, stream: str, lines: list[str], scope: Scope) -> None:
        """Lines to the host's log. A host that refuses them must not end a container."""
        try:
            self.host.write_log(group, stream, lines, scope)
        except Exception:
            return

    def join(self, seconds: float) -> None:
        """Wait for the threads that `run` started, this long in all."""
        with self._lock:
            threads = list(self._threads)
        deadline = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def bounded(work: Callable[[], None], seconds: float) -> None:
    """Run `work`, but wait no longer than this: a host that is already half closed may never answer."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
