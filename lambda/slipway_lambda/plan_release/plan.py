"""What a release execution should do, decided from what is true now."""

from typing import Any

from slipway_lambda.contracts.release import Attempt, Decision, ReleaseSpec, Trigger
from slipway_lambda.plan_release.direction import held, no_way_back, superseded
from slipway_lambda.plan_release.package import Package
from slipway_lambda.plan_release.situation import Plan, Situation, live_version, on_trial
from slipway_lambda.plan_release.trial import end_trial, untriable

__all__ = ["Plan", "Situation", "decide", "is_proven", "last_good", "live_version", "same_attempt"]

CHANGING = frozenset({"Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting"})
MAX_TRIES = 2
"""An attempt that was cut off (abort, timeout) may be taken up again this often in all."""


def decide(spec: ReleaseSpec, package: Package, wanted: str, now: Situation) -> Plan:
    """`wanted`: the content-derived config name. The first rule that speaks wins."""
    return end_trial(
        spec,
        now,
        _halted(now)
        or _unfit(package, now)
        or _not_serving(now)
        or held(package, now)
        or no_way_back(package, now)
        or superseded(package, now)
        or _already(wanted, now)
        or _tried_before(package, wanted, now)
        or untriable(spec, package, now)
        or _go(package, wanted, spec, now),
    )


def _halted(now: Situation) -> Plan | None:
    if not now.halt:
        return None
    reason = f"Automation on this endpoint is halted: {now.halt.get('cause', 'no cause recorded')}."
    if now.by_itself and now.trigger != Trigger.APPROVAL:
        return Plan(Decision.NOTHING, reason)
    return Plan(Decision.REFUSED, reason, "Put the endpoint right, then delete the ledger's halt item.")


def _unfit(package: Package, now: Situation) -> Plan | None:
    if now.asked_version not in (None, package.version):
        return Plan(
            Decision.REFUSED,
            f"Version {now.asked_version} was asked for and is not an approved version.",
            "Approve it first, or ask for an approved one.",
        )
    if not package.faults:
        return None
    return Plan(
        Decision.REFUSED,
        f"Version {package.version} cannot be released: {'; '.join(package.faults)}.",
        "Train and register it anew.",
    )


def _not_serving(now: Situation) -> Plan | None:
    status = now.endpoint.get("EndpointStatus", "")
    if status in CHANGING:
        return Plan(
            Decision.BUSY, f"The endpoint is {status}.", "Start the release again when the endpoint is InService."
        )
    if status == "Failed" and not now.live:
        return Plan(Decision.CLEAR, "The endpoint's first creation failed; it never served.")
    if status and status != "InService":
        return Plan(
            Decision.REFUSED,
            f"The endpoint is {status}: {now.endpoint.get('FailureReason', 'no reason given')}.",
            "It has served, so nothing is deleted by itself: put it right by hand, or delete it and start a release.",
        )
    return None


def _already(wanted: str, now: Situation) -> Plan | None:
    if now.endpoint.get("EndpointConfigName") != wanted:
        return None
    if now.live.get("config") == wanted:
        return Plan(Decision.NOTHING, "It is already live and verified.")
    return Plan(Decision.VERIFY_ONLY, "It is already there, and the ledger has not verified it.")


def same_attempt(package: Package, wanted: str, now: Situation) -> bool:
    """One approval is one attempt. The version that is live may be moved to another endpoint spec with the same
    approval, and each spec is one attempt then.
    """
    attempt = now.attempt
    if not attempt or attempt.get("approval") != package.approval:
        return False
    return live_version(now) != package.version or attempt.get("config", wanted) == wanted


def _tried_before(package: Package, wanted: str, now: Situation) -> Plan | None:
    """Only another approval, or a person, makes it another attempt (C01, and no retry loop)."""
    attempt = now.attempt
    if not same_attempt(package, wanted, now) or not now.by_itself or attempt.get("execution") == now.execution:
        return None
    outcome = attempt.get("outcome")
    if outcome == Attempt.FAILED:
        return Plan(Decision.NOTHING, f"Version {package.version} failed with this approval before, and that was told.")
    if outcome == Attempt.STARTED and attempt.get("tries", 1) >= MAX_TRIES:
        return Plan(Decision.NOTHING, f"{MAX_TRIES} attempts at version {package.version} were cut off.")
    if outcome == Attempt.RELEASED and now.endpoint and live_version(now) != package.version:
        return Plan(Decision.NOTHING, f"Version {package.version} was released and then replaced on purpose.")
    return None


def _go(package: Package, wanted: str, spec: ReleaseSpec, now: Situation) -> Plan:
    if not now.endpoint and now.live:
        reason = f"{spec.endpoint} was deleted outside the platform: creating it anew with version {package.version}."
        return Plan(Decision.CREATE, reason)
    if not now.endpoint:
        return Plan(Decision.CREATE, f"{spec.endpoint} does not exist yet: creating it with version {package.version}.")
    if live_version(now) == package.version:
        return Plan(
            Decision.RESPEC, f"Version {package.version} is live on another endpoint spec: moving it to {wanted}."
        )
    return Plan(Decision.UPDATE, f"Version {package.version} replaces {now.endpoint['EndpointConfigName']}.")


def is_proven(package: Package, decision: Decision, now: Situation) -> bool:
    """The version was verified live, here and now: what fails of it is the spec, or the service's capacity."""
    if decision is Decision.CREATE:
        return bool(now.live) and now.live.get("version") == package.version
    return decision is Decision.RESPEC and now.live.get("version") == package.version


def last_good(decision: Decision, now: Situation) -> dict[str, Any]:
    """What to return to: what serves when the release begins; for a version that is there unverified, or a trial that
    was cut off, the one verified last. Empty where there is nothing to return to.
    """
    if decision is Decision.VERIFY_ONLY or on_trial(now):
        return {"config": now.live["config"], "version": now.live["version"]} if now.live else {}
    if now.endpoint.get("EndpointStatus") == "InService":
        return {"config": now.endpoint["EndpointConfigName"], "version": live_version(now) or 0}
    return {}
