"""The cloud's own API under /_slipway/: clock, faults, quotas, audit, processes, and so on. Token and loopback only."""

import asyncio
import hmac
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rehearsal.host import ImageNotFoundError
from rehearsal.runtime import Runtime

PREFIX = "/_slipway/"
TOKEN_HEADER = b"x-slipway-token"


class Control:
    """ASGI handler of the control API."""

    def __init__(self, runtime: Runtime, token: str, shutdown: asyncio.Event) -> None:
        self._runtime, self._token, self._shutdown = runtime, token, shutdown
        self._routes: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("GET", "status"): self._status,
            ("GET", "clock"): lambda _: self._clock(),
            ("POST", "clock"): self._move,
            ("GET", "faults"): lambda _: self._runtime.sagemaker.faults(),
            ("POST", "faults"): self._fault,
            ("DELETE", "faults"): lambda _: self._runtime.sagemaker.clear_faults(),
            ("POST", "quotas"): lambda body: self._runtime.sagemaker.set_quota(str(body["name"]), int(body["value"])),
            ("GET", "audit"): lambda _: self._runtime.audit.summary(),
            ("POST", "calls"): lambda body: self._runtime.audit.calls(**body),
            ("GET", "privileges"): lambda _: self._privileges(),
            ("GET", "processes"): lambda _: self._processes(),
            ("POST", "stand-ins"): self._stand_in,
            ("POST", "flush"): lambda _: self.flush(),
            ("POST", "shutdown"): lambda _: None,
        }

    async def __call__(
        self, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Answer one request in JSON."""
        given = dict(scope["headers"]).get(TOKEN_HEADER, b"").decode("latin-1")
        if scope["client"][0] != "127.0.0.1" or not hmac.compare_digest(given, self._token):
            await _answer(send, 403, {"error": "wrong or missing token: read it from the state file"})
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        name = scope["path"].removeprefix(PREFIX)
        route = self._routes.get((scope["method"], name))
        if route is None:
            await _answer(send, 404, {"error": f"no such control call: {scope['method']} {name}"})
            return
        try:
            result = await asyncio.to_thread(route, json.loads(body or b"{}"))
        except (ValueError, TypeError, KeyError) as error:
            await _answer(send, 400, {"error": str(error)})
            return
        await _answer(send, 200, result)
        if name == "shutdown":
            self._shutdown.set()

    def _privileges(self) -> list[dict[str, Any]]:
        from rehearsal.iam import leastprivilege

        return leastprivilege.report(self._runtime.audit)

    def _status(self, _: dict[str, Any]) -> dict[str, Any]:
        runtime = self._runtime
        kept = {
            "kept": runtime.keeper is not None,
            "keep_error": runtime.keeper.error if runtime.keeper is not None else None,
        }
        return {"pid": os.getpid(), "account": runtime.account, "region": runtime.region, **self._clock(), **kept}

    def _clock(self) -> dict[str, float]:
        return {"now": self._runtime.clock.now(), "speed": self._runtime.clock.speed}

    def _move(self, body: dict[str, Any]) -> dict[str, float]:
        if "speed" in body:
            self._runtime.clock.set_speed(float(body["speed"]))
        if "advance" in body:
            self._runtime.sagemaker.flush()  # what was served until now belongs to the time until now
            self._runtime.clock.advance(float(body["advance"]))
            self.flush()
        return self._clock()

    def _fault(self, body: dict[str, Any]) -> None:
        times = body.get("times", 1)  # null: until cleared
        where = body.get("where", {})
        self._runtime.sagemaker.fault(str(body["row"]), times=None if times is None else int(times), **where)

    def _stand_in(self, body: dict[str, Any]) -> None:
        try:
            self._runtime.images.stand_in(str(body["repository"]), str(body["image"]))
        except ImageNotFoundError as error:
            raise ValueError(str(error)) from None

    def flush(self) -> None:
        """Do now what timers would do within moments."""
        from ministack.services import eventbridge, scheduler

        self._runtime.sagemaker.flush()
        runtime = self._runtime
        for task in (
            scheduler._tick_schedules,
            eventbridge._tick_scheduled_rules,
            runtime.alarms.everywhere,
            runtime.autoscaling.tick,
            runtime.executions.watch,
        ):
            task()

    def _processes(self) -> list[dict[str, Any]]:
        known = {int(item["pid"]): dict(item) for item in self._runtime.sagemaker.processes()}
        for pid in group_members(os.getpgrp()):
            known.setdefault(pid, {"pid": pid, "kind": "cloud" if pid == os.getpid() else "lambda"})
        return sorted(known.values(), key=lambda item: int(item["pid"]))


def group_members(group: int) -> list[int]:
    """Living processes of a process group."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(entry.parent.name))
    return found


async def _answer(send: Callable[[Any], Awaitable[None]], status: int, result: Any) -> None:
    body = json.dumps(result).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
