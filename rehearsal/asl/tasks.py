"""Task: a call, a job to wait for, a token to wait for, or an activity."""

import threading
from collections.abc import Callable
from typing import Any

from rehearsal.asl import faults, resources
from rehearsal.asl.attempts import attempts
from rehearsal.asl.deadline import LOOK_SECONDS, Deadline, bounded
from rehearsal.asl.errors import HEARTBEAT_TIMEOUT, RUNTIME, TASK_FAILED, CancelledError, StatesError
from rehearsal.asl.flow import Flow, State
from rehearsal.asl.line import Line, Step, handles
from rehearsal.asl.ports import Call
from rehearsal.asl.taskevents import TaskEvents
from rehearsal.asl.tokens import Waiting
from rehearsal.asl.values import PAYLOAD_BYTES, dump, limited

POLL_SECONDS = 0.1


@handles("Task")
def run_task(line: Line, state: State) -> Step:
    """The result of the resource."""
    resource = resources.parse(state["Resource"])
    if resource is None:
        raise StatesError(RUNTIME, f"The resource '{state['Resource']}' is not one that a Task can run.")
    task = _Task(line, state, resource)
    return attempts(line, state, task.attempt, task.begin)


class _Task:
    def __init__(self, line: Line, state: State, resource: resources.Resource) -> None:
        self._line, self._state, self._resource = line, state, resource
        self._frame, self._run = line.frame, line.run

    def begin(self) -> None:
        """A new attempt has its own token; one that a restart cut short keeps what it had."""
        work = self._frame.work
        if work is None or "began" not in work:
            fresh: dict[str, Any] = {"began": self._run.clock.now()}
            if self._resource.callback or self._resource.kind == "activity":
                activity = self._resource.kind == "activity"
                fresh["token"] = self._run.tokens.fresh(self._resource.arn if activity else self._run.machine.arn)
            self._frame.work = fresh

    def attempt(self, flow: Flow) -> Any:
        """One attempt, with its events."""
        timeout, heartbeat = self._limit(flow, "TimeoutSeconds"), self._limit(flow, "HeartbeatSeconds")
        work = self._work()
        if "result" in work:  # it had succeeded when the cloud was killed
            return work["result"]
        resumed = "arguments" in work
        arguments = work["arguments"] if resumed else flow.arguments()
        role = self._role(flow)
        events = TaskEvents(self._line, self._resource)
        call = Call(
            self._resource,
            arguments,
            self._run.machine.role_arn,
            role or self._run.machine.role_arn,
            self._run.record["executionArn"],
            resumed,
        )
        if not resumed:
            text = limited(arguments, self._frame.state, "arguments")
            events.scheduled(text, timeout, heartbeat, role)
            self._frame.work = work = {**work, "arguments": arguments}
        # Callbacks and activities wait for a word on cloud time; all else is real work, which needs time on the wall.
        waits = self._resource.callback or self._resource.kind == "activity"
        deadline = Deadline(self._run.clock, timeout, work["began"], real_work=not waits)
        try:
            result = self._result(call, deadline, heartbeat, events)
            result = self._inject(result)
            text = limited(result, self._frame.state, "result")
        except StatesError as error:
            events.failed(error)
            raise
        with self._run.lock:
            events.succeeded(text)
            self._frame.work = {**self._work(), "result": result}
        return result

    def _work(self) -> dict[str, Any]:
        return self._frame.work or {}

    def _limit(self, flow: Flow, field: str) -> float | None:
        value = flow.value(field, "number")
        if value is not None and (value <= 0 or int(value) != value):
            raise StatesError(RUNTIME, f"{field} must be a positive integer, but was {dump(value)}")
        return None if value is None else float(value)

    def _role(self, flow: Flow) -> str | None:
        if "Credentials" not in self._state:
            return None
        given = flow.template(self._state["Credentials"], "Credentials", {})
        role = given.get("RoleArn") if isinstance(given, dict) else None
        if not isinstance(role, str):
            raise StatesError(RUNTIME, "Credentials must give a RoleArn")
        return role

    def _result(self, call: Call, deadline: Deadline, heartbeat: float | None, events: TaskEvents) -> Any:
        if self._resource.kind == "activity":
            return self._activity(call, deadline, heartbeat, events)
        waiting = self._listen() if self._resource.callback else None
        work = self._work()
        if "response" in work:
            response = work["response"]
        else:
            events.started()
            response = self._respond(call, deadline)
            if waiting is not None or self._resource.sync:
                events.submitted(limited(response, self._frame.state, "response"))
                self._frame.work = {**work, "response": response}
        if waiting is not None:
            return self._wait(waiting, deadline, heartbeat)
        return self._poll(call, response, deadline) if self._resource.sync else response

    def _respond(self, call: Call, deadline: Deadline) -> Any:
        """The call's response. What a `.sync` task began while nobody waited for it any more is stopped."""
        host, responses, lock = self._run.host, list[Any](), threading.Lock()
        left = False

        def respond() -> Any:
            response = host.call(call)
            with lock:
                responses.append(response)
                if left and self._resource.sync:
                    host.cancel(call, response)
            return response

        try:
            spawn = self._line.spawn if self._run.engine.apart else _at_once
            return bounded(respond, deadline, self._line.stop, spawn)
        except (CancelledError, StatesError):
            with lock:
                left = True
                if responses and self._resource.sync:
                    host.cancel(call, responses[0])
            raise

    def _listen(self, *, begun: bool = True) -> Waiting:
        place = self._run.machine.name, self._frame.state
        lost = self._run.faults is not None and faults.take(self._run.faults, "D16", *place) is not None
        return self._run.tokens.wait(self._work()["token"], deaf=lost, begun=begun)

    def _activity(self, call: Call, deadline: Deadline, heartbeat: float | None, events: TaskEvents) -> Any:
        waiting = self._listen(begun=False)
        self._run.tokens.enqueue(self._resource.arn, waiting, dump(call.arguments))
        # The limits of an activity count from when a worker has taken the task.
        try:
            while not waiting.came.wait(LOOK_SECONDS) and waiting.beat is None:
                self._line.stop.check()
        except CancelledError:
            self._run.tokens.close(waiting.token)
            raise
        events.started(waiting.worker)
        return self._wait(
            waiting, Deadline(self._run.clock, deadline.seconds, waiting.beat, real_work=False), heartbeat
        )

    def _wait(self, waiting: Waiting, deadline: Deadline, heartbeat: float | None) -> Any:
        try:
            while not waiting.came.wait(LOOK_SECONDS):
                self._line.stop.check()
                deadline.check()
                if heartbeat is not None and self._run.clock.now() - (waiting.beat or 0.0) >= heartbeat:
                    raise StatesError(HEARTBEAT_TIMEOUT, f"No heartbeat came for {heartbeat:g} seconds")
        finally:
            self._run.tokens.close(waiting.token)
        if waiting.error is not None:
            raise waiting.error
        return waiting.output

    def _poll(self, call: Call, response: Any, deadline: Deadline) -> Any:
        while True:
            result = self._run.host.poll(call, response)
            if result is not None:
                return result
            if deadline.over:
                self._run.host.cancel(call, response)
                deadline.check()
            if self._line.stop.wait(POLL_SECONDS):
                self._run.host.cancel(call, response)
                raise CancelledError

    def _inject(self, result: Any) -> Any:
        """Faults that strike when the work is done."""
        if self._run.faults is None:
            return result
        place = self._run.machine.name, self._frame.state
        if faults.take(self._run.faults, "D01", *place):
            return {"fault D01": "x" * (PAYLOAD_BYTES + 1)}
        lost = faults.take(self._run.faults, "D15", *place)
        if lost is not None:
            raise StatesError(
                str(lost.where.get("error", TASK_FAILED)), "The task failed after its side effect (fault D15)"
            )
        return result


def _at_once(function: Callable[[], None]) -> None:
    function()
