"""Verdicts: requests and time, against the tests one would use with everything known beforehand.

    python benchmarks/verdicts.py [runs]

Requests of a challenger that fails 1 % until it is found worse than a champion with 0.1 %, looked at every 25 of them:
ours, which knows neither rate; Wald's sequential test, which is told both (no test of that risk needs fewer on average,
his theorem); and the fixed sample of a z-test that may look once. Then comparisons a second, beside the bare logarithms
that one takes.
"""

import math
import random
import statistics
import sys
import time

from slipway_lambda.verdicts.compare import FALSE_WORSE, Counts, Finding, compare
from slipway_lambda.verdicts.evidence import RATIOS
from slipway_lambda.verdicts.sample import DETECTION, HEALTHY, SICK, minimum_sample

LOOK, ROUNDS = 25, 5


def binomial(dice: random.Random, count: int, rate: float) -> int:
    """By the gaps between failures."""
    failures, at = 0, 0
    while True:
        at += int(math.log(1 - dice.random()) / math.log1p(-rate)) + 1
        if at > count:
            return failures
        failures += 1


def walds(champion: Counts, challenger: Counts) -> float:
    """Log-likelihood of both rates as they are, over that of the one rate that both would have."""
    share = challenger.requests / (champion.requests + challenger.requests)
    alike = share * SICK + (1 - share) * HEALTHY
    return sum(
        c.failures * math.log(rate / alike) + (c.requests - c.failures) * math.log((1 - rate) / (1 - alike))
        for c, rate in ((champion, HEALTHY), (challenger, SICK))
    )


def needed(dice: random.Random, share: float) -> tuple[int, int]:
    """Requests of the challenger in one trial: ours, Wald's."""
    ours = peers = asked = others = bad = bad_others = 0
    while not (ours and peers):
        more = round(LOOK * (1 - share) / share)
        asked, others = asked + LOOK, others + more
        bad, bad_others = bad + binomial(dice, LOOK, SICK), bad_others + binomial(dice, more, HEALTHY)
        pair = Counts(others, bad_others), Counts(asked, bad)
        if not ours and compare(*pair, minimum=1).finding is Finding.WORSE:
            ours = asked
        if not peers and walds(*pair) >= -math.log(FALSE_WORSE):
            peers = asked
    return ours, peers


def fixed(share: float) -> int:
    """Of a one-sided z-test at the same risk and power."""
    normal = statistics.NormalDist()
    risk, power = normal.inv_cdf(1 - FALSE_WORSE), normal.inv_cdf(DETECTION)
    alike = share * SICK + (1 - share) * HEALTHY
    null = math.sqrt(alike * (1 - alike) * (1 + share / (1 - share)))
    other = math.sqrt(SICK * (1 - SICK) + HEALTHY * (1 - HEALTHY) * share / (1 - share))
    return math.ceil(((risk * null + power * other) / (SICK - HEALTHY)) ** 2)


def rate_of(call: object, seconds: float = 0.2) -> float:
    assert callable(call)
    count, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds:
        for _ in range(100):
            call()
        count += 100
    return count / taken


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    dice = random.Random(1)
    for share in (0.1, 0.5):
        ours, peers = zip(*(needed(dice, share) for _ in range(runs)), strict=True)
        mean, best, once = statistics.mean(ours), statistics.mean(peers), fixed(share)
        print(f"{100 * share:.0f} % of the traffic, {runs} trials: found after {mean:,.0f} requests on average")
        print(f"  Wald's test, told both rates: {best:,.0f}; ours takes {mean / best:.2f} times that")
        minimum = minimum_sample(share)
        print(
            f"  one look that finds 99.5 %: {minimum:,}; z-test's {once:,}; ours takes {minimum / once:.2f} times that"
        )
    pair = Counts(22_500, 22), Counts(2_500, 5)
    steps = range(2 * len(RATIOS))  # of both directions

    def bare() -> None:
        for _ in steps:
            math.log(1.1)
            math.exp(-1.1)

    rates = [(rate_of(lambda: compare(*pair, minimum=2_500)), rate_of(bare)) for _ in range(ROUNDS)]
    ours_rate, bare_rate = (statistics.median(r[i] for r in rates) for i in (0, 1))
    ratio = bare_rate / ours_rate
    print(f"{ours_rate:,.0f} comparisons/s; the bare logarithms {bare_rate:,.0f}/s, {ratio:.1f} times that")


if __name__ == "__main__":
    main()
