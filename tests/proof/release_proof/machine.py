"""The unmodified definition on the embedded cloud's own interpreter, in this process, over an account in memory."""

import contextvars
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rehearsal.asl.engine import Engine
from rehearsal.asl.errors import StatesError
from rehearsal.asl.machine import Machine
from rehearsal.asl.ports import Call
from rehearsal.asl.run import Run
from rehearsal.clock import Clock
from release_proof.account import Account
from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.settle_execution.handler import settle

ARN = "arn:aws:states:eu-west-1:111122223333:stateMachine:release"
ROLE = "arn:aws:iam::111122223333:role/release"
BEFORE, AFTER = "before", "after"
POLL_SECONDS = 30
BEGAN = 1_800_000_000.0


class SteppedClock(Clock):
    """Sleeping moves it at once; `passed` is told, and may let something else happen meanwhile."""

    def __init__(self) -> None:
        super().__init__(speed=0, start=BEGAN)
        self.passed: Callable[[], None] = lambda: None

    def sleep(self, seconds: float, stop: Any = None) -> bool:
        self.advance(seconds)
        self.passed()
        return stop is None or not stop.is_set()


@dataclass
class Fault:
    """A call of the state fails with the error before or after its effect; `times` attempts of it."""

    state: str
    error: str
    when: str = BEFORE
    times: int = 10**6
    struck: int = 0

    def strikes(self, state: str) -> bool:
        """Whether this attempt fails; counts it."""
        if state != self.state or self.struck >= self.times:
            return False
        self.struck += 1
        return True


@dataclass(frozen=True)
class Attempt:
    """One call of a task: `outcome` ok | failed (without effect) | lost (with effect, told as a failure) | refused
    (the service's or the handler's own answer)."""

    execution: str
    state: str
    outcome: str
    error: str = ""
    result: Any = None


@dataclass
class Host:
    """rehearsal.asl.ports.Host over an account."""

    clock: Clock
    account: Account
    faults: list[Fault] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    around: Callable[[str, str, str], None] = lambda execution, state, when: None
    """Told before and after every call; may stop the execution or let something else happen."""
    engine: Engine | None = None

    def context(self, arn: str) -> contextvars.Context:
        return contextvars.copy_context()

    def call(self, call: Call) -> Any:
        assert self.engine is not None
        execution = call.execution_arn
        state = self.engine.runs[execution].frame.state
        self.around(execution, state, BEFORE)
        fault = next((f for f in self.faults if f.strikes(state)), None)
        if fault is not None and fault.when == BEFORE:
            self._note(execution, state, "failed", fault.error)
            raise StatesError(fault.error, f"{fault.error} in {state}")
        try:
            result = self.account.do(call.resource, call.arguments)
        except StatesError as error:
            self._note(execution, state, "refused", error.error)
            raise
        self._note(execution, state, "lost" if fault else "ok", fault.error if fault else "", result)
        self.around(execution, state, AFTER)
        if call.resource.callback:
            self._news(call.arguments)
        if fault is not None:
            raise StatesError(fault.error, f"{fault.error} in {state}, after its effect")
        return result

    def _news(self, arguments: Any) -> None:
        """Time passes; if it changed the endpoint, SageMaker's event wakes the machine."""
        before = json.dumps(self.account.sagemaker.endpoint)
        self.clock.sleep(POLL_SECONDS)
        if json.dumps(self.account.sagemaker.endpoint) == before:
            raise StatesError("States.Timeout", "No event came.")
        assert self.engine is not None
        self.engine.tokens.success(arguments["ExpressionAttributeValues"][":token"]["S"], "{}")

    def _note(self, execution: str, state: str, outcome: str, error: str = "", result: Any = None) -> None:
        self.attempts.append(Attempt(execution, state, outcome, error, result))

    def poll(self, call: Call, response: Any) -> Any:
        raise AssertionError("the release machine has no .sync task")

    def cancel(self, call: Call, response: Any) -> None:
        raise AssertionError("the release machine has no .sync task")

    def s3(self, call: Call) -> Any:
        raise AssertionError("the release machine has no distributed Map")

    def save(self, record: Any) -> None: ...

    def save_map_run(self, record: Any) -> None: ...

    def status_changed(self, record: Any) -> None: ...


class Bench:
    """Runs executions one after another, or one within another's wait or call."""

    def __init__(
        self, definition: dict[str, Any], clock: SteppedClock | None = None, host: "type[Host] | None" = None
    ) -> None:
        self.clock = clock or SteppedClock()
        self.account = Account(self.clock)
        self.host = (host or Host)(self.clock, self.account)
        self.engine = self.host.engine = Engine(self.host, apart=host is not None)  # a host of others may park a call
        self.machine = Machine(ARN, definition, ROLE, "STANDARD", "JSONata")
        self.text = json.dumps(definition)
        self.spec = ReleaseSpec.from_dict(definition["States"]["Begin"]["Assign"]["spec"])
        self.ended: list[dict[str, Any]] = []
        self.settles = True
        self.scaled_to = 0
        """Instances that scaling asked for before the execution began; 0: none."""
        self.clock.passed = self.account.sagemaker.pass_time

    def run(self, trigger: str, **more: Any) -> dict[str, Any]:
        """Run one execution to its end and give its record; a bad end is settled, as the rule on bad ends does."""
        name = f"run-{len(self.ended)}-{len(self.engine.runs)}"
        run = self.engine.run(self.machine, name, json.dumps({"trigger": trigger, **more}), _definition=self.text)
        self.ended.append(run.record)
        if run.record["status"] != "SUCCEEDED" and self.settles:
            self.settle(run.record)
        return run.record

    def running(self, execution: str) -> Run:
        """An execution at work."""
        return self.engine.runs[execution]

    def settle(self, record: dict[str, Any]) -> None:
        """What the status change event brings about."""
        detail = {"executionArn": record["executionArn"], "status": record["status"]}
        detail |= {k: record[k] for k in ("error", "cause") if record[k]}
        notices: Any = _Notices(self.account)
        ledger = self.account.ledger
        settle(
            {"detail": detail},
            what="release",
            model="flight-delays",
            environment="dev",
            ledger=ledger,
            notices=notices,
            restore_scaling=(lambda: self.account.restore_scaling(self.spec)) if self.spec.scaling else None,
        )

    def sweep(self, times: int = 1) -> list[dict[str, Any]]:
        """The reconciler, as often as asked, a quarter of an hour apart."""
        ends = []
        for _ in range(times):
            self.clock.sleep(900)
            ends.append(self.run("reconcile"))
        return ends


@dataclass
class _Notices:
    account: Account

    def publish(self, subject: str, message: Any) -> None:
        self.account.notices.append(message)


def visited(record: dict[str, Any]) -> list[str]:
    """Names of the states of an execution's history, in order."""
    return [e["stateEnteredEventDetails"]["name"] for e in record["events"] if "stateEnteredEventDetails" in e]
