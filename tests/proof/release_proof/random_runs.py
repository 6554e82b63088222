"""Random runs of the real machine under every kind of trouble, each step of which is followed in the model."""

import json
import random
from collections.abc import Callable
from typing import Any

from rehearsal.asl.resources import parse
from release_proof.account import ENDPOINT
from release_proof.errors import errors_of
from release_proof.following import Follower
from release_proof.machine import AFTER, BEFORE, Fault
from release_proof.protocol import Budget, Setting
from release_proof.sagemaker import variants
from release_proof.seen import VERSIONS
from release_proof.turns import Actor, TurnBench
from slipway_lambda.contracts import ledger

LOCK = (ledger.endpoint_key(ENDPOINT), ledger.LOCK)
HOLD = (ledger.endpoint_key(ENDPOINT), ledger.HOLD)
MANY = 10**6
CALL_SECONDS = 300
ALL = Setting(
    executions=3,
    versions=VERSIONS,
    budget=Budget(*[MANY] * len(Budget._fields)),
    wishes=("operator", "retry", "rollback"),
    everything=True,
)
CAN_RUN_OUT = frozenset({
    "Let it work", "Look at the endpoint", "Send golden records", "Verify what is live", "Let the metrics arrive",
    "Let the trial settle", "Look at the trial", "Let the trial run", "Send golden records to the trial",
    "Judge the trial", "Send more golden records", "Is it still approved?", "Smoke test", "Let it settle",
    "Let the endpoint settle",
})  # fmt: skip
"""Where an execution may stand longer than its lease: no change comes before it is renewed."""
OF_TRIALS = frozenset({"trial", "trial?", "challenger", "share", "share?"})
"""Words in the names of tasks that only a trial has."""


class RandomRun:
    """One story: what people, events, the service and trouble do, and in which order executions take their steps."""

    def __init__(self, definition: dict[str, Any], seed: int, setting: Setting = ALL) -> None:
        self.dice = random.Random(seed)
        self.definition = definition
        self.bench = TurnBench(definition)
        self.account, self.sagemaker = self.bench.account, self.bench.account.sagemaker
        self.follower = Follower(setting, self.account)
        self.actors: dict[str, Actor] = {}
        self.unsettled: list[dict[str, Any]] = []
        self.executions = 0
        host = self.bench.watched
        follower = self.follower
        host.arrives = lambda arn, state: self._guarded(lambda: follower.arrives(arn, state))
        host.tried = lambda arn, state, outcome: self._guarded(lambda: follower.tried(arn, state, outcome))
        host.ended = self._ended
        self.sagemaker.happened = lambda status: self._guarded(lambda: follower.service(status))
        self.sagemaker.fate = self._fate
        self.wrong: list[BaseException] = []

    def play(self, happenings: int = 10) -> None:
        """All of it, at random. Raises NotAPathError at the first step that is none of the model's."""
        state = random.getstate()
        random.seed(self.dice.random())  # the interpreter's jitter
        try:
            self.approve()
            self.go_on(happenings)
        finally:
            random.setstate(state)
            self.abandon()

    def go_on(self, happenings: int = 0) -> None:
        """Until everything that began is over and settled. Raises NotAPathError."""
        while happenings or self.actors or self.unsettled:
            if happenings and (not self.actors or self.dice.random() < 0.06):
                happenings -= 1
                self.dice.choice(self._possible())()
            elif self.unsettled and (not self.actors or self.dice.random() < 0.1):
                self._settle()
            elif self.actors:
                self._turn(self._next())

    def until(self, actor: Actor, state: str) -> None:
        """Turns of one execution alone, until it stands there. Raises NotAPathError."""
        while not actor.over and self._standing(actor.arn) != state:
            self._turn(actor)

    # ---- executions

    def begin(self, what: str, **given: Any) -> Actor:
        """Start an execution: a trigger and, after a blank, a version."""
        trigger, _, version = what.partition(" ")
        bench, name = self.bench, f"run-{self.executions}"
        self.executions += 1
        arn = bench.machine.arn.replace(":stateMachine:", ":execution:") + f":{name}"
        actor = self.actors[arn] = Actor(arn)
        self.follower.begins(arn, what)
        if version:
            given["version"] = int(version)
        text = json.dumps({"trigger": trigger, **given})
        bench.turns.begin(actor, lambda: bench.engine.run(bench.machine, name, text, _definition=bench.text))
        return actor

    def _next(self) -> Actor:
        """Any, but a call is made within minutes of its request: that is its time limit."""
        actors = list(self.actors.values())
        chosen = self.dice.choice(actors)
        calling = [a for a in actors if a.until is None and (chosen.until or 0) > a.since + CALL_SECONDS]
        return calling[0] if calling else chosen

    def _turn(self, actor: Actor) -> None:
        self.bench.turns.turn(actor)
        if actor.over:
            self.actors.pop(actor.arn, None)
        if self.wrong:
            raise self.wrong[0]

    def _ended(self, record: dict[str, Any]) -> None:
        self._guarded(lambda: self.follower.ended(record))
        if record["status"] != "SUCCEEDED":
            self.unsettled.append(record)

    def _guarded(self, step: Callable[[], None]) -> None:
        """A defect found in an execution's thread is raised in the caller's; the first one only."""
        try:
            if not self.wrong:
                step()
        except AssertionError as error:
            self.wrong.append(error)

    def _settle(self) -> None:
        record = self.unsettled.pop(self.dice.randrange(len(self.unsettled)))
        self.bench.settle(record)
        self.follower.settled(record["executionArn"])

    def _crash(self) -> None:
        actor = self.dice.choice(list(self.actors.values()))
        self.bench.running(actor.arn).end(self.dice.choice(["ABORTED", "TIMED_OUT"]))
        self._turn(actor)

    def abandon(self) -> None:
        """No thread stays behind."""
        for actor in list(self.actors.values()):
            run = self.bench.engine.runs.get(actor.arn)
            self.wrong.append(AssertionError("abandoned"))
            if run is not None:
                run.end("ABORTED")
            while not actor.over:
                self.bench.turns.turn(actor)

    # ---- what can happen

    def _possible(self) -> list[Callable[[], object]]:
        sagemaker, room = self.sagemaker, len(self.follower.places) < ALL.executions
        lock = self.account.ledger.items.get(LOCK, {})
        owner = lock.get("owner", {}).get("S", "")
        approved = [v for v, p in sagemaker.packages.items() if p["ModelApprovalStatus"] == "Approved"]
        status = self.account.status
        found: list[Callable[[], object]] = [
            self._hold_or_resume,
            self._break,
            self._break,
            self._break,
            self._bad_world,
        ]
        if len(sagemaker.packages) < VERSIONS:
            found += [self.approve] * 4
        if room and approved:
            found += [lambda: self.begin("approval")] * 6 + [lambda: self.begin("spec")]
        if room and not any(self._trigger(a) == "reconcile" for a in self.follower.places):
            found += [lambda: self.begin("reconcile")] * 4
        if room:
            found += [self._ask] * 4
        if approved:
            found.append(lambda: self.withdraw(self.dice.choice(approved)))
        if self.actors:
            found += [self._crash] * 2
        if owner in self.actors and not {ledger.ABORT_REASON, ledger.SEALED_AT} & set(lock):
            found += [self.wish] * 3
        others_wait = all(a.until is not None for a in self.actors.values() if a.arn != owner)
        if owner in self.actors and self._standing(owner) in CAN_RUN_OUT and others_wait:
            found += [self.outstay] * 3
        if status == "InService":
            found.append(self._maintain)
        if status == "Updating" and sagemaker.steps:
            found.append(self._swap)
        return found

    def _trigger(self, arn: str) -> str:
        run = self.bench.engine.runs.get(arn)
        return str(run.about_execution["Input"]["trigger"]) if run else "reconcile"

    def _standing(self, arn: str) -> str:
        return str(self.bench.running(arn).frame.state)

    def approve(self, version: int = 0) -> None:
        """A version that was not registered before; any, if none is named."""
        new = [v for v in range(1, VERSIONS + 1) if v not in self.sagemaker.packages]
        version = version or (self.dice.choice(new) if self.dice.random() < 0.3 else min(new))
        self.sagemaker.approve(version)
        self.follower.world(lambda label: label == ("person", "approved", str(version)), f"approval of {version}")

    def withdraw(self, version: int) -> None:
        """Reject what was approved."""
        self.sagemaker.packages[version]["ModelApprovalStatus"] = "Rejected"
        self.follower.world(lambda label: label == ("person", "withdrawn", str(version)), f"withdrawal of {version}")

    def _ask(self) -> None:
        trigger = self.dice.choice(["operator", "retry", "rollback"])
        known = sorted(self.sagemaker.packages)
        self.begin(f"{trigger} {self.dice.choice(known)}", who="ada", reason="asked")

    def wish(self) -> None:
        """As `slipway abort` writes it."""
        self.account.ledger.items[LOCK] |= {ledger.ABORT_BY: {"S": "ada"}, ledger.ABORT_REASON: {"S": "too slow"}}
        self.follower.world(lambda label: label[:2] == ("person", "abort"), "wish to abort")

    def _hold_or_resume(self) -> None:
        items = self.account.ledger.items
        verb = "resume" if HOLD in items else "hold"
        if verb == "resume":
            del items[HOLD]
        else:
            items[HOLD] = {"pk": {"S": HOLD[0]}, "sk": {"S": HOLD[1]}, "who": {"S": "ada"}, "reason": {"S": "audit"}}
        self.follower.world(lambda label: label[:2] == ("person", verb), verb)

    def outstay(self) -> None:
        """The owner is slow, and its lease runs out."""
        self.bench.turns.advance(self.definition["States"]["Begin"]["Assign"]["lease_seconds"] + 60)

    def _maintain(self) -> None:
        endpoint = self.sagemaker.endpoint
        assert endpoint is not None
        endpoint["EndpointStatus"] = "SystemUpdating"
        self.sagemaker.steps = [(self.bench.clock.now() + 100, "InService", endpoint["EndpointConfigName"])]
        other, self.sagemaker.other_bytes = self.sagemaker.other_bytes, False
        assert not other
        self.follower.service("SystemUpdating")

    def _swap(self) -> None:
        """The fleet to come runs other bytes than its config names."""
        config = self.sagemaker.steps[0][2]
        if len(self.sagemaker.steps) == 1 and config and len(variants(self.sagemaker.configs[config])) == 1:
            self.sagemaker.other_bytes = True

    def _bad_world(self) -> None:
        """What makes a version bad, or the world about it; the model knows only that a check may fail."""
        account = self.account
        account.alarm = self.dice.choice(["OK", "OK", "ALARM", "INSUFFICIENT_DATA"])
        account.requests = self.dice.choice([100, 100, 10])
        account.wrong_answers = {v for v in range(1, VERSIONS + 1) if self.dice.random() < 0.2}
        if self.follower.setting.trial:
            account.trial_requests = self.dice.choice([10_000, 10_000, 100])
            account.trial_failures = self.dice.choice([0, 0, 0, 50])

    def _fate(self, action: str) -> str:
        update = ["good"] * 5 + ["rolls_back"] * 2 + ["rollback_fails"]
        ways = {"create": ["good"] * 4 + ["fails"], "update": update, "trial": update}
        return self.dice.choice(ways.get(action, ["good"]))

    def _break(self) -> None:
        """A call fails from now on, or once, before or after its effect."""
        tasks = [n for n, s in self.definition["States"].items() if s["Type"] == "Task"]
        of_trials = [n for n in tasks if OF_TRIALS & set(n.split())]
        state = self.dice.choice(of_trials if of_trials and self.dice.random() < 0.5 else tasks)
        one = self.definition["States"][state]
        resource = parse(one["Resource"])
        assert resource is not None
        function = one["Arguments"]["FunctionName"].split(".")[1] if resource.is_function else ""
        errors = errors_of(resource, function, conditional=False)
        faults = self.bench.host.faults
        faults[:] = [
            *faults[-2:],
            Fault(state, self.dice.choice(errors), self.dice.choice([BEFORE, AFTER]), self.dice.choice([1, 1, 30])),
        ]
