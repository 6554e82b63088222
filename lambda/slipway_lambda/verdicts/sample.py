"""How many requests a verdict takes, by arithmetic: no simulation, no rule of thumb."""

import math
from functools import lru_cache

from slipway_lambda.verdicts.compare import FALSE_WORSE
from slipway_lambda.verdicts.evidence import of_more
from slipway_lambda.verdicts.findings import Counts

DETECTION = 0.995
HEALTHY, SICK = 0.001, 0.01
"""The failure rates that the minimum is stated for: 0.1 % of the champion against 1 % of the challenger."""
STEP = 100
MINIMUM_SAMPLE = 4_700
"""Requests of the challenger with half of the traffic: `minimum_sample(0.5)`. A smaller share needs fewer of its own,
since the champion is known better: see there.
"""


@lru_cache(maxsize=128)
def minimum_sample(share: float, champion: float = HEALTHY, challenger: float = SICK) -> int:
    """Requests that the challenger must have answered with this share of the traffic (above 0, below 1), so that one
    look alone finds the `challenger`'s failure rate WORSE than the `champion`'s with a chance of at least `DETECTION`.
    A multiple of `STEP`. Rates between 0 and 1, the challenger's at least 1.5 times the champion's.
    """
    if not (0 < share < 1 and 0 <= champion < 1 and 1.5 * champion <= challenger < 1 and challenger > 0):
        raise ValueError(f"There is no minimum for a share of {share}, and rates of {champion} and {challenger}.")
    requests = STEP
    while min(detection(requests + more, share, champion, challenger) for more in (0, STEP)) < DETECTION:
        requests += STEP
    return requests


@lru_cache(maxsize=4096)
def detection(requests: int, share: float, champion: float = HEALTHY, challenger: float = SICK) -> float:
    """Chance that one look at so many requests of the challenger finds it WORSE."""
    others = round(requests * (1 - share) / share)
    found, needed, missing = 0.0, 0, 1.0
    of_challenger = _chances(requests, challenger)
    at_least = [math.fsum(of_challenger[k:]) for k in range(len(of_challenger))] + [0.0]
    for failures, chance in enumerate(_chances(others, champion)):
        # The more the champion failed, the more the challenger must have.
        while needed < len(of_challenger) and not _is_worse(Counts(others, failures), Counts(requests, needed)):
            needed += 1
        found += chance * at_least[needed]
        missing -= chance
        if missing < 1e-9 or needed == len(of_challenger):
            break
    return found


def _is_worse(champion: Counts, challenger: Counts) -> bool:
    return of_more([(champion, challenger)]) >= -math.log(FALSE_WORSE)


def _chances(requests: int, rate: float) -> list[float]:
    """Of 0, 1, 2 … failures, until fewer than one in 10¹² is left."""
    if rate == 0:
        return [1.0]
    top = min(requests, math.ceil(requests * rate + 8 * math.sqrt(requests * rate) + 30))
    whole = math.lgamma(requests + 1)
    return [
        math.exp(
            whole
            - math.lgamma(k + 1)
            - math.lgamma(requests - k + 1)
            + k * math.log(rate)
            + (requests - k) * math.log1p(-rate)
        )
        for k in range(top + 1)
    ]
