"""Whether a trial goes on, takes its next step, is promoted or discarded. Pure.

An abort wins over all, then everything that is not as it should be, then harm; only then a person's wish to hurry, then
the evidence, and last the clock: no verdict in time is none in the challenger's favour.
"""

from dataclasses import dataclass

from slipway_lambda.contracts.trial import LEAST_PAUSE_SECONDS, Trial, Word
from slipway_lambda.judge_trial.wish import Wish
from slipway_lambda.verdicts.compare import Comparison, Counts, Finding

GOOD = frozenset({Finding.NOT_WORSE, Finding.BETTER})


@dataclass(frozen=True)
class Seen:
    """`share_percent`: the challenger's of the answers, 0 for a shadow. `faults`: what is not as a trial needs it, in
    words. `findings`: every comparison made. `trial_seconds`, `step_seconds`: since the trial, the present share began.
    `champion`, `challenger`: what they answered at that share.
    """

    share_percent: int
    faults: tuple[str, ...]
    findings: tuple[Comparison, ...]
    wish: Wish
    trial_seconds: float
    step_seconds: float
    champion: Counts
    challenger: Counts

    @property
    def told(self) -> str:
        """The findings, for people."""
        return " ".join(c.reason for c in self.findings)


@dataclass(frozen=True)
class Judgement:
    """`reason`: a sentence. `share_percent`: the challenger's next with `step`. `thin`: golden records are wanted: the
    share had its time and too little traffic in it, or it has just begun and clients get its answers.
    `hurried`: a wish is followed, and is to be taken out of the lock before it is acted on.
    """

    word: Word
    reason: str
    share_percent: int = 0
    thin: bool = False
    hurried: bool = False


def judge(trial: Trial, seen: Seen) -> Judgement:
    """The first of these that speaks."""
    return _against(seen) or _hurried(trial, seen) or _earned(trial, seen) or _waiting(trial, seen)


def _against(seen: Seen) -> Judgement | None:
    if seen.wish.abort:
        return Judgement(Word.DISCARD, f"Aborted by {seen.wish.abort}")
    if seen.faults:
        return Judgement(Word.DISCARD, f"The trial was ended: {'; '.join(seen.faults)}.")
    worse = " ".join(c.reason for c in seen.findings if c.finding is Finding.WORSE)
    return Judgement(Word.DISCARD, worse) if worse else None


def _hurried(trial: Trial, seen: Seen) -> Judgement | None:
    if not seen.wish.promote:
        return None
    if seen.wish.full:
        return Judgement(Word.PROMOTE, f"Promoted by {seen.wish.promote}. {seen.told}")
    return _onward(trial, seen, f"Hurried by {seen.wish.promote}. {seen.told}", hurried=True)


def _earned(trial: Trial, seen: Seen) -> Judgement | None:
    good = bool(seen.findings) and all(c.finding in GOOD for c in seen.findings)
    return _onward(trial, seen, seen.told) if good and seen.step_seconds >= trial.step_seconds else None


def _onward(trial: Trial, seen: Seen, reason: str, *, hurried: bool = False) -> Judgement:
    higher = [w for w in trial.weights_percent if w > seen.share_percent]
    if not higher:
        return Judgement(Word.PROMOTE, reason)
    return Judgement(Word.STEP, f"{reason} Next: {higher[0]} %.", share_percent=higher[0], hurried=hurried)


def _waiting(trial: Trial, seen: Seen) -> Judgement:
    if seen.trial_seconds >= trial.seconds:
        why = f"No verdict within {trial.seconds} s, and no verdict is none in the challenger's favour."
        return Judgement(Word.DISCARD, f"{why} {seen.told}")
    too_few = any(c.finding is Finding.TOO_FEW for c in seen.findings)
    waited = too_few and seen.step_seconds >= trial.step_seconds
    return Judgement(Word.CONTINUE, seen.told, thin=waited or _opens(trial, seen))


def _opens(trial: Trial, seen: Seen) -> bool:
    """The first look at a share whose answers clients get: a healthy challenger that answers wrongly shows in golden
    records alone, however much traffic there is. A shadow's answers are compared by themselves.
    """
    return bool(trial.weights_percent) and seen.step_seconds < LEAST_PAUSE_SECONDS
