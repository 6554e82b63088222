"""When a tuning job ends a training job before its time: the median rule, and Hyperband's rungs."""

import statistics
from collections.abc import Sequence

_MEDIAN_OF = 3  # finished jobs that the median rule needs
_ETA = 3  # Hyperband keeps one in so many at each rung


def worse_than_median(losses: Sequence[float], finished: Sequence[Sequence[float]]) -> bool:
    """Early stopping `Auto`: the newest value is worse than the median of the running averages of finished jobs.

    `losses` are those the job has reported, `finished` those of earlier jobs; averages go up to the same report.
    """
    count = len(losses)
    averages = [statistics.fmean(one[:count]) for one in finished if one]
    return len(averages) >= _MEDIAN_OF and losses[-1] > statistics.median(averages)


def rungs(minimum: int, maximum: int) -> list[int]:
    """Reports after which Hyperband compares jobs: minimum, 3 × minimum … below the maximum."""
    found, level = [], minimum
    while level < maximum:
        found.append(level)
        level *= _ETA
    return found


def out_of_hyperband(losses: Sequence[float], others: Sequence[Sequence[float]], levels: Sequence[int]) -> bool:
    """Successive halving: at its last rung, a job outside the best third of those that reached it ends.

    `others` are the losses of all other jobs, finished or not. Whoever came to the rung first is judged again when
    others come.
    """
    level = max((one for one in levels if one <= len(losses)), default=0)
    reached = sorted(min(one[:level]) for one in (losses, *others) if level and len(one) >= level)
    if len(reached) < _ETA:
        return False
    return min(losses[:level]) > reached[len(reached) // _ETA - 1]
