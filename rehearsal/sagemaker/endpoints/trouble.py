"""Faults in what the containers of a fleet answer, though /ping passes. Taken when the fleet is made, so that
`fault("A11", config="v2")` before an update strikes the new fleet only; they end when the faults are cleared.

A11 5xx on /invocations · A12 slow tail · A13 healthy but wrong (`how`: constant, nan, schema) · A29 a shadow variant in
trouble (`how`: slow, down, errors). `share` of the requests, evenly spaced. Streamed answers are not struck.
"""

import asyncio
import json
import re
from dataclasses import dataclass
from typing import Any

from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.faults import declare
from rehearsal.sagemaker.serving.transport import NoAnswerError, Reply

_AIM = ("endpoint", "config", "variant", "share")
declare("A11", *_AIM)
declare("A12", *_AIM, "delay_seconds")
declare("A13", *_AIM, how=("constant", "nan", "schema"))
declare("A29", *_AIM, "delay_seconds", how=("slow", "down", "errors"))
_HOW = {"A11": "errors", "A12": "slow", "A13": "constant", "A29": "slow"}  # if nothing is said
_SHARE = {"A12": 0.05}
_DELAY_SECONDS = 1.0  # wall
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


@dataclass
class Trouble:
    """`strike` gives what is answered in place of a container's reply."""

    core: Core
    how: str
    share: float
    delay_seconds: float
    generation: int
    credit: float = 0.0
    first: bytes | None = None

    @classmethod
    def of(cls, core: Core, *, shadow: bool, **facts: str) -> "Trouble | None":
        """The armed fault that concerns this fleet, if there is one. Facts: endpoint, config, variant."""
        for row in ("A29",) if shadow else ("A11", "A12", "A13"):
            if fault := core.faults.take(row, **facts):
                where: dict[str, Any] = fault.where
                share, delay = where.get("share", _SHARE.get(row, 1.0)), where.get("delay_seconds", _DELAY_SECONDS)
                return cls(core, where.get("how", _HOW[row]), float(share), float(delay), core.faults.generation)
        return None

    async def strike(self, reply: Reply) -> Reply:
        """The reply, or what the fault makes of it. Raises NoAnswerError for a container that is down."""
        self.credit += self.share
        if self.core.faults.generation != self.generation or self.credit < 1 - 1e-9:
            return reply
        self.credit -= 1
        if self.how == "down":
            raise NoAnswerError
        if self.how == "slow":
            await asyncio.sleep(self.delay_seconds)
            return reply
        if self.how == "errors":
            return Reply(500, {"content-type": "text/plain"}, b"Internal Server Error")
        return reply._replace(body=self._wrong(reply.body))

    def _wrong(self, body: bytes) -> bytes:
        if self.how == "nan":
            return _NUMBER.sub(b"NaN", body)
        if self.how == "schema":
            return json.dumps({"unexpected": body.decode("utf-8", "replace")}).encode()
        self.first = body if self.first is None else self.first
        return self.first
