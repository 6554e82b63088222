"""How strongly counts speak, as the logarithm of an e-value: a bet that nobody expects to win while its null holds.

By Ville's inequality the chance that such a bet ever reaches 1/α while its null is true is at most α, however often
one looks and whenever one stops (Ramdas, Grünwald, Vovk, Shafer: Game-theoretic statistics and safe anytime-valid
inference, Statistical Science 2023). Failures are taken as Poisson: requests of which each fails or not vary less, so
the bound holds for them too, and by more where failures are not rare.
"""

import math
from collections.abc import Sequence

from slipway_lambda.verdicts.findings import Counts, Margin

Pair = tuple[Counts, Counts]
"""Two versions in the same stretch of time."""
RATIOS = ((1.2, 0.05), (1.5, 0.10), (2.0, 0.15), (3.0, 0.20), (5.0, 0.20), (10.0, 0.20), (30.0, 0.10))
"""How many times higher the rate may be, and the share of the stake that is laid on it."""
PARTS = ((0.003, 0.2), (0.01, 0.2), (0.03, 0.2), (0.1, 0.2), (0.4, 0.1), (0.95, 0.1))
"""How far a share may lie between its limit and all, and the share of the stake that is laid on it."""
PRIOR_FAILURES, PRIOR_REQUESTS = 0.5, 50.0
"""A rate of about 1 %, believed as if seen in 50 requests."""


def of_more(periods: Sequence[Pair]) -> float:
    """Against "the second's rate is not above the first's".

    A mixture of sequential probability ratio tests given the failures (the maximised SPRT of vaccine surveillance,
    Kulldorff et al., Sequential Analysis 2011, with a mixture for its maximum): if neither is worse, each failure
    falls on the second with its share of the requests; if it fails r times as often, more often so. The base rate drops
    out, so it may be any, and differ between periods; a period in which one of them had no request says nothing.
    """
    logs = [math.log(stake) for _, stake in RATIOS]
    for first, second in periods:
        failures, requests = first.failures + second.failures, first.requests + second.requests
        if not failures:
            continue
        for i, (ratio, _) in enumerate(RATIOS):
            dilution = math.log(requests / (first.requests + ratio * second.requests))
            logs[i] += second.failures * math.log(ratio) + failures * dilution
    return _sum_of(logs)


def against_harm(pair: Pair, margin: Margin) -> float:
    """Against "the second's rate is `margin` or more above the first's", which must be the same all the time.

    The bet is on one rate for both, spread by a gamma distribution, over the best explanation that harm can give
    (universal inference, Wasserman, Ramdas, Balakrishnan, PNAS 2020).
    """
    first, second = pair
    failures, requests = first.failures + second.failures, first.requests + second.requests
    alike = math.lgamma(failures + PRIOR_FAILURES) - math.lgamma(PRIOR_FAILURES)
    alike += PRIOR_FAILURES * math.log(PRIOR_REQUESTS)
    alike -= (failures + PRIOR_FAILURES) * math.log(requests + PRIOR_REQUESTS)
    return alike - _best_of_harm(first, second, margin.ratio, margin.points / 100)


def of_share_above(count: int, total: int, limit: float) -> float:
    """Against "at most `limit` of all are so", each of them by itself: a mixture of ratio tests against one share."""
    if limit <= 0 or limit >= 1:
        return math.inf if limit <= 0 and count else -math.inf
    logs = []
    for part, stake in PARTS:
        share = limit + part * (1 - limit)
        gain, loss = math.log(share / limit), math.log((1 - share) / (1 - limit))
        logs.append(math.log(stake) + count * gain + (total - count) * loss)
    return _sum_of(logs)


def _sum_of(logs: Sequence[float]) -> float:
    most = max(logs)
    return most + math.log(sum(math.exp(x - most) for x in logs))


def _best_of_harm(first: Counts, second: Counts, ratio: float, above: float) -> float:
    """Highest log-likelihood with a second rate of at least ratio × first rate + above."""
    if first.requests and second.requests:
        seen = first.failures / first.requests, second.failures / second.requests
        if seen[1] >= ratio * seen[0] + above:
            return _likelihood(first, seen[0]) + _likelihood(second, seen[1])
    # On the edge of harm the first rate is the root of a quadratic: weight·ratio·x² − slope·x − first.failures·above.
    weight = first.requests + ratio * second.requests
    slope = ratio * (first.failures + second.failures) - weight * above
    root = math.sqrt(slope**2 + 4 * weight * ratio * first.failures * above)
    rate = (slope + root) / (2 * weight * ratio) if slope > 0 else 2 * first.failures * above / ((root - slope) or 1.0)
    return _likelihood(first, rate) + _likelihood(second, ratio * rate + above)


def _likelihood(seen: Counts, rate: float) -> float:
    """Logarithm, of a Poisson count, without what does not depend on the rate."""
    return (seen.failures * math.log(rate) if seen.failures else 0.0) - seen.requests * rate
