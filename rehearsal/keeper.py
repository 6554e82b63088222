"""What a cloud started with `keep` writes down, so that it survives even SIGKILL.

The folder `keep` of the state directory holds whole generations of the cloud's state: a folder each, of which the link
`current` names the newest complete one. A generation is written beside the others and becomes current by one rename,
so that a cloud killed at any moment comes back with a state that existed. Objects of S3 and images lie beside the
generations, once each.

An answer to a call that may have changed something leaves only when the change is in a generation, unless the disk
refuses: then `error` says so, and the next generation is tried again a moment later.
"""

import asyncio
import contextlib
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rehearsal.errors import CloudError

FOLDER = "keep"
IDLE_SECONDS = 1.0  # between generations when nobody waits; what ran by itself meanwhile would run again
PATIENCE = 50  # attempts at a copy of a service that is being changed meanwhile
_CURRENT = "current"
_PART = "part."
_SETTINGS = f"{_PART}settings.json"

Part = tuple[Callable[[], Any], Callable[[Any], None]]
"""`(snapshot, resume)` of something of ours: JSON values out, the same values back in a new process."""


def environment(directory: Path) -> dict[str, str]:
    """Variables that the emulator reads when it is imported: where objects and code lie."""
    return {"S3_PERSIST": "1", "S3_DATA_DIR": str(directory / "s3"), "STATE_DIR": str(directory / "code")}


def settings(directory: Path) -> dict[str, Any] | None:
    """What a kept cloud was started with: emulator, account, region, port, clock. None when nothing is kept."""
    try:
        found: dict[str, Any] = json.loads((directory / _CURRENT / _SETTINGS).read_text("utf-8"))
    except OSError:
        return None
    except ValueError as error:
        raise CloudError(
            f"the kept state in {directory} cannot be read: {error}", "Remove it with `slipway cloud reset`"
        ) from None
    return found


class Keeper:
    """Writes generations in a thread of its own."""

    def __init__(self, directory: Path, parts: Mapping[str, Part]) -> None:
        self._directory = directory
        self._parts = parts
        self._written: dict[str, str] = {}  # as it stands in the current generation
        self._wake = threading.Condition()
        self._asked = self._done = 0
        self._waiting: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Future[None]]] = []
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
        self.error: str | None = None

    def restore(self) -> bool:
        """Bring back the current generation; call before the first request. False when there is none."""
        from ministack import app
        from ministack.core import persistence

        current = self._directory / _CURRENT
        if not current.is_dir():
            return False
        texts = {path.name: path.read_text(encoding="utf-8") for path in current.glob("*.json")}
        for key, module in app._state_map.items():
            if text := texts.get(f"{key}.json"):
                data = json.loads(text, object_hook=persistence._json_object_hook)
                app._get_module(module).load_persisted_state(data)
        for name, (_, resume) in self._parts.items():
            if text := texts.get(f"{_PART}{name}.json"):
                resume(json.loads(text))
        self._written = texts
        return True

    def start(self) -> None:
        """Write a first generation, then begin. Raises CloudError when even that cannot be kept."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._write()
        except OSError as error:
            raise CloudError(f"state cannot be kept: {error}", "Free space or permissions there") from None
        self._thread.start()

    async def kept(self) -> None:
        """Return when all that was done before this call is in a generation, or the disk has refused it."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[None] = loop.create_future()
        with self._wake:
            self._asked += 1
            self._waiting.append((self._asked, loop, waiter))
            self._wake.notify()
        await waiter

    def close(self) -> None:
        """Write the last generation."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        rest = 0.0
        while True:
            with self._wake:
                if self._asked == self._done and not self._closing:
                    self._wake.wait(max(IDLE_SECONDS, rest))
                ticket, closing = self._asked, self._closing
            began = time.monotonic()
            try:
                self._write()
                self.error = None
            except OSError as error:
                self.error = f"state is not kept: {error}"
            rest = 10 * (time.monotonic() - began)  # at most a tenth of a core for what nobody waits for
            self._release(ticket)
            if closing:
                return

    def _release(self, ticket: int) -> None:
        with self._wake:
            self._done = ticket
            ready = [item for item in self._waiting if item[0] <= ticket]
            self._waiting = [item for item in self._waiting if item[0] > ticket]
        for _, loop, waiter in ready:
            with contextlib.suppress(RuntimeError):  # that loop has ended
                loop.call_soon_threadsafe(_resolve, waiter)

    def _write(self) -> None:
        texts = self._texts()
        changed = {name for name in texts if texts[name] != self._written.get(name)}
        if changed <= {_SETTINGS}:  # nothing but the time
            return
        names = sorted(int(path.name) for path in self._directory.glob("[0-9]*"))
        fresh = self._directory / str(names[-1] + 1 if names else 1)
        fresh.mkdir()
        try:
            for name, text in texts.items():
                if name not in changed:
                    os.link(self._directory / _CURRENT / name, fresh / name)
                else:
                    (fresh / name).write_text(text, encoding="utf-8")
            link = self._directory / f"{_CURRENT}.new"
            link.unlink(missing_ok=True)
            link.symlink_to(fresh.name)
            link.replace(self._directory / _CURRENT)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        self._written = texts
        for number in names:
            shutil.rmtree(self._directory / str(number), ignore_errors=True)

    def _texts(self) -> dict[str, str]:
        from ministack import app
        from ministack.core import persistence

        states = {f"{key}.json": get for key, get in app._build_persistence_save_dict().items()}
        states |= {f"{_PART}{name}.json": snapshot for name, (snapshot, _) in self._parts.items()}
        return {name: _text(get, persistence._json_default) for name, get in states.items()}


def _resolve(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():  # its request may have gone
        waiter.set_result(None)


def _text(get: Callable[[], Any], default: Callable[[Any], Any]) -> str:
    """One service's state. A copy that meets a change is made again: each is over in well under a millisecond."""
    for attempt in range(PATIENCE):
        try:
            return json.dumps(get(), default=default)
        except RuntimeError:  # "dictionary changed size during iteration"
            if attempt == PATIENCE - 1:
                raise OSError("a service never stood still long enough to be written down") from None
    raise AssertionError


_READING = ("Describe", "List", "Get", "BatchGet", "BatchDescribe", "Query", "Scan", "Search", "Receive", "Head")


def may_change(method: str, path: str, target: str) -> bool:
    """Whether a request may have changed something that is worth waiting for. `target` is its X-Amz-Target."""
    invokes = path.startswith("/endpoints/") and not path.endswith("/async-invocations")
    if method in ("GET", "HEAD", "OPTIONS") or invokes:
        return False
    return not target.rpartition(".")[2].startswith(_READING)
