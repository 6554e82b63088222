"""Shares of a fleet in whole instances, since SageMaker's rounding of a percentage is not documented. One arithmetic
for the check before synth and for the release itself.
"""

from slipway_lambda.contracts.trial import AB, SHADOW

PROVISIONING_SECONDS = 600
"""From asking for an instance until its container starts, at most; also while other instance types are tried."""


def whole_instances(count: int, percent: int) -> int:
    """That share of `count` instances rounded down, at least one."""
    return max(1, count * percent // 100)


def steps_of(count: int, size: int) -> int:
    """Steps of `size` instances until all `count` of them have been taken."""
    return -(-count // size)


def surge(strategy: str, count: int, batch_percent: int, rollback_batch_percent: int) -> int:
    """Instances beyond `count` that a release holds at its peak, also on the way back: a second whole fleet; two where
    a trial serves from two fleets and each exchange of configs starts new ones beside them; with `rolling` one batch,
    and one of `rollback_batch_percent` more.
    """
    if strategy in (SHADOW, AB):
        return 2 * count
    if strategy != "rolling":
        return count
    return whole_instances(count, batch_percent) + whole_instances(count, rollback_batch_percent)
