"""The history events of a task, which differ between a function's ARN, an activity, and all other integrations."""

from typing import Any

from rehearsal.asl.errors import HEARTBEAT_TIMEOUT, TIMEOUT, StatesError
from rehearsal.asl.history import INCLUDED
from rehearsal.asl.line import Line
from rehearsal.asl.resources import Resource


class TaskEvents:
    """Writes the events of one attempt."""

    def __init__(self, line: Line, resource: Resource) -> None:
        self._line, self._resource = line, resource
        self._family = {"lambda": "LambdaFunction", "activity": "Activity"}.get(resource.kind, "Task")
        self._names = {"resourceType": resource.type, "resource": resource.name} if self._family == "Task" else {}
        self._waits = resource.sync or resource.callback
        self._submitted = False

    def scheduled(self, arguments: str, timeout: float | None, heartbeat: float | None, role: str | None) -> None:
        """It is about to be called. Limits in seconds."""
        limits = {
            "timeoutInSeconds": timeout,
            "heartbeatInSeconds": heartbeat if self._family != "LambdaFunction" else None,
            "taskCredentials": {"roleArn": role} if role else None,
        }
        if self._family == "Task":
            region = self._line.run.machine.arn.split(":")[3]
            details: dict[str, Any] = {**self._names, "region": region, "parameters": arguments, **limits}
        else:
            details = {"resource": self._resource.arn, "input": arguments, "inputDetails": INCLUDED, **limits}
        self._add("Scheduled", details)

    def started(self, worker: str | None = None) -> None:
        """It is being called, or a worker has taken it."""
        if self._family == "LambdaFunction":
            self._line.event("LambdaFunctionStarted")
        else:
            self._add("Started", {"workerName": worker} if self._family == "Activity" else dict(self._names))

    def submitted(self, response: str) -> None:
        """What it waits for has begun."""
        self._submitted = True
        self._add("Submitted", {**self._names, "output": response, "outputDetails": INCLUDED})

    def succeeded(self, result: str) -> None:
        """It has its result."""
        self._add("Succeeded", {**self._names, "output": result, "outputDetails": INCLUDED})

    def failed(self, error: StatesError) -> None:
        """It has failed."""
        if error.error in (TIMEOUT, HEARTBEAT_TIMEOUT):
            what = "TimedOut"
        else:
            what = "SubmitFailed" if self._waits and not self._submitted else "Failed"
        self._add(what, {**self._names, "error": error.error, "cause": error.cause})

    def _add(self, what: str, details: dict[str, Any]) -> None:
        name = f"{self._family}{what}"
        key = f"{name[0].lower()}{name[1:]}EventDetails"
        told: dict[str, Any] = {key: {member: value for member, value in details.items() if value is not None}}
        self._line.event(name, previous=None, **told)
