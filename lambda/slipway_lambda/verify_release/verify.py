"""What an endpoint is, compared with what was asked; and what would make the last good version live again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slipway_lambda.contracts.release import Recovery, Verdict
from slipway_lambda.ports.alarms import AlarmState

PENDING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})


@dataclass(frozen=True)
class Asked:
    """What a release asked for. `digest` empty: not compared (a rollback to a config whose image is checked by its
    model).
    """

    config: str
    digest: str
    instance_count: int
    minimum_requests: int
    counts: tuple[int, int] | None = None
    """Where a fleet scales: fewest and most instances, in place of `instance_count`."""


@dataclass(frozen=True)
class Finding:
    """`reason`: a sentence."""

    verdict: Verdict
    reason: str


def verify(asked: Asked, endpoint: Mapping[str, Any], requests: int) -> Finding:
    """InService is not success: SageMaker may roll back silently and end InService on the old config, with no reason
    given.
    """
    status, live = endpoint.get("EndpointStatus", ""), endpoint.get("EndpointConfigName", "")
    if not status:
        return Finding(Verdict.GONE, "The endpoint does not exist.")
    if status in PENDING:
        return Finding(Verdict.PENDING, f"The endpoint is {status}.")
    if status == "UpdateRollbackFailed":
        return Finding(Verdict.MIXED, f"The rollback failed: old and new instances serve side by side. Config: {live}.")
    if status != "InService":
        why = endpoint.get("FailureReason", "no reason given")
        return Finding(Verdict.FAILED, f"The endpoint is {status}: {why}.")
    if live != asked.config:
        why = (
            endpoint.get("FailureReason")
            or "SageMaker gave no reason; an alarm, a container that never became healthy or want of capacity did it"
        )
        return Finding(Verdict.ROLLED_BACK, f"Live is {live}, not {asked.config}: {why}.")
    return _verify_fleet(asked, endpoint.get("ProductionVariants", []), requests)


def _verify_fleet(asked: Asked, variants: list[Mapping[str, Any]], requests: int) -> Finding:
    if len(variants) != 1:
        return Finding(Verdict.MIXED, f"{len(variants)} variants serve; one was asked for.")
    variant = variants[0]
    digests = {i.get("ResolvedImage", "").partition("@")[2] for i in variant.get("DeployedImages", [])}
    if asked.digest and digests != {asked.digest}:
        return Finding(Verdict.MIXED, f"The live images are {sorted(digests)}, not {asked.digest}.")
    if variant.get("CurrentWeight") != variant.get("DesiredWeight") or not variant.get("DesiredWeight"):
        return Finding(
            Verdict.MIXED, f"The weight is {variant.get('CurrentWeight')}, not {variant.get('DesiredWeight')}."
        )
    counts = (variant.get("CurrentInstanceCount"), variant.get("DesiredInstanceCount"))
    least, most = asked.counts or (asked.instance_count, asked.instance_count)
    if asked.instance_count and (counts[0] != counts[1] or not least <= (counts[0] or 0) <= most):
        wanted = str(least) if least == most else f"{least} to {most}"
        return Finding(Verdict.MIXED, f"{counts[0]} of {counts[1]} instances serve; {wanted} were asked for.")
    if requests < asked.minimum_requests:
        return Finding(
            Verdict.TOO_LITTLE_TRAFFIC,
            f"The new version answered {requests} requests; {asked.minimum_requests} are needed to call it healthy.",
        )
    return Finding(Verdict.LIVE, f"{asked.config} serves from {counts[0]} instances.")


def guarded(finding: Finding, wanted: Mapping[str, Mapping[str, str] | None], found: Sequence[AlarmState]) -> Finding:
    """A shift that was not watched to its end is no evidence: SageMaker ignores an alarm that vanishes meanwhile, and
    takes one without data for a quiet one. `wanted`: dimensions by alarm name, None where any will do.
    """
    by_name = {a.name: a for a in found}
    faults = [f"alarm {n} is gone" for n in wanted if n not in by_name]
    faults += [f"alarm {a.name} has its actions disabled" for a in by_name.values() if not a.actions_enabled]
    faults += [f"alarm {a.name} has no data" for a in by_name.values() if a.state == "INSUFFICIENT_DATA"]
    faults += [
        f"alarm {n} watches {by_name[n].dimensions} by now, not {dict(d)}"
        for n, d in wanted.items()
        if d is not None and n in by_name and by_name[n].dimensions != dict(d)
    ]
    faults += [f"alarm {a.name} is in ALARM: {a.reason}" for a in by_name.values() if a.state == "ALARM"]
    if finding.verdict is Verdict.ROLLED_BACK and faults:  # the service itself gives no reason
        return Finding(finding.verdict, f"{finding.reason} Now {'; '.join(faults)}.")
    if finding.verdict is not Verdict.LIVE or not faults:
        return finding
    return Finding(Verdict.UNGUARDED, f"The shift was not guarded to its end: {'; '.join(faults)}.")


def recovery(endpoint: Mapping[str, Any], last_good: Mapping[str, Any], *, ever_served: bool) -> Recovery:
    """What to do after a failure. Never deletes an endpoint that ever served, never updates one in a mixed state."""
    status, live = endpoint.get("EndpointStatus", ""), endpoint.get("EndpointConfigName", "")
    if status in PENDING:
        return Recovery.WAIT
    if not status:
        # Where there was nothing to go back to, nothing is missing: the release ended before it made an endpoint.
        return Recovery.HALT if ever_served and last_good else Recovery.NOTHING
    if not ever_served:
        return Recovery.DELETE
    if status != "InService" or not last_good:
        return Recovery.HALT
    return Recovery.NOTHING if live == last_good["config"] else Recovery.ROLL_BACK
