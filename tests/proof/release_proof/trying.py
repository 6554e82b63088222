"""The tasks of the model that try a challenger beside the champion."""

from release_proof.holding import LOOK, OURS, Holding
from release_proof.protocol import is_of_people
from release_proof.step import JUDGE, Ways

TRIAL_CONFIG, ADOPT_TRIAL = "Create the trial config", "Is the trial config already there?"
PUT, LOOK_AT_TRIAL = "Put the challenger beside the champion", "Look at the trial"
SHARE = "Give the challenger its next share"
TAKE = "Take its share from the challenger"
SETTLED = ("InService", "Failed", "UpdateRollbackFailed", "OutOfService")
__all__ = ["ADOPT_TRIAL", "JUDGE", "LOOK", "LOOK_AT_TRIAL", "PUT", "SETTLED", "SHARE", "TAKE", "TRIAL_CONFIG", "Trying"]


class Trying(Holding):
    """An execution with a trial."""

    def tries(self, decision: str) -> bool:
        """Against a champion that a release verified: what serves and was never verified is none."""
        e, (_, live, beside) = self.endpoint, self.me.seen
        replaces = decision == "update" and self.me.trigger != "rollback"
        return self.setting.trial and replaces and bool(e.ledger) and bool(beside or live == e.ledger)

    def wrong_to_shift(self) -> str:
        """What is wrong with a change of what serves, now; empty: nothing."""
        e, me = self.endpoint, self.me
        by_itself = not is_of_people(me)
        if e.status and by_itself and me.candidate < e.live:
            return "a version went backwards unasked"
        if by_itself and me.candidate < me.newest:
            return "an older version than the newest approved was released"
        if by_itself and e.failed >> me.candidate & 1:
            return "a version that failed was tried again by itself"
        return "a halted endpoint was changed" if e.halted else ""

    def make_the_trial_config(self) -> Ways:
        """Whether it is there already is left out: it has its name from its content."""
        yield "ok", self.to(*self._after_its_config())
        yield "refused", self.to(ADOPT_TRIAL)
        yield from self.fails(self.to(ADOPT_TRIAL))

    def adopt_the_trial_config(self) -> Ways:
        yield "ok", self.to(*self._after_its_config())
        yield "refused", self.to(OURS)
        yield from self.fails(self.to(OURS))

    def _after_its_config(self) -> tuple[str]:
        runs = self.me.seen == ("InService", self.me.last_good, self.me.candidate)
        return (LOOK_AT_TRIAL if runs else PUT,)

    def put_beside(self) -> Ways:
        e, me = self.endpoint, self.me
        if e.status in ("InService", "UpdateRollbackFailed") and e.configs >> me.last_good & 1:
            new = e._replace(status="Updating", target=me.last_good, target_beside=me.candidate, guarded=True)
            broken = self.unlocked() or self.wrong_to_shift()
            yield "ok", self.to(LOOK_AT_TRIAL, self.idle(new), broken, shifted=True)
            yield from self.lost(self.to(me.at, new, broken))
        else:
            yield "refused", self.to("Did the trial begin?")
        yield from self.fails(self.to("Did the trial begin?"))

    def did_the_trial_begin(self) -> Ways:
        e, asked = self.endpoint, (self.me.last_good, self.me.candidate)
        if e.status and asked in ((e.live, e.beside), (e.target, e.target_beside)):
            yield "ok", self.to(LOOK_AT_TRIAL, self.idle(), shifted=True)
        else:
            yield "ok" if e.status else "refused", self.to(OURS)
        yield from self.fails(self.to(OURS))

    def look_at_the_trial(self) -> Ways:
        if not self.endpoint.status:
            yield "refused", self.to(OURS)
        elif self.endpoint.status in SETTLED:
            yield "ok", self.to(JUDGE, shifted=True)
        else:
            yield "ok", self.to(LOOK_AT_TRIAL, shifted=True)
            yield "gives up", self.to(JUDGE, shifted=True)
        yield from self.fails(self.to(OURS, shifted=True))

    def judge(self) -> Ways:
        """Whatever the traffic says, a trial that is not as it should be ends; so does one whose lock is another's."""
        e, me, has = self.endpoint, self.me, self.setting.has
        approved = self.state.registry[me.candidate - 1] == "approved"
        sound = e.status == "InService" and (e.live, e.beside) == (me.last_good, me.candidate)
        kept = self.renewed()
        sound = sound and (approved or not has("approval_is_looked_at_again"))
        if kept and sound and not (e.wish and has("wish_to_abort_is_looked_for")):
            yield "promote", self.to("Update the endpoint", kept, judged=True)
            yield "step", self.to(SHARE, kept)
            yield "continue", self.to(JUDGE, kept)
        yield "discard", self.to(OURS, kept)
        if kept:
            yield from self.lost(self.to(JUDGE, kept))
        yield from self.fails(self.to(OURS))

    def give_its_share(self) -> Ways:
        """The config stays."""
        e = self.endpoint
        if e.status == "InService":
            new = e._replace(status="Updating", target=e.live, target_beside=e.beside)
            broken = self.unlocked() or self.wrong_to_shift()
            yield "ok", self.to(LOOK_AT_TRIAL, self.idle(new), broken)
            yield from self.lost(self.to(SHARE, new, broken))
        else:
            yield "refused", self.to("Did its share change?")
        yield from self.fails(self.to("Did its share change?"))

    def take_its_share(self) -> Ways:
        """On the way back to the champion: the next look goes on with that, whatever came of it."""
        e = self.endpoint
        if e.status == "InService":
            new, broken = e._replace(status="Updating", target=e.live, target_beside=e.beside), self.unlocked()
            yield "ok", self.to(OURS, self.idle(new), broken)
            yield from self.lost(self.to(TAKE, new, broken))
        else:
            yield "refused", self.to(OURS)
        yield from self.fails(self.to(OURS))

    def did_its_share_change(self) -> Ways:
        yield "ok" if self.endpoint.status else "refused", self.to(OURS)
        if self.endpoint.status:
            yield "ok", self.to(LOOK_AT_TRIAL, self.idle())
        yield from self.fails(self.to(OURS))
