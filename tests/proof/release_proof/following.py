"""Follows a run of the real machine in the model: every state of the model that the run may be in, after each step.

A step that leaves none is no path of the model: the machine does what the model does not know, or the model is wrong.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from release_proof.account import Account
from release_proof.protocol import Setting, State
from release_proof.seen import Seen, of_account, of_model
from release_proof.tasks import TASKS, ways
from release_proof.world import BAD_END, ENDED, Label, Move, moves, violation

SILENT = {
    "Check the artefact": "Check before the shift",
    "Create the model": "Create the endpoint config",
    "Is the model already there?": "Create the endpoint config",
    "Send golden records": "Look at the endpoint",
    "Let it work": "Look at the endpoint",
    "Let it work, with news unheard": "Look at the endpoint",
    "Let it settle": "Is it still ours to put right?",
    "Let it settle, with news unheard": "Is it still ours to put right?",
    "Send more golden records": "Verify what is live",
    "Let the trial settle": "Look at the trial",
    "Let the trial settle, with news unheard": "Look at the trial",
    "Let the trial run": "Judge the trial",
    "Let the trial run, with news unheard": "Judge the trial",
    "Send golden records to the trial": "Judge the trial",
    "Take the wish out of the lock": "Give the challenger its next share",
    "Record the release": "Record the attempt",
    "Record the failed release": "Record the failed attempt",
}
"""Tasks that the model has no state for, and the one in which it stands meanwhile."""


class NotAPathError(AssertionError):
    """A step of the machine that the model does not have."""


def task_of(state: str) -> str:
    """The model's name of a Task state."""
    name = SILENT.get(state, state)
    return next((n for n in ("Tell", "Note that it was told") if name.startswith(f"{n}: ")), name)


class Follower:
    """`states`: where the run may be. `places`: where its executions are in them."""

    def __init__(self, setting: Setting, account: Account) -> None:
        self.setting, self.account = setting, account
        self.states = {setting.start}
        self.places: dict[str, int] = {}
        self.steps = 0
        self.met: set[str] = set()
        self.trail: list[str] = []

    @property
    def seen(self) -> Seen:
        """Of the account, now."""
        return of_account(self.account, self.places, self.setting.executions)

    # ---- an execution

    def begins(self, arn: str, what: str) -> None:
        """An execution starts, with a trigger and a version, as the model names them."""
        busy = set(self.places.values())
        place = next(n for n in range(self.setting.executions) if n not in busy)
        self.places[arn] = place
        self.world(lambda label: label == (f"execution {place}", "start", what), f"start of {what}")

    def arrives(self, arn: str, state: str) -> None:
        """It is about to make a call."""
        n, task = self.places[arn], task_of(state)
        self.met.add(task)
        self._only((s for s in self.states if s.executions[n].at == task), f"execution {n} comes to {state!r}")

    def tried(self, arn: str, state: str, outcome: str) -> None:
        """What came of the call: ok | failed (no effect) | lost (an effect, no answer) | refused."""
        n, seen = self.places[arn], self.seen
        stay = {s for s in self.states if of_model(s) == seen}
        before = self.states
        if state == "Take the lock" and outcome in ("ok", "lost"):
            before = before | {after for s in before for label, after in self._moves(s) if label[1] == "lock expires"}
        after: set[State]
        if outcome == "failed":
            after = stay | self._by(before, n, seen, {"error"})
        elif outcome == "refused":
            after = stay | self._by(before, n, seen, None)
        elif outcome == "lost":
            after = stay | self._by(before, n, seen, {"lost"})
            after |= self._by(after, n, seen, {"error"})
        else:
            after = stay if state in SILENT else self._by(before, n, seen, None, but={"error", "lost"})
        self._only(after, f"execution {n}, {state!r}: {outcome}")

    def ended(self, record: dict[str, Any]) -> None:
        """It came to an end of its own, or was ended from outside."""
        arn, n = record["executionArn"], self.places[record["executionArn"]]
        told = _outcome(record)
        if record["status"] in ("ABORTED", "TIMED_OUT") or told is None:
            self.world(lambda label: label[:2] == (f"execution {n}", "crash") and label[2] in TASKS, "crash")
            return
        known = {a for s in self.states if s.executions[n].at == "Tell" for w, a in self._ways(s, n) if w == "known"}
        outcome = "nothing" if told == "refused" and record["status"] == "SUCCEEDED" else told
        at_end = {s for s in self.states | known if s.executions[n].at == ENDED and s.executions[n].outcome == outcome}
        self._only(at_end, f"execution {n} ends {told}", see=False)
        if record["status"] == "SUCCEEDED":
            del self.places[arn]
        self.world(lambda label: label[:2] == (f"execution {n}", ENDED), f"end of execution {n}")

    def settled(self, arn: str) -> None:
        """Its bad end was settled."""
        n = self.places.pop(arn)
        told = sum(notice["execution"] == arn for notice in self.account.notices)
        fits = {s for s in self.states if s.executions[n].told + (not s.executions[n].noted) == told}
        self._only(fits, f"execution {n} was told {told} times", see=False)
        self.world(lambda label: label[:2] == (f"execution {n}", "settle"), f"settling of execution {n}")

    # ---- everything else

    def world(self, wanted: Callable[[Label], bool], what: str) -> None:
        """Something happened that is no call of an execution."""
        seen = self.seen
        after = {a for s in self.states for label, a in self._moves(s) if wanted(label)}
        self._only((s for s in after if of_model(s) == seen), what, tried=after)

    def service(self, status: str) -> None:
        """SageMaker took a step by itself."""
        self.world(lambda label: label[0] == "endpoint 0", f"the endpoint becomes {status}")

    def _moves(self, state: State) -> Iterator[Move]:
        return ((label, self._plain(after)) for label, after in moves(self.setting, state) if not violation(after))

    def _ways(self, state: State, n: int) -> Iterator[tuple[str, State]]:
        if state.executions[n].at not in TASKS:
            return iter(())
        return ((w, self._plain(after)) for w, after in ways(self.setting, state, n) if not violation(after))

    def _by(
        self,
        before: Iterable[State],
        n: int,
        seen: Seen,
        wanted: set[str] | None,
        but: Collection[str] = (),
    ) -> set[State]:
        return {
            after
            for s in before
            for way, after in self._ways(s, n)
            if (wanted is None or way in wanted) and way not in but and of_model(after) == seen
        }

    def _plain(self, state: State) -> State:
        """Trouble is not counted here."""
        return state._replace(budget=self.setting.budget)

    def _only(self, states: Iterable[State], what: str, *, see: bool = True, tried: Iterable[State] = ()) -> None:
        left = set(states)
        self.trail.append(what)
        if not left:
            raise NotAPathError(self._words(what, tried if see else ()))
        self.states = left
        self.steps += 1

    def _words(self, what: str, tried: Iterable[State]) -> str:
        near = [of_model(s) for s in [*tried, *self.states][:3]]
        seen = self.seen
        unlike = [{k: (v, getattr(seen, k)) for k, v in m._asdict().items() if v != getattr(seen, k)} for m in near]
        at = sorted({tuple(e.at for e in s.executions) for s in self.states})
        return f"{what}; the model stands at {at}; it has (model, real) {unlike}; before: {self.trail[-12:]}"


def _outcome(record: dict[str, Any]) -> str | None:
    """The machine's own last word; None where it could say none."""
    try:
        return str(json.loads(record["output"] or record["cause"])["outcome"])
    except (TypeError, ValueError, KeyError):
        return None


__all__ = ["BAD_END", "Follower", "NotAPathError", "task_of"]
