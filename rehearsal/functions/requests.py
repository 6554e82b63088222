"""What Lambda's front door checks before a function runs: payload sizes, armed refusals, the depth of a call chain."""

import json
import re
from collections.abc import Awaitable, Callable
from typing import Any

from rehearsal.functions import faults as lambda_faults
from rehearsal.functions.invoke import COUNTED, refusal
from rehearsal.runtime import Runtime

SYNCHRONOUS_BYTES = 6_291_456
ASYNCHRONOUS_BYTES = 1_048_576
_INVOCATION = re.compile(r"/2015-03-31/functions/(?P<function>[^/]+)/invocations/?$")
_LINEAGE = re.compile(r"Lineage=(\d+):")
Handler = Callable[..., Awaitable[Any]]


def guarded(handler: Handler, runtime: Runtime) -> Handler:
    """Lambda's handler behind its front door."""

    async def handle(method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]) -> Any:
        invocation = _INVOCATION.search(path) if method == "POST" else None
        if invocation is None:
            return await handler(method, path, headers, body, query)
        event = headers.get("x-amz-invocation-type", "RequestResponse") == "Event"
        most = ASYNCHRONOUS_BYTES if event else SYNCHRONOUS_BYTES
        if len(body or b"") > most:
            words = f"Request must be smaller than {most} bytes for the InvokeFunction operation"
            return _error("RequestTooLargeException", 413, {"Type": "User", "message": words})
        name = invocation["function"].replace("%3A", ":")
        function = name.split(":function:")[-1].split(":")[0]
        if not event and (struck := lambda_faults.take(runtime, "D07", function)):
            code = str(struck.where.get("error", "TooManyRequestsException"))
            refused = refusal(code)["body"]
            return _error(code, 429 if code == "TooManyRequestsException" else 500, refused)
        COUNTED.set(True)
        # SDKs hand the trace header on; it says how many functions called one another up to here.
        lineage = _LINEAGE.search(headers.get("x-amzn-trace-id", ""))
        if lineage:
            from ministack.core.lambda_runtime import INVOKE_DEPTH_HEADER

            headers = {**headers, INVOKE_DEPTH_HEADER.lower(): lineage[1]}
        return await handler(method, path, headers, body, query)

    return handle


def _error(code: str, status: int, body: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": code}
    return status, headers, json.dumps(body).encode()
