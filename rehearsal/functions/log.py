"""The log of one invocation as CloudWatch Logs shows it: the function's lines between the platform's."""

import math
from datetime import UTC, datetime

from rehearsal.functions.environment import Answer


class InvocationLog:
    """The lines of one invocation, with the platform's around them."""

    def __init__(self, request_id: str, version: str, memory_mb: int) -> None:
        self.request_id, self._version, self._memory_mb = request_id, version, memory_mb
        self.lines: list[str] = []
        self.init_seconds: float | None = None

    def begin(self) -> None:
        """The invocation starts."""
        self.lines.append(f"START RequestId: {self.request_id} Version: {self._version}")

    def add(self, lines: list[str]) -> None:
        """What the function wrote."""
        self.lines += lines

    def finish(self, answer: Answer, seconds: float, peak_mb: int) -> list[str]:
        """All lines, END and REPORT included."""
        milliseconds = seconds * 1000
        status = ""
        if answer.timed_out:
            stamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
            words = answer.error["errorMessage"].rpartition("Error: ")[2] if answer.error else ""
            self.lines.append(f"{stamp} {self.request_id} {words}")
            status = "\tStatus: timeout"
        elif answer.error is not None:
            if answer.error["errorType"] == "Runtime.ExitError":
                self.lines.append(f"{answer.error['errorMessage']}\n{answer.error['errorType']}")
            status = f"\tStatus: error\tError Type: {answer.error['errorType']}"
        billed = math.ceil(milliseconds + (self.init_seconds or 0) * 1000)
        init = "" if self.init_seconds is None else f"\tInit Duration: {self.init_seconds * 1000:.2f} ms"
        report = (
            f"REPORT RequestId: {self.request_id}\tDuration: {milliseconds:.2f} ms\tBilled Duration: {billed} ms\t"
            f"Memory Size: {self._memory_mb} MB\tMax Memory Used: {min(peak_mb, self._memory_mb)} MB{init}{status}"
        )
        return [*self.lines, f"END RequestId: {self.request_id}", report]
