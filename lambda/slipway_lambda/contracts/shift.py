"""Shares of a fleet in whole instances, since SageMaker's rounding of a percentage is not documented. One arithmetic
for the check before synth and for the release itself.
"""


def whole_instances(count: int, percent: int) -> int:
    """That share of `count` instances rounded down, at least one."""
    return max(1, count * percent // 100)


def steps_of(count: int, size: int) -> int:
    """Steps of `size` instances until all `count` of them have been taken."""
    return -(-count // size)
