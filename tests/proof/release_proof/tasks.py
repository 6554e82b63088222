"""What each task of an execution does in the model: its ways on, by outcome.

`ways(setting, state, n)` yields (outcome, state). Outcomes: ok; a word for another answer; `error`: it fails for good
without its effect; `lost`: with its effect, so that the repeated call meets what it did.
"""

from collections.abc import Callable, Iterator

from release_proof import shipped
from release_proof.protocol import (
    FREE,
    Attempt,
    Endpoint,
    Execution,
    Setting,
    State,
    disturb,
    put_endpoint,
    put_execution,
    spend,
)

Way = tuple[str, State]
Ways = Iterator[Way]
SETTLED = ("InService", "Failed", "UpdateRollbackFailed", "OutOfService")
UNLOCK, RECOVER, LOOK = "Give the lock back", "What is live now?", "Look at the endpoint"
PUT, LOOK_AT_TRIAL, JUDGE = "Put the challenger beside the champion", "Look at the trial", "Judge the trial"
GOOD = ("released", "nothing", "superseded")


def candidate(state: State, execution: Execution) -> int:
    """As the machine reads it from the registry."""
    rejected = state.endpoints[execution.endpoint].rejected if execution.trigger == "reconcile" else 0
    fit = [v for v, s in enumerate(state.registry, 1) if s == "approved" and not rejected >> v & 1]
    return execution.asked if execution.asked in fit else max(fit, default=0)


def note(endpoint: Endpoint, version: int, outcome: str) -> Endpoint:
    """The attempt of a version with its outcome."""
    attempts = list(endpoint.attempts)
    old = attempts[version - 1]
    again = outcome == "started" and old.outcome == "started"
    attempts[version - 1] = Attempt(
        outcome, min(2, old.tries + 1) if again else max(old.tries, 1) if outcome != "started" else 1
    )
    return endpoint._replace(attempts=tuple(attempts))


class Task:
    """One execution at one task."""

    def __init__(self, setting: Setting, state: State, n: int) -> None:
        self.setting, self.state, self.n = setting, state, n
        self.me = state.executions[n]
        self.place = self.me.endpoint
        self.endpoint = state.endpoints[self.place]

    def to(self, at: str, endpoint: Endpoint | None = None, broken: str = "", **changes: object) -> State:
        """Go on there, with the endpoint and the execution changed."""
        state = self.state if endpoint is None else put_endpoint(self.state, self.place, endpoint)
        state = put_execution(state, self.n, self.me._replace(at=at, **changes))  # type: ignore[arg-type]
        return state._replace(broken=broken) if broken else state

    def fails(self, state: State) -> Ways:
        """The same, as trouble that is counted."""
        if self.state.budget.errors:
            yield "error", spend(disturb(state, self.place), "errors")

    def lost(self, state: State) -> Ways:
        """The effect took place and the call is made again."""
        if self.state.budget.errors:
            yield "lost", spend(disturb(state, self.place), "errors")

    def refuse(self) -> State:
        """Nothing was touched. A failed attempt stays on record as one."""
        failed = self.me.decision and self.endpoint.attempts[self.me.candidate - 1].outcome == "failed"
        return self.to("Note the refusal" if self.me.decision and not failed else UNLOCK, outcome="refused")

    def give_up(self) -> State:
        """Refused without having seen a settled endpoint: that does not count as a look at it."""
        self.me, me = self.me._replace(undisturbed=False), self.me
        refused, self.me = self.refuse(), me
        return refused

    def refuse_or_end(self) -> State:
        """A trial that was cut off and may not go on is ended."""
        left = self.setting.trial and self.me.seen[0] == "InService" and self.me.seen[2] and self.endpoint.ledger
        return self.to(RECOVER) if left else self.refuse()

    # ---- from the trigger to the plan

    def read_the_registry(self) -> Ways:
        found = candidate(self.state, self.me)
        if found:
            yield "ok", self.to("Take the lock", candidate=found)
        else:
            yield "ok", self.to("ended", outcome="nothing", undisturbed=True)
        yield from self.fails(self.to("Tell", outcome="refused"))

    def take_the_lock(self) -> Ways:
        owner = self.endpoint.owner
        if owner in (FREE, self.n + 1) or not self.setting.has("lock_is_taken_only_if_free"):
            taken = self.endpoint._replace(owner=self.n + 1, fence=self.endpoint.fence + 1)
            yield "ok", self.to("Read the registry again", taken, fence=taken.fence)
            yield from self.lost(self.to("Take the lock", taken))
        elif self.me.trigger == "reconcile":
            yield "held", self.to("ended", outcome="nothing")
        else:
            yield "held", self.to("Take the lock")
            yield "gives up", self.to("Tell", outcome="refused")
        yield from self.fails(self.to("Tell", outcome="refused"))

    def read_the_registry_again(self) -> Ways:
        newest = candidate(self.state, self.me)
        found = newest if self.setting.has("registry_is_read_again_under_the_lock") else self.me.candidate
        if found:
            yield "ok", self.to("Read the version", candidate=found, newest=newest, undisturbed=True, withdrawn=False)
        else:
            yield "ok", self.refuse()
        yield from self.fails(self.refuse())

    def read_the_version(self) -> Ways:
        fit = self.state.registry[self.me.candidate - 1] == "approved"
        yield "ok", self.to("What is live?", fit=fit)
        yield from self.fails(self.refuse())

    def what_is_live(self) -> Ways:
        live = self.endpoint.live if self.endpoint.status else 0
        beside = self.endpoint.beside if live else 0
        yield "ok", self.to("Read the ledger", seen=(self.endpoint.status, live, beside))
        yield from self.fails(self.refuse())

    def read_the_ledger(self) -> Ways:
        has, e, me = self.setting.has, self.endpoint, self.me
        attempt = e.attempts[me.candidate - 1] if has("one_approval_is_one_attempt") else Attempt()
        halted = e.halted and has("halt_stops_automation")
        decision, good, served = shipped.plan(
            me.trigger, me.asked, me.candidate, me.fit, me.seen, e.ledger, halted, attempt, trial=self.setting.trial
        )
        if decision == "end_trial" and not has("trial_left_behind_is_ended"):
            decision = "superseded"
        elif decision == "superseded" and not has("older_versions_are_superseded"):
            decision, good = "update", me.seen[1]
        if decision == "verify_only" and not has("unverified_is_not_done"):
            decision = "nothing"
        known = attempt.outcome == "refused" and me.trigger != "operator"
        # What serves and was never verified is no champion to be tried against.
        judged = not e.ledger or not (me.seen[2] or me.seen[1] == e.ledger)
        self.me = me = me._replace(judged=judged, decision=decision, last_good=good, ever_served=served, known=known)
        if decision in ("nothing", "superseded"):
            sweeps = decision == "nothing" and me.trigger == "reconcile" and me.seen[0] == "InService"
            at = "Clean up what was left before" if sweeps and not e.halted else UNLOCK
            yield "ok", self.to(at, outcome=decision)
        elif decision == "busy":
            yield "ok", self.to("What is live?")
            yield "gives up", self.give_up()
        elif decision == "clear":
            yield "ok", self.to("Delete the endpoint that never served")
        elif decision == "refused":
            yield "ok", self.refuse()
        elif decision == "end_trial":
            yield "ok", self.to(RECOVER)
        else:
            yield "ok", self.to("Check before the shift")
        self.me = self.state.executions[self.n]
        yield from self.fails(self.refuse())

    def delete_what_never_served(self) -> Ways:
        yield from self._delete("What is live?", self.refuse())

    def _delete(self, then: str, otherwise: State) -> Ways:
        e = self.endpoint
        if e.status in ("InService", "Failed", "UpdateRollbackFailed"):
            gone = e._replace(status="Deleting")
            broken = "an endpoint that served was deleted" if e.served else ""
            yield "ok", self.to(then, gone, broken, turned_back=True)
            yield from self.lost(self.to(self.me.at, gone, broken))
        else:
            yield "refused", otherwise
        yield from self.fails(otherwise)

    # ---- before the shift

    def check_before_the_shift(self) -> Ways:
        yield "ok", self.to("Note the attempt")
        yield from self.fails(self.refuse_or_end())

    def note_the_attempt(self) -> Ways:
        noted = note(self.endpoint, self.me.candidate, "started")
        if self.me.decision == "verify_only":
            yield "ok", self.to(LOOK, noted, shifted=True)
        else:
            yield "ok", self.to("Create the endpoint config", noted)
        yield from self.fails(self.refuse_or_end())

    def create_the_config(self) -> Ways:
        made = self.endpoint._replace(configs=self.endpoint.configs | 1 << self.me.candidate)
        me = self.me
        tried = self.setting.trial and me.decision == "update" and not me.judged
        tried = tried and self.setting.has("new_versions_are_tried_first")
        if tried and me.seen == ("InService", me.last_good, me.candidate):
            yield "ok", self.to(LOOK_AT_TRIAL, made, shifted=True)
        else:
            change = "Create the endpoint" if me.decision == "create" else "Update the endpoint"
            yield "ok", self.to(PUT if tried else change, made)
        yield from self.fails(self.to(RECOVER))

    # ---- the trial

    def put_beside(self) -> Ways:
        e, me = self.endpoint, self.me
        if e.status in ("InService", "UpdateRollbackFailed") and e.configs >> me.last_good & 1:
            new = e._replace(status="Updating", target=me.last_good, target_beside=me.candidate, guarded=True)
            broken = self._wrong_to_shift()
            yield "ok", self.to(LOOK_AT_TRIAL, new, broken, shifted=True)
            yield from self.lost(self.to(me.at, new, broken))
        else:
            yield "refused", self.to("Did the trial begin?")
        yield from self.fails(self.to("Did the trial begin?"))

    def did_the_trial_begin(self) -> Ways:
        e, asked = self.endpoint, (self.me.last_good, self.me.candidate)
        if e.status and asked in ((e.live, e.beside), (e.target, e.target_beside)):
            yield "ok", self.to(LOOK_AT_TRIAL, shifted=True)
        else:
            yield "ok" if e.status else "refused", self.to(RECOVER)
        yield from self.fails(self.to(RECOVER))

    def look_at_the_trial(self) -> Ways:
        if not self.endpoint.status:
            yield "refused", self.to(RECOVER)
        elif self.endpoint.status in SETTLED:
            yield "ok", self.to(JUDGE)
        else:
            yield "ok", self.to(LOOK_AT_TRIAL)
            yield "gives up", self.to(JUDGE)
        yield from self.fails(self.to(RECOVER))

    def judge(self) -> Ways:
        """Whatever the traffic says, a trial that is not as it should be ends."""
        e, me = self.endpoint, self.me
        approved = self.state.registry[me.candidate - 1] == "approved"
        sound = e.status == "InService" and (e.live, e.beside) == (me.last_good, me.candidate)
        if sound and (approved or not self.setting.has("approval_is_looked_at_again")):
            yield "promote", self.to("Update the endpoint", judged=True)
        yield "discard", self.to(RECOVER)
        yield from self.fails(self.to(RECOVER))

    # ---- the shift

    def _wrong_to_shift(self) -> str:
        e, me = self.endpoint, self.me
        by_itself = me.trigger != "operator"
        if e.status and by_itself and me.candidate < e.live:
            return "a version went backwards unasked"
        if by_itself and me.candidate < me.newest:
            return "an older version than the newest approved was released"
        if by_itself and e.failed >> me.candidate & 1:
            return "a version that failed was tried again by itself"
        return "a halted endpoint was changed" if e.halted else ""

    def change(self) -> Ways:
        e, me = self.endpoint, self.me
        creates = me.at == "Create the endpoint"
        fits = e.status == "" if creates else e.status in ("InService", "UpdateRollbackFailed")
        if fits and e.configs >> me.candidate & 1:
            new = e._replace(
                status="Creating" if creates else "Updating", target=me.candidate, target_beside=0, guarded=not creates
            )
            new = new._replace(live=me.candidate, other_bytes=False) if creates else new
            broken = self._wrong_to_shift()
            if self.setting.trial and me.decision == "update" and not me.judged:
                broken = broken or "a version was shifted to that nobody had tried"
            yield "ok", self.to(LOOK, new, broken, shifted=True)
            yield from self.lost(self.to(me.at, new, broken))
        else:
            yield "refused", self.to("Did the change begin?")
        yield from self.fails(self.to("Did the change begin?"))

    def did_it_begin(self) -> Ways:
        e, me = self.endpoint, self.me
        if e.status and (me.candidate, 0) in ((e.live, e.beside), (e.target, e.target_beside)):
            yield "ok", self.to(LOOK, shifted=True)
        else:
            yield "ok" if e.status else "refused", self.to(RECOVER)
        yield from self.fails(self.to(RECOVER))

    def look(self) -> Ways:
        if not self.endpoint.status:
            yield "refused", self.to(RECOVER)
        elif self.endpoint.status in SETTLED:
            yield "ok", self.to("Verify what is live")
        else:
            yield "ok", self.to(LOOK)
            yield "gives up", self.to("Verify what is live")
        yield from self.fails(self.to(RECOVER))

    # ---- belief

    def verify(self) -> Ways:
        e, has = self.endpoint, self.setting.has
        digest = has("success_needs_the_digest")
        verdict = shipped.verdict(self.me.candidate, e.status, e.live, e.other_bytes, digest, e.beside)
        if verdict == "rolled_back" and not has("success_needs_the_live_config"):
            verdict = "live"
        if verdict == "live":
            yield "ok", self.to("Is it still approved?")
            if self.me.decision in ("update", "respec"):
                yield "too little traffic", self.to("Verify what is live")
        elif verdict == "pending":
            yield "ok", self.to(LOOK)
        yield from (
            ("bad", s) for s in (self.to(RECOVER),) if verdict != "live" or self.me.decision in ("update", "respec")
        )
        yield from self.fails(self.to(RECOVER))

    def still_approved(self) -> Ways:
        approved = self.state.registry[self.me.candidate - 1] == "approved"
        if approved or not self.setting.has("approval_is_looked_at_again"):
            yield "ok", self.to("Smoke test")
        else:
            yield "ok", self.to(RECOVER)
        yield from self.fails(self.to(RECOVER))

    def smoke_test(self) -> Ways:
        yield "ok", self.to("Write the ledger")
        yield "refused", self.to(RECOVER)
        yield from self.fails(self.to(RECOVER))

    # ---- success

    def write_the_ledger(self) -> Ways:
        e, me = self.endpoint, self.me
        if e.ledger_fence <= me.fence or not self.setting.has("ledger_write_is_fenced"):
            before = e.ledger if e.ledger != me.candidate else e.ledger_before
            new = e._replace(ledger=me.candidate, ledger_before=before, ledger_fence=me.fence, served=True)
            yield "ok", self.to("Record the attempt", new)
        else:
            yield "refused", self.to(UNLOCK, outcome="unrecorded")
        yield from self.fails(self.to(UNLOCK, outcome="unrecorded"))

    def record_the_attempt(self) -> Ways:
        e, me = self.endpoint, self.me
        broken = ""
        if e.live != me.candidate or e.other_bytes or e.beside:
            broken = "success, and what is live is not what was asked"
        elif me.withdrawn:
            broken = "success, although the approval was withdrawn meanwhile"
        new = note(e, me.candidate, "released")
        yield (
            "ok",
            self.to(
                "Mark the lifecycle stage",
                new._replace(failed=new.failed & ~(1 << me.candidate)),
                broken,
                outcome="released",
            ),
        )
        yield from self.fails(self.to(UNLOCK, outcome="unrecorded"))

    def mark(self) -> Ways:
        good = self.endpoint._replace(rejected=self.endpoint.rejected & ~(1 << self.me.candidate))
        yield "ok", self.to("Clean up", good)
        yield from self.fails(self.to("Clean up"))

    def clean_up(self) -> Ways:
        e, me, has = self.endpoint, self.me, self.setting.has
        after = "Record the failed attempt" if me.at == "Clean up what is left" else UNLOCK
        live = e.live if e.status else 0
        target = e.target if e.status == "Updating" and not e.target_beside else 0
        way_back = has("clean_up_spares_the_way_back")
        spared = shipped.spared(
            e.status, live, target, e.ledger if way_back else 0, e.ledger_before if way_back else 0,
            me.last_good if way_back else 0, e.beside,
        )  # fmt: skip
        gone = e.configs & ~spared
        broken = ""
        if (live and not e.beside and gone >> live & 1) or (target and gone >> target & 1):
            broken = "a config that serves was deleted"
        elif any(v and gone >> v & 1 for v in (e.ledger, e.ledger_before)):
            broken = "a way back was deleted"
        yield "ok", self.to(after, e._replace(configs=e.configs & spared), broken)
        yield from self.fails(self.to(after))

    # ---- failure

    def recover(self) -> Ways:
        e, me, has = self.endpoint, self.me, self.setting.has
        served = (me.ever_served or not me.shifted) and has("what_served_is_never_deleted")
        helps = shipped.helps(e.status, e.live if e.status else 0, me.last_good, served, e.beside)
        if helps == "roll_back" and e.live == me.last_good and not has("trial_goes_back_to_the_champion"):
            helps = "nothing"
        if helps == "roll_back" and not has("failure_makes_the_last_good_live"):
            helps = "nothing"
        if helps == "nothing":
            outcome = "rolled_back" if me.shifted or me.turned_back else "refused"
            yield "ok", self.to("Clean up what is left", outcome=outcome)
        elif helps == "wait":
            yield "ok", self.to(RECOVER)
            yield "gives up", self.to("Halt automation", outcome="halted")
        elif helps == "roll_back" and not me.turned_back:
            yield "ok", self.to("Roll back to blue")
        elif helps == "delete" and not me.turned_back:
            yield "ok", self.to("Delete the endpoint of a failed first release")
        else:
            yield "ok", self.to("Halt automation", outcome="halted")
        yield from self.fails(self.to("Halt automation", outcome="halted"))

    def roll_back(self) -> Ways:
        e, me = self.endpoint, self.me
        halt = self.to("Halt automation", outcome="halted")
        if e.status == "InService" and e.configs >> me.last_good & 1:
            new = e._replace(status="Updating", target=me.last_good, target_beside=0, guarded=False)
            yield "ok", self.to(RECOVER, new, turned_back=True)
            yield from self.lost(self.to(me.at, new))
        else:
            yield "refused", halt
        yield from self.fails(halt)

    def delete_failed(self) -> Ways:
        yield from self._delete(RECOVER, self.to("Halt automation", outcome="halted"))

    def halt(self) -> Ways:
        yield "ok", self.to("Record the failed attempt", self.endpoint._replace(halted=True))
        yield from self.fails(self.to("Record the failed attempt"))

    def record_the_failure(self) -> Ways:
        e, me = self.endpoint, self.me
        then = "Mark it rejected" if me.shifted else UNLOCK
        if me.decision == "end_trial":  # of no version
            yield "ok", self.to(then)
            yield from self.fails(self.to(then))
            return
        failed = e._replace(failed=e.failed | 1 << me.candidate)
        serves = e.live == me.candidate != me.last_good or e.beside == me.candidate
        serves = serves and e.status == "InService" and me.outcome == "rolled_back"
        broken = "a version that failed is left serving" if serves else ""
        yield "ok", self.to(then, note(failed, me.candidate, "failed"), broken)
        yield from self.fails(self.to(then))

    def mark_rejected(self) -> Ways:
        yield "ok", self.to(UNLOCK, self.endpoint._replace(rejected=self.endpoint.rejected | 1 << self.me.candidate))
        yield from self.fails(self.to(UNLOCK))

    def note_the_refusal(self) -> Ways:
        yield "ok", self.to(UNLOCK, note(self.endpoint, self.me.candidate, "refused"))
        yield from self.fails(self.to(UNLOCK))

    # ---- ends

    def unlock(self) -> Ways:
        quiet = self.me.outcome in ("nothing", "superseded")
        then = "ended" if quiet else "Tell"
        if self.endpoint.owner == self.n + 1:
            yield "ok", self.to(then, self.endpoint._replace(owner=FREE))
            yield from self.lost(self.to(UNLOCK, self.endpoint._replace(owner=FREE)))
        else:
            yield "refused", self.to(then)
        yield from self.fails(self.to(then))

    def tell(self) -> Ways:
        if self.me.outcome == "refused" and self.me.known:
            yield "known", self.to("ended", outcome="nothing")
        yield "ok", self.to("Note that it was told", told=self.me.told + 1)
        yield from self.lost(self.to("Tell", told=self.me.told + 1, lost_word=True))
        yield from self.fails(self.to("ended"))

    def note_telling(self) -> Ways:
        yield "ok", self.to("ended", noted=True)
        yield from self.fails(self.to("ended", lost_word=True))


TASKS: dict[str, Callable[[Task], Ways]] = {
    "Read the registry": Task.read_the_registry,
    "Take the lock": Task.take_the_lock,
    "Read the registry again": Task.read_the_registry_again,
    "Read the version": Task.read_the_version,
    "What is live?": Task.what_is_live,
    "Read the ledger": Task.read_the_ledger,
    "Delete the endpoint that never served": Task.delete_what_never_served,
    "Check before the shift": Task.check_before_the_shift,
    "Note the attempt": Task.note_the_attempt,
    "Create the endpoint config": Task.create_the_config,
    PUT: Task.put_beside,
    "Did the trial begin?": Task.did_the_trial_begin,
    LOOK_AT_TRIAL: Task.look_at_the_trial,
    JUDGE: Task.judge,
    "Create the endpoint": Task.change,
    "Update the endpoint": Task.change,
    "Did the change begin?": Task.did_it_begin,
    LOOK: Task.look,
    "Verify what is live": Task.verify,
    "Is it still approved?": Task.still_approved,
    "Smoke test": Task.smoke_test,
    "Write the ledger": Task.write_the_ledger,
    "Record the attempt": Task.record_the_attempt,
    "Mark the lifecycle stage": Task.mark,
    "Clean up": Task.clean_up,
    "Clean up what was left before": Task.clean_up,
    RECOVER: Task.recover,
    "Roll back to blue": Task.roll_back,
    "Delete the endpoint of a failed first release": Task.delete_failed,
    "Halt automation": Task.halt,
    "Clean up what is left": Task.clean_up,
    "Record the failed attempt": Task.record_the_failure,
    "Mark it rejected": Task.mark_rejected,
    "Note the refusal": Task.note_the_refusal,
    UNLOCK: Task.unlock,
    "Tell": Task.tell,
    "Note that it was told": Task.note_telling,
}
WRITING = frozenset(TASKS) - {
    "Read the registry", "Take the lock", "Read the registry again", "Read the version", "What is live?",
    "Read the ledger", "Check before the shift", "Note the refusal", UNLOCK, "Tell", "Note that it was told",
}  # fmt: skip
"""Where an execution may change the endpoint, its configs or what the ledger says is live."""


def ways(setting: Setting, state: State, n: int) -> Ways:
    """Every way on of one execution that stands at a task."""
    task = Task(setting, state, n)
    return TASKS[task.me.at](task)
