"""A rollout on its endpoint: whole instances, seconds, and what SageMaker would refuse of them, checked at synth."""

from dataclasses import dataclass, replace
from math import ceil

from slipway.config.base import Clash
from slipway.config.endpoint import Endpoint
from slipway.config.rollout import ROLLBACK, SHARES, Rollout, Share, Strategy
from slipway_lambda.contracts.shift import PROVISIONING_SECONDS, steps_of, surge, whole_instances

MOST_SECONDS = 28_800
"""SageMaker's highest MaximumExecutionTimeoutInSeconds."""
LEAST_DERIVED_SECONDS = 3600
UNGUARDED = "ml.inf1."
"""Of these SageMaker documents that it updates them all at once, without a bake, whatever is asked."""
COUNT = (("rollout", "strategy"), ("endpoint", "instance_count"))


@dataclass(frozen=True)
class Shift:
    """`step_instances` take traffic at a time, in `steps` steps; `bakes` of them are waited for, all waits together
    `waits_seconds`. `starts` fleets or batches start one after another, `recovery_starts` on the way back.
    `peak_instances`: old and new together at most, in a trial and on
    the way back too. `timeout_seconds`: the declared limit, or one that waits and
    starts fit in.
    """

    step_instances: int
    steps: int
    bakes: int
    waits_seconds: int
    starts: int
    recovery_starts: int
    peak_instances: int
    timeout_seconds: int

    @classmethod
    def of(cls, rollout: Rollout, endpoint: Endpoint, count: int | None = None) -> "Shift":
        """Of `count` instances, or `instance_count`. Pure arithmetic; what does not fit is told by `shift_clashes`."""
        strategy = rollout.strategy
        if count is None:
            count = endpoint.instance_count
        rolling = strategy is Strategy.ROLLING
        size = count
        if strategy in SHARES:
            size = whole_instances(count, getattr(rollout, SHARES[strategy].field))
        steps = 2 if strategy is Strategy.CANARY else steps_of(count, size)
        # Blue/green ends with the termination wait, with all traffic on the new fleet, in place of the last bake.
        bakes = steps if rolling else steps - 1
        waits = bakes * rollout.bake_seconds + (0 if rolling else rollout.termination_wait_seconds)
        starts = steps if rolling else 1
        back_percent = rollout.rollback_batch_percent or rollout.batch_percent
        back = whole_instances(count, back_percent)
        least = waits + starts * start_seconds(endpoint)
        return cls(
            step_instances=size,
            steps=steps,
            bakes=bakes,
            waits_seconds=waits,
            starts=starts,
            recovery_starts=steps_of(count, min(back, whole_instances(count, 50))) if rolling else 1,
            peak_instances=count + surge(strategy.value, count, rollout.batch_percent, back_percent),
            timeout_seconds=rollout.timeout_seconds or max(LEAST_DERIVED_SECONDS, least),
        )


def longest_shift(rollout: Rollout, endpoint: Endpoint) -> Shift:
    """Of `instance_count` instances, with the time limits and peaks of the worst number that scaling may leave live."""
    every = [Shift.of(rollout, endpoint, count) for count in endpoint.counts]
    return replace(
        Shift.of(rollout, endpoint),
        recovery_starts=max(s.recovery_starts for s in every),
        peak_instances=max(s.peak_instances for s in every),
        timeout_seconds=max(s.timeout_seconds for s in every),
    )


def shift_clashes(rollout: Rollout, endpoint: Endpoint) -> list[Clash]:
    """What the service would refuse, or carry out as something else than was declared."""
    return [
        clash
        for clash in (*_whole(rollout, endpoint), _in_time(rollout, endpoint), _guarded(rollout, endpoint))
        if clash is not None
    ]


def start_seconds(endpoint: Endpoint) -> int:
    """From asking for an instance until it answers `/ping`, at most."""
    return PROVISIONING_SECONDS + endpoint.startup_timeout_seconds


def _whole(rollout: Rollout, endpoint: Endpoint) -> list[Clash | None]:
    share = SHARES.get(rollout.strategy)
    if share is None:
        return []
    found = [_shares(share, getattr(rollout, share.field), endpoint)]
    if rollout.strategy is Strategy.ROLLING and rollout.rollback_batch_percent and endpoint.counts[0] >= 2:
        found.append(_shares(ROLLBACK, rollout.rollback_batch_percent, endpoint))
    return found


def _shares(share: Share, percent: int, endpoint: Endpoint) -> Clash | None:
    """The first number of instances that does not go: one is declared, or any between two limits may be live."""
    if endpoint.scaling is None:
        return _share(share, percent, endpoint.instance_count)
    clashes = (_share(share, percent, count, "a fleet scaled to") for count in endpoint.counts)
    found = next((c for c in clashes if c is not None), None)
    if found is None or endpoint.counts[0] < 2:
        fix = "set endpoint.scaling.min_instances to 2 or more, or strategy to all_at_once"
        return found and replace(found, fix=fix, reads=(*found.reads, ("endpoint", "scaling")))
    return replace(
        found,
        fix=f"{found.fix}, or change endpoint.scaling so that no such number is between its limits",
        reads=(*found.reads, ("endpoint", "scaling")),
    )


def _share(share: Share, percent: int, count: int, of: str = "endpoint.instance_count") -> Clash | None:
    if count < 2:
        return Clash(
            ("rollout", "strategy"),
            f"takes {percent} % of {of} 1, which is no whole instance",
            "set endpoint.instance_count to 2 or more, or strategy to all_at_once",
            (*COUNT, ("rollout", share.field)),
        )
    size = whole_instances(count, percent)
    if 100 * size >= share.least_percent * count:
        return None
    needed = ceil(share.least_percent * count / 100)
    return Clash(
        ("rollout", share.field),
        f"is {size} of {of} {count} in whole instances ({percent} % of {count} ="
        f" {percent * count / 100:g}, rounded down), which is {100 * size / count:.1f} %: SageMaker takes"
        f" {share.least_percent} to {share.most_percent} %",
        f"give at least {ceil(100 * needed / count)}, which is {needed} of {count} instances",
        COUNT,
    )


def _in_time(rollout: Rollout, endpoint: Endpoint) -> Clash | None:
    shift = max(
        (Shift.of(rollout, endpoint, count) for count in endpoint.counts),
        key=lambda s: (s.timeout_seconds, s.waits_seconds),
    )
    terms = [f"{'' if shift.bakes == 1 else f'{shift.bakes} × '}bake_seconds {rollout.bake_seconds}"]
    if rollout.strategy is not Strategy.ROLLING:
        terms = [*(terms if shift.bakes else []), f"termination_wait_seconds {rollout.termination_wait_seconds}"]
    reads = tuple(("rollout", f) for f in ("strategy", "bake_seconds", "termination_wait_seconds", "timeout_seconds"))
    if rollout.timeout_seconds is not None:
        if shift.waits_seconds < rollout.timeout_seconds:
            return None
        return Clash(
            ("rollout", "timeout_seconds"),
            f"is not more than the waits: {' + '.join(terms)} = {shift.waits_seconds}, and SageMaker would stop the"
            " release",
            f"raise it above {shift.waits_seconds} (at most {MOST_SECONDS}), or shorten the waits",
            (*reads, *COUNT),
        )
    if shift.timeout_seconds <= MOST_SECONDS:
        return None
    one = start_seconds(endpoint)
    terms.append(f"{shift.starts} × {one} to start instances ({PROVISIONING_SECONDS} + startup_timeout_seconds)")
    return Clash(
        ("rollout", "bake_seconds"),
        f"leads to a release of up to {' + '.join(terms)} = {shift.timeout_seconds} s, and SageMaker allows"
        f" {MOST_SECONDS}",
        "shorten the waits, take fewer and larger steps, or set timeout_seconds if instances start faster",
        (*reads, *COUNT, ("endpoint", "startup_timeout_seconds")),
    )


def _guarded(rollout: Rollout, endpoint: Endpoint) -> Clash | None:
    """A23: an excluded feature is updated all at once, and nobody is told."""
    whole_at_once = rollout.strategy is Strategy.ALL_AT_ONCE and rollout.termination_wait_seconds == 0
    unguarded = [kind for kind in endpoint.instance_types if kind.startswith(UNGUARDED)]
    if whole_at_once or not unguarded:
        return None
    return Clash(
        ("rollout", "strategy"),
        f"cannot be {rollout.strategy} with waits on {unguarded[0]}: SageMaker updates Inf1 instances all at"
        " once, without a bake",
        "use another instance type, or strategy all_at_once with termination_wait_seconds 0",
        (
            ("rollout", "termination_wait_seconds"),
            ("endpoint", "instance_type"),
            ("endpoint", "fallback_instance_types"),
        ),
    )
