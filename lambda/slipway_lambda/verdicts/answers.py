"""A shadow's answers beside the champion's answers to the same requests.

What refuses a shadow without having been declared does so only beyond limits that a better model keeps.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slipway_lambda.verdicts.compare import FALSE_WORSE
from slipway_lambda.verdicts.evidence import of_share_above
from slipway_lambda.verdicts.findings import Check, Finding
from slipway_lambda.verdicts.positions import by_position
from slipway_lambda.verdicts.reading import Answer, UnreadableError, read

BAD_PERCENT = 0.5
"""Of the requests that the champion answered well, this many may lack a good answer of the shadow, for each reason."""
SHARES = 5
CERTAIN = -math.log(FALSE_WORSE / SHARES)
"""So many shares are watched: a shadow within its limits is refused for any of them in at most `FALSE_WORSE` of
trials.
"""


@dataclass(frozen=True)
class AnswersCompared:
    """`reason`: what refuses the shadow, or else what is left open, or else how many answers were compared."""

    finding: Finding
    reason: str
    checks: tuple[Check, ...] = ()


def compare_answers(
    pairs: Sequence[tuple[str, str | None]], *, tolerance: float, disagreement_percent: float | None, minimum: int
) -> AnswersCompared:
    """`pairs`: the champion's and the shadow's answer to one request each, None where the shadow gave none.

    `tolerance`: numbers further apart disagree. `disagreement_percent`: so many pairs may; None: that is not judged.
    `minimum`: pairs with a good answer of the champion; without one, a pair says nothing about the shadow.
    """
    known = [(good, shadow) for champion, shadow in pairs if (good := _good(champion))]
    if len(known) < max(minimum, 1):
        bad = f", and {len(pairs) - len(known):,} that it answered badly itself" if len(known) < len(pairs) else ""
        return AnswersCompared(
            Finding.TOO_FEW,
            f"{len(known):,} answers of the champion{bad}: a verdict takes {max(minimum, 1):,}.",
        )
    faults = [_fault(champion, shadow) for champion, shadow in known]
    checks = [_limited(name, faults.count(name), len(known), BAD_PERCENT, words) for name, words in FAULTS.items()]
    alike = [(a, read(b)) for (a, b), fault in zip(known, faults, strict=True) if not fault and b is not None]
    if disagreement_percent is not None and alike:
        apart = sum(a.differs(b, tolerance) for a, b in alike)
        words = f"differ from the champion's by more than {tolerance:g}"
        checks.append(_limited("disagreement", apart, len(alike), disagreement_percent, words))
    checks += by_position(alike)
    return _together(checks, len(known))


FAULTS = {
    "missing": "are missing",
    "unreadable": "cannot be read",
    "not_finite": "are NaN or infinite",
    "shape": "have another shape than the champion's",
}


def _good(text: str) -> Answer | None:
    try:
        answer = read(text)
    except (UnreadableError, AttributeError):
        return None
    return answer if answer.values and answer.is_finite else None


def _fault(champion: Answer, text: str | None) -> str:
    if text is None:
        return "missing"
    try:
        shadow = read(text)
    except UnreadableError:
        return "unreadable"
    if not shadow.is_finite:
        return "not_finite"
    return "" if shadow.shape == champion.shape else "shape"


def _limited(name: str, count: int, total: int, percent: float, words: str) -> Check:
    share = count / total
    if of_share_above(count, total, percent / 100) >= CERTAIN:
        finding = Finding.WORSE
    else:
        finding = Finding.NOT_WORSE if share <= percent / 100 else Finding.UNDECIDED
    told = f"{count:,} of {total:,} answers of the shadow ({100 * share:.2f} %) {words}; {percent:g} % may."
    return Check(name, finding, share, told)


def _together(checks: Sequence[Check], count: int) -> AnswersCompared:
    for finding in (Finding.WORSE, Finding.UNDECIDED):
        if told := [c.reason for c in checks if c.finding is finding]:
            return AnswersCompared(finding, " ".join(told), tuple(checks))
    return AnswersCompared(Finding.NOT_WORSE, f"{count:,} answers of the shadow are as they may be.", tuple(checks))
