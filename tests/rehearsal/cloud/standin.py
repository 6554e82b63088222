"""A stand-in for the SageMaker overlay, for tests of what surrounds it: jobs that end by themselves, in memory."""

import threading
import time
from pathlib import Path
from typing import Any


class StandIn:
    def __init__(self, host: Any, root: Path) -> None:
        self.host, self.root = host, root
        self.things: dict[tuple[str, str], dict[str, Any]] = {}
        self.lock = threading.Lock()

    def handle(self, action: str, params: dict[str, Any], scope: Any, principal: str) -> dict[str, Any]:
        from rehearsal.sagemaker import ServiceError as RealError

        verb = next(v for v in ("Create", "Describe", "Delete", "Update", "Stop") if action.startswith(v))
        noun = action.removeprefix(verb)
        key = (noun, params[f"{noun}Name"])
        arn = f"arn:aws:sagemaker:{scope.region}:{scope.account}:{noun.lower()}/{key[1]}"
        with self.lock:
            if verb == "Create":
                self.things[key] = {**params, f"{noun}Arn": arn, "CreationTime": time.time(), "Ends": time.time() + 0.5}
                return {f"{noun}Arn": arn}
            if key not in self.things:
                raise RealError("ValidationException", f"Could not find {noun} {key[1]}.")
            thing = self.things[key]
            if verb == "Describe":
                done = time.time() >= thing["Ends"] and "forever" not in key[1]
                status = thing.get("Status") or (
                    "Failed" if "fail" in key[1] and done else "Completed" if done else "InProgress"
                )
                return {**{k: v for k, v in thing.items() if k != "Ends"}, f"{noun}Status": status}
            if verb == "Stop":
                thing["Status"] = "Stopped"
            if verb == "Delete":
                del self.things[key]
        return {}

    async def invoke(
        self, endpoint: str, headers: dict[str, str], body: bytes, scope: Any, operation: str = "InvokeEndpoint"
    ) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Type": "text/csv"}, b"0.5"

    def fault(self, row: str, times: int = 1, **where: Any) -> None:
        self.faults = (row, times, where)

    def clear_faults(self) -> None:
        self.faults = None

    def flush(self) -> None: ...

    def processes(self) -> list[dict[str, Any]]:
        return []

    def close(self) -> None: ...
