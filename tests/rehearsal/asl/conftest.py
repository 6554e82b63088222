import contextvars
import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from rehearsal.asl import definition
from rehearsal.asl.engine import Engine
from rehearsal.asl.errors import StatesError
from rehearsal.asl.machine import Machine
from rehearsal.asl.ports import Call
from rehearsal.asl.run import Run
from rehearsal.clock import Clock
from rehearsal.sagemaker.faults import Faults

PREFIX = "arn:aws:states:eu-west-1:111122223333"
FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:echo"
ROLE = "arn:aws:iam::111122223333:role/machine"


class Bucket:
    """The three calls that readers and writers make of S3."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        import io

        from botocore.exceptions import ClientError

        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "NoSuchKey", "Message": f"no {Key} in {Bucket}"}}, "GetObject")
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[Key] = Body


class FakeHost:
    """A cloud whose tasks are Python functions, by action; a `.sync` task polls `jobs`."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.bucket = clock, Bucket()
        self.functions: dict[str, Callable[[Any], Any]] = {"invoke": lambda given: given}
        self.jobs: dict[str, Any] = {}
        self.calls: list[Call] = []
        self.cancelled: list[str] = []
        self.records: dict[str, dict[str, Any]] = {}
        self.map_runs: dict[str, dict[str, Any]] = {}
        self.changes: list[tuple[str, str]] = []

    def context(self, _: str) -> contextvars.Context:
        return contextvars.copy_context()

    def call(self, call: Call) -> Any:
        self.calls.append(call)
        if call.resource.sync:
            self.jobs.setdefault(call.arguments["name"], None)
            return {"job": call.arguments["name"]}
        return self.functions[call.resource.action](call.arguments)

    def poll(self, call: Call, _: Any) -> Any:
        found = self.jobs[call.arguments["name"]]
        if isinstance(found, StatesError):
            raise found
        return found

    def cancel(self, call: Call, _: Any) -> None:
        self.cancelled.append(call.arguments["name"])

    def s3(self, _: Call) -> Any:
        return self.bucket

    def save(self, record: dict[str, Any]) -> None:
        self.records[record["executionArn"]] = record

    def save_map_run(self, record: dict[str, Any]) -> None:
        self.map_runs[record["mapRunArn"]] = record

    def status_changed(self, record: dict[str, Any]) -> None:
        self.changes.append((record["name"], record["status"]))


def wait_until(look: Callable[[], Any], seconds: float = 5) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.005)
    raise AssertionError(f"nothing after {seconds} s")


class Bench:
    """One engine on a fake host."""

    def __init__(self, host: FakeHost) -> None:
        self.host, self.faults = host, Faults()
        self.engine = Engine(host, self.faults)

    def start(self, states: dict[str, Any], given: Any = None, **top: Any) -> Run:
        text = json.dumps({"StartAt": next(iter(states)), "States": states, **top})
        refused = definition.refused(text)
        assert refused is None, refused
        parsed = json.loads(text)
        arn = f"{PREFIX}:stateMachine:machine"
        machine = Machine(arn, parsed, ROLE, "STANDARD", parsed.get("QueryLanguage", "JSONPath"))
        name = f"run-{len(self.host.records)}"
        return self.engine.start(machine, name, json.dumps({} if given is None else given), _definition=text)

    def run(self, states: dict[str, Any], given: Any = None, **top: Any) -> dict[str, Any]:
        return self.ended(self.start(states, given, **top))

    def ended(self, run: Run) -> dict[str, Any]:
        assert run.over.wait(60), run.record["events"][-3:]
        return run.record

    def output(self, states: dict[str, Any], given: Any = None, **top: Any) -> Any:
        record = self.run(states, given, **top)
        assert record["status"] == "SUCCEEDED", (record["error"], record["cause"])
        return json.loads(record["output"])

    def restarted(self) -> "Bench":
        """Another process that takes up what this one had in JSON; this one does nothing any more."""
        kept = json.loads(json.dumps(self.engine.snapshot()))
        for run in list(self.engine.runs.values()):
            run.record["status"] = "GONE"
            run.stop.set()
        other = Bench(self.host)
        other.engine.resume(kept)
        other.engine.launch()
        return other

    def only(self) -> Run:
        (run,) = [run for run in self.engine.runs.values() if "mapRunArn" not in run.record]
        return run

    def entered(self, state: str) -> Callable[[], bool]:
        """Whether a running execution is in the state."""

        def look() -> bool:
            return any(
                event.get("stateEnteredEventDetails", {}).get("name") == state
                for run in list(self.engine.runs.values())
                for event in list(run.record["events"])
            )

        return look


@pytest.fixture
def host() -> FakeHost:
    """A cloud whose clock stands still until a test moves it."""
    return FakeHost(Clock(speed=0))


@pytest.fixture
def bench(host: FakeHost) -> Iterator[Bench]:
    made = Bench(host)
    yield made
    for run in list(made.engine.runs.values()):
        run.end("ABORTED")
    assert threading.active_count() < 200


@pytest.fixture
def until() -> Callable[..., Any]:
    """Wait for something that another thread does."""
    return wait_until


@pytest.fixture
def kinds() -> Callable[[dict[str, Any]], list[str]]:
    """The types of an execution's events."""
    return lambda record: [event["type"] for event in record["events"]]
