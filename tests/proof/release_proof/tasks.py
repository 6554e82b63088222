"""What each task of an execution does in the model: its ways on, by outcome.

`ways(setting, state, n)` yields (outcome, state). Outcomes: ok; a word for another answer; `error`: it fails for good
without its effect; `lost`: with its effect, so that the repeated call meets what it did.
"""

from collections.abc import Callable

from release_proof import shipped
from release_proof.holding import LOOK, OURS, RECOVER, UNLOCK
from release_proof.protocol import (
    FREE,
    Attempt,
    Endpoint,
    Execution,
    Setting,
    State,
    freed,
    is_of_people,
    verified_with,
)
from release_proof.step import Ways
from release_proof.trying import ADOPT_TRIAL, JUDGE, LOOK_AT_TRIAL, PUT, SETTLED, SHARE, TAKE, TRIAL_CONFIG, Trying

ADOPT, LEFT = "Is the endpoint config already there?", "Mark what was left"
GOOD = ("released", "nothing", "superseded")


def candidate(state: State, execution: Execution) -> int:
    """As the machine reads it from the registry."""
    by_itself = execution.trigger in ("reconcile", "spec")
    rejected = state.endpoints[execution.endpoint].rejected if by_itself else 0
    fit = [v for v, s in enumerate(state.registry, 1) if s == "approved" and not rejected >> v & 1]
    return execution.asked if execution.asked in fit else max(fit, default=0)


def note(endpoint: Endpoint, me: Execution, outcome: str) -> Endpoint:
    """The attempt of its version with its outcome; what it counts is in the plan."""
    attempts = list(endpoint.attempts)
    attempts[me.candidate - 1] = Attempt(outcome, me.tries)
    return endpoint._replace(attempts=tuple(attempts))


class Task(Trying):
    """One execution at one task."""

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
            clean = freed(self.endpoint)
            taken = clean._replace(owner=self.n + 1, leased=True, fence=clean.fence + 1)
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
        yield "ok", self.to("Read the version", candidate=found, newest=newest, undisturbed=True, withdrawn=False)
        yield from self.fails(self.refuse())

    def read_the_version(self) -> Ways:
        if self.me.candidate:
            fit = self.state.registry[self.me.candidate - 1] == "approved"
            yield "ok", self.to("What is live?", fit=fit)
        else:  # nothing is approved any more
            yield "refused", self.refuse()
        yield from self.fails(self.refuse())

    def what_is_live(self) -> Ways:
        live = self.endpoint.live if self.endpoint.status else 0
        beside = self.endpoint.beside if live else 0
        yield "ok", self.to("Read the ledger", seen=(self.endpoint.status, live, beside))
        yield from self.fails(self.refuse())

    def read_the_ledger(self) -> Ways:
        """The plan is already known then: it is made of what has been read."""
        has, e, me = self.setting.has, self.endpoint, self.me
        attempt = e.attempts[me.candidate - 1] if has("one_approval_is_one_attempt") else Attempt()
        halted = e.halted and has("halt_stops_automation")
        decision, good, served = shipped.plan(
            me.trigger, me.asked, me.candidate, me.fit, me.seen, e.ledger, halted, attempt, e.held, e.verified,
            trial=self.setting.trial,
        )  # fmt: skip
        if decision == "end_trial" and not has("trial_left_behind_is_ended"):
            decision = "superseded"
        elif decision == "superseded" and not has("older_versions_are_superseded"):
            decision, good = "update", me.seen[1]
        if decision == "verify_only" and not has("unverified_is_not_done"):
            decision = "nothing"
        left = e.ledger if me.trigger == "rollback" and me.seen[1:] == (e.ledger, 0) != (me.candidate, 0) else 0
        yield (
            "ok",
            self.to(
                "Plan the release",
                decision=decision,
                judged=not self.tries(decision),
                last_good=good,
                ever_served=served,
                left=left,
                known=attempt.outcome == "refused" and not is_of_people(me),
                tries=min(2, attempt.tries + 1) if attempt.outcome == "started" else 1,
            ),
        )
        yield from self.fails(self.refuse())

    def plan_the_release(self) -> Ways:
        e, me = self.endpoint, self.me
        decision = me.decision
        if decision in ("nothing", "superseded"):
            sweeps = decision == "nothing" and me.trigger in ("reconcile", "spec") and me.seen[0] == "InService"
            yield "ok", self.to(UNLOCK, outcome=decision)
            if sweeps:  # and not halted when the ledger was read; a halt stands until a person lifts it
                at = UNLOCK if e.halted else "Clean up what was left before"
                yield "ok", self.to(at, outcome=decision)
        elif decision == "busy":
            yield "ok", self.to("Keep the lock meanwhile", self.idle())
            yield "gives up", self.give_up()
        elif decision == "clear":
            yield "ok", self.to("Delete the endpoint that never served")
            yield "gives up", self.refuse()
        elif decision == "refused":
            yield "ok", self.refuse()
        elif decision == "end_trial":
            yield "ok", self.to(OURS)
        else:
            yield "ok", self.to("Check before the shift")
        self.me = self.me._replace(decision="")
        yield from self.fails(self.refuse())

    def delete_what_never_served(self) -> Ways:
        yield from self._delete("Keep the lock meanwhile", self.refuse())

    def _delete(self, then: str, otherwise: State) -> Ways:
        e = self.endpoint
        if e.status in ("InService", "Failed", "UpdateRollbackFailed"):
            gone = e._replace(status="Deleting")
            broken = self.unlocked() or ("an endpoint that served was deleted" if e.served else "")
            done = gone._replace(leased=False) if self.mine else gone
            yield "ok", self.to(then, done, broken, turned_back=self.me.turned_back or then == OURS)
            yield from self.lost(self.to(self.me.at, gone, broken))
        else:
            yield "refused", otherwise
        yield from self.fails(otherwise)

    # ---- before the shift

    def check_before_the_shift(self) -> Ways:
        yield "ok", self.to("Note the attempt")
        yield from self.fails(self.refuse_or_end())

    def note_the_attempt(self) -> Ways:
        noted = note(self.endpoint, self.me, "started")
        if self.me.decision == "verify_only":
            yield "ok", self.to(LOOK, noted._replace(leased=noted.leased and not self.mine), shifted=True)
        else:
            yield "ok", self.to("Create the endpoint config", noted)
        yield from self.lost(self.to(self.me.at, noted))
        yield from self.fails(self.refuse_or_end())

    def create_the_config(self) -> Ways:
        made = self.endpoint._replace(configs=self.endpoint.configs | 1 << self.me.candidate)
        if self.endpoint.configs >> self.me.candidate & 1:
            yield "refused", self.to(ADOPT)
        else:
            yield "ok", self.to("Was it aborted?", made)
            yield from self.lost(self.to(self.me.at, made))
        yield from self.fails(self.to(ADOPT))
        yield from self.fails(self.to(OURS))  # the model's own creation

    def adopt_the_config(self) -> Ways:
        """It has its name from its content, so what is there is equal."""
        there = self.endpoint.configs >> self.me.candidate & 1
        yield ("ok", self.to("Was it aborted?")) if there else ("refused", self.to(OURS))
        yield from self.fails(self.to(OURS))

    # ---- the shift

    def change(self) -> Ways:
        e, me = self.endpoint, self.me
        creates = me.at == "Create the endpoint"
        fits = e.status == "" if creates else e.status in ("InService", "UpdateRollbackFailed")
        if fits and e.configs >> me.candidate & 1:
            new = e._replace(status="Creating" if creates else "Updating", target=me.candidate, guarded=not creates)
            new = new._replace(target_beside=0)
            new = new._replace(live=me.candidate, other_bytes=False) if creates else new
            broken = self.unlocked() or self.wrong_to_shift()
            if not me.judged and me.decision == "update":
                broken = broken or "a version was shifted to that nobody had tried"
            yield "ok", self.to(LOOK, new._replace(leased=False) if self.mine else new, broken, shifted=True)
            yield from self.lost(self.to(me.at, new, broken))
        else:
            yield "refused", self.to("Did the change begin?")
        yield from self.fails(self.to("Did the change begin?"))

    def did_it_begin(self) -> Ways:
        e, me = self.endpoint, self.me
        if e.status and (me.candidate, 0) in ((e.live, e.beside), (e.target, e.target_beside)):
            yield "ok", self.to(LOOK, self.idle(), shifted=True)
        else:
            yield "ok" if e.status else "refused", self.to(OURS)
        yield from self.fails(self.to(OURS))

    def look(self) -> Ways:
        if not self.endpoint.status:
            yield "refused", self.to(OURS)
        elif self.endpoint.status in SETTLED:
            yield "ok", self.to("Verify what is live")
        else:
            yield "ok", self.to(LOOK)
            yield "gives up", self.to("Verify what is live")
        yield from self.fails(self.to(OURS))

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
            ("bad", s) for s in (self.to(OURS),) if verdict != "live" or self.me.decision in ("update", "respec")
        )
        yield from self.fails(self.to(OURS))

    def still_approved(self) -> Ways:
        approved = self.state.registry[self.me.candidate - 1] == "approved"
        if approved or not self.setting.has("approval_is_looked_at_again"):
            yield "ok", self.to("Smoke test")
        else:
            yield "ok", self.to(OURS)
        yield from self.fails(self.to(OURS))

    def smoke_test(self) -> Ways:
        yield "ok", self.to("Was it aborted meanwhile?")
        yield "refused", self.to(OURS)
        yield from self.fails(self.to(OURS))

    # ---- success

    def write_the_ledger(self) -> Ways:
        e, me = self.endpoint, self.me
        if e.ledger_fence <= me.fence or not self.setting.has("ledger_write_is_fenced"):
            new = e._replace(
                ledger=me.candidate, verified=verified_with(e, me.candidate), ledger_fence=me.fence, served=True
            )
            yield "ok", self.to("Record the attempt", new)
            yield from self.lost(self.to(me.at, new))
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
        elif self.mine and e.wish:
            broken = "success, although a wish to abort was accepted"
        new = note(e, me, "released")
        yield (
            "ok",
            self.to(
                "Mark the lifecycle stage",
                new._replace(failed=new.failed & ~(1 << me.candidate)),
                broken,
                outcome="released",
            ),
        )
        yield from self.lost(self.to(me.at, new))
        yield from self.fails(self.to(UNLOCK, outcome="unrecorded"))

    def mark(self) -> Ways:
        good = self.endpoint._replace(rejected=self.endpoint.rejected & ~(1 << self.me.candidate))
        then = LEFT if self.me.left else "Clean up"
        yield "ok", self.to(then, good)
        yield from self.lost(self.to(self.me.at, good))
        yield from self.fails(self.to(then))

    def mark_what_was_left(self) -> Ways:
        marked = self.endpoint._replace(rejected=self.endpoint.rejected | 1 << self.me.left)
        yield "ok", self.to("Clean up", marked)
        yield from self.lost(self.to(self.me.at, marked))
        yield from self.fails(self.to("Clean up"))

    def clean_up(self) -> Ways:
        e, me, has = self.endpoint, self.me, self.setting.has
        after = "Record the failed attempt" if me.at == "Clean up what is left" else UNLOCK
        live = e.live if e.status else 0
        target = e.target if e.status == "Updating" and not e.target_beside else 0
        way_back = has("clean_up_spares_the_way_back")
        spared = shipped.spared(
            e.status, live, target, e.verified if way_back else (), me.last_good if way_back else 0, e.beside
        )  # fmt: skip
        gone = e.configs & ~spared
        broken = self.unlocked()
        if (live and not e.beside and gone >> live & 1) or (target and gone >> target & 1):
            broken = "a config that serves was deleted"
        elif any(gone >> v & 1 for v in e.verified[: shipped.SPEC.keep_versions]):
            broken = "a way back was deleted"
        yield "ok", self.to(after, e._replace(configs=e.configs & spared), broken)
        yield from self.lost(self.to(me.at, e._replace(configs=e.configs & spared), broken))
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
            yield "ok", self.to(OURS, self.idle())
            yield "gives up", self.to("Halt automation", outcome="halted")
        elif helps == "roll_back" and not me.turned_back:
            if e.beside:
                yield "ok", self.to(TAKE)
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
            broken = self.unlocked()
            yield "ok", self.to(OURS, new._replace(leased=False) if self.mine else new, broken, turned_back=True)
            yield from self.lost(self.to(me.at, new, broken))
        else:
            yield "refused", halt
        yield from self.fails(halt)

    def delete_failed(self) -> Ways:
        yield from self._delete(OURS, self.to("Halt automation", outcome="halted"))

    def halt(self) -> Ways:
        halted = self.endpoint._replace(halted=True)
        yield "ok", self.to("Record the failed attempt", halted)
        yield from self.lost(self.to(self.me.at, halted))
        yield from self.fails(self.to("Record the failed attempt"))

    def record_the_failure(self) -> Ways:
        e, me = self.endpoint, self.me
        then = "Mark it rejected" if me.shifted else UNLOCK
        if me.decision == "end_trial":  # of no version
            yield "ok", self.to(then)
            yield from self.lost(self.to(me.at))
            yield from self.fails(self.to(then))
            return
        failed = e._replace(failed=e.failed | 1 << me.candidate)
        serves = e.live == me.candidate != me.last_good or e.beside == me.candidate
        serves = serves and e.status == "InService" and me.outcome == "rolled_back"
        broken = "a version that failed is left serving" if serves else ""
        yield "ok", self.to(then, note(failed, me, "failed"), broken)
        yield from self.lost(self.to(me.at, note(failed, me, "failed"), broken))
        yield from self.fails(self.to(then))

    def mark_rejected(self) -> Ways:
        marked = self.endpoint._replace(rejected=self.endpoint.rejected | 1 << self.me.candidate)
        yield "ok", self.to(UNLOCK, marked)
        yield from self.lost(self.to(self.me.at, marked))
        yield from self.fails(self.to(UNLOCK))

    def note_the_refusal(self) -> Ways:
        noted = note(self.endpoint, self.me, "refused")
        yield "ok", self.to(UNLOCK, noted)
        yield from self.lost(self.to(self.me.at, noted))
        yield from self.fails(self.to(UNLOCK))

    # ---- ends

    def unlock(self) -> Ways:
        quiet = self.me.outcome in ("nothing", "superseded")
        then = "ended" if quiet else "Tell"
        if self.endpoint.owner == self.n + 1:
            yield "ok", self.to(then, freed(self.endpoint))
            yield from self.lost(self.to(UNLOCK, freed(self.endpoint)))
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
        yield from self.lost(self.to(self.me.at, noted=True))
        yield from self.fails(self.to("ended", lost_word=True))


TASKS: dict[str, Callable[[Task], Ways]] = {
    "Read the registry": Task.read_the_registry,
    "Take the lock": Task.take_the_lock,
    "Read the registry again": Task.read_the_registry_again,
    "Read the version": Task.read_the_version,
    "What is live?": Task.what_is_live,
    "Read the ledger": Task.read_the_ledger,
    "Plan the release": Task.plan_the_release,
    "Keep the lock meanwhile": Task.keep_the_lock,
    "Delete the endpoint that never served": Task.delete_what_never_served,
    "Check before the shift": Task.check_before_the_shift,
    "Note the attempt": Task.note_the_attempt,
    "Create the endpoint config": Task.create_the_config,
    ADOPT: Task.adopt_the_config,
    "Was it aborted?": Task.was_it_aborted,
    "Was it aborted meanwhile?": Task.was_it_aborted,
    OURS: Task.still_ours,
    TRIAL_CONFIG: Task.make_the_trial_config,
    ADOPT_TRIAL: Task.adopt_the_trial_config,
    PUT: Task.put_beside,
    "Did the trial begin?": Task.did_the_trial_begin,
    LOOK_AT_TRIAL: Task.look_at_the_trial,
    JUDGE: Task.judge,
    SHARE: Task.give_its_share,
    TAKE: Task.take_its_share,
    "Did its share change?": Task.did_its_share_change,
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
    LEFT: Task.mark_what_was_left,
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
WRITING = frozenset({
    "Create the endpoint", "Update the endpoint", "Delete the endpoint that never served", "Roll back to blue",
    "Delete the endpoint of a failed first release", "Write the ledger", "Record the attempt", "Clean up",
    "Clean up what is left", "Clean up what was left before", "Halt automation", PUT, SHARE, TAKE,
})  # fmt: skip
"""Where an execution changes the endpoint, its configs or what the ledger says is live."""


def ways(setting: Setting, state: State, n: int) -> Ways:
    """Every way on of one execution that stands at a task."""
    task = Task(setting, state, n)
    return TASKS[task.me.at](task)
