"""Random streams of approval events against the shipped decision: whatever arrives, the registry is what counts.

An execution here is what the machine does under its lock: read the newest approved version, read the endpoint and the
ledger, decide, carry it out, write it down. The event brings nothing but the word that there may be something to do.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from release_proof import shipped
from release_proof.protocol import Attempt

VERSIONS, MOST_COPIES, LOST = 5, 5, 0.2


@dataclass
class Served:
    """One endpoint and its ledger. `updates` counts changes by version."""

    approved: set[int] = field(default_factory=set)
    live: int = 0
    attempts: dict[int, Attempt] = field(default_factory=dict)
    updates: Counter[int] = field(default_factory=Counter)
    went_back: bool = False

    def execute(self, trigger: str, hint: int = 0) -> None:
        """One execution, from the registry to the ledger."""
        if not self.approved:
            return
        newest = max(self.approved)
        asked = hint if trigger == "operator" else 0
        seen = ("InService", self.live) if self.live else ("", 0)
        tried = self.attempts.get(newest, Attempt())
        decision, _, _ = shipped.plan(trigger, asked, newest, True, seen, self.live, False, tried)
        if decision in ("create", "update"):
            self.updates[newest] += 1
            self.went_back |= newest < self.live
            self.live, self.attempts[newest] = newest, Attempt("released", 1)
        else:
            assert decision in ("nothing", "superseded"), decision


def stream(dice: random.Random) -> Served:
    """Approvals in any order with events lost, doubled, late, replayed and forged; then one sweep."""
    served, waiting = Served(), list[int]()
    for version in dice.sample(range(1, VERSIONS + 1), VERSIONS):
        served.approved.add(version)
        if dice.random() >= LOST:
            waiting += [version] * dice.randint(1, MOST_COPIES)
        for _ in range(dice.randint(0, 4)):
            kind = dice.choice(["deliver", "forge", "replay"])
            if kind == "deliver" and waiting:
                served.execute("approval", waiting.pop(dice.randrange(len(waiting))))
            elif kind == "forge":  # of a version that does not exist, or was never approved
                served.execute("approval", dice.randint(1, 99))
            elif kind == "replay":
                served.execute("approval", version)
    dice.shuffle(waiting)
    for version in waiting[: dice.randint(0, len(waiting))]:
        served.execute("approval", version)
    served.execute("reconcile")
    return served


def test_whatever_events_arrive_the_newest_approved_version_ends_up_live(
    full: bool, figure: Callable[..., None]
) -> None:
    count = 10_000 if full else 500
    ends = [stream(random.Random(seed)) for seed in range(count)]
    newest = sum(s.live == max(s.approved) for s in ends)
    twice = sum(n > 1 for s in ends for n in s.updates.values())
    figure("events: streams that end on the newest approved version", f"{newest} of {count}", "all", newest == count)
    figure("events: versions that an endpoint was updated to twice", twice, "0", twice == 0)
    figure(
        "events: steps back to an older version",
        sum(s.went_back for s in ends),
        "0",
        not any(s.went_back for s in ends),
    )


def test_without_the_sweep_some_approvals_are_lost() -> None:
    """The streams are hard enough: events alone do not suffice."""
    lost = 0
    for seed in range(200):
        dice, served = random.Random(seed), Served()
        for version in range(1, VERSIONS + 1):
            served.approved.add(version)
            if dice.random() >= LOST:
                served.execute("approval")
        lost += served.live != VERSIONS
    assert lost > 10
