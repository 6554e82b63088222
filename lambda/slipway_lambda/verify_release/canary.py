"""The new fleet's errors beside the old fleet's, in the minutes in which both were asked.

An alarm knows one threshold for all days; the old fleet knows what today is like. Minutes are compared one by one, so
that neither the share of the traffic nor an error rate that both have needs to stay the same.
"""

import math
from collections.abc import Mapping

from slipway_lambda.contracts.release import Verdict
from slipway_lambda.ports.fleets import Minute
from slipway_lambda.verdicts.compare import FALSE_WORSE
from slipway_lambda.verdicts.evidence import Pair, of_more
from slipway_lambda.verdicts.findings import Counts
from slipway_lambda.verify_release.verify import Finding

KINDS = (("server_errors", "5XX"), ("client_errors", "4XX"))
CERTAIN = -math.log(FALSE_WORSE / len(KINDS))
"""Of both kinds together, a release of a version that is no worse is turned back in at most `FALSE_WORSE` of cases,
however often it is looked at.
"""


def compared(finding: Finding, old: Mapping[int, Minute], new: Mapping[int, Minute]) -> Finding:
    """WORSE where the new fleet's errors cannot be chance. Without an old fleet, or without minutes in which both were
    asked, there is nothing to compare, and nothing changes: the minimum of requests was judged before.
    """
    if finding.verdict is not Verdict.LIVE:
        return finding
    both = [(old[m], new[m]) for m in sorted(old.keys() & new.keys())]
    for kind, name in KINDS:
        pairs: list[Pair] = [(_counts(a, kind), _counts(b, kind)) for a, b in both]
        if of_more(pairs) >= CERTAIN:
            before, now = (_sum([pair[i] for pair in pairs]) for i in (0, 1))
            return Finding(
                Verdict.WORSE,
                f"The new version answers more requests with {name} than the old one did in the same minutes:"
                f" {now} against {before}.",
            )
    return finding


def _counts(minute: Minute, kind: str) -> Counts:
    return Counts(minute.requests, getattr(minute, kind))


def _sum(counts: list[Counts]) -> Counts:
    return Counts(sum(c.requests for c in counts), sum(c.failures for c in counts))
