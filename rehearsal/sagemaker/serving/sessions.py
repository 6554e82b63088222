"""Stateful sessions: a session id that a container gives is bound to its instance until it is closed or expires."""

import re
import threading
import time
from collections.abc import Mapping

from rehearsal.host import Scope
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.serving.instance import Instance

_MAX_SESSIONS = 10_000
_TTL_SECONDS = 3600.0  # wall, after the last use
_NEW = re.compile(r"\s*([a-zA-Z0-9](?:-*[a-zA-Z0-9])*)\s*(?:;.*)?")


class Sessions:
    """Which instance holds which session."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bound: dict[tuple[Scope, str, str], tuple[Instance, float]] = {}

    def find(self, live: LiveEndpoint, session: str) -> Instance | None:
        """The instance of a session, or None when it is unknown or expired."""
        key = (live.scope, live.name, session)
        with self._lock:
            instance, used = self._bound.pop(key, (None, 0.0))
            if instance is None or time.monotonic() - used > _TTL_SECONDS:
                return None
            self._bound[key] = (instance, time.monotonic())  # moved to the end: the oldest is dropped first
            return instance

    def note(self, live: LiveEndpoint, instance: Instance, headers: Mapping[str, str]) -> None:
        """Bind or forget, as the container's answer says."""
        new = _NEW.fullmatch(headers.get("x-amzn-sagemaker-new-session-id", ""))
        closed = _NEW.fullmatch(headers.get("x-amzn-sagemaker-closed-session-id", ""))
        with self._lock:
            if new:
                self._bound[live.scope, live.name, new[1]] = (instance, time.monotonic())
                if len(self._bound) > _MAX_SESSIONS:
                    self._bound.pop(next(iter(self._bound)))
            if closed:
                self._bound.pop((live.scope, live.name, closed[1]), None)
