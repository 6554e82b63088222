"""Which way a version may move an endpoint: forward when nobody holds it, back only on a person's word."""

from slipway_lambda.contracts.release import Decision, Trigger
from slipway_lambda.plan_release.package import Package
from slipway_lambda.plan_release.situation import Plan, Situation, live_version


def held(package: Package, now: Situation) -> Plan | None:
    """A hold keeps new versions out: what is live is kept up, and going back stays possible."""
    if not now.hold or now.trigger == Trigger.ROLLBACK or package.version == now.live.get("version"):
        return None
    reason = f"Releases are on hold, by {now.hold.get('who', 'nobody named')}: {now.hold.get('reason', 'no reason')}."
    return Plan(Decision.NOTHING if now.by_itself else Decision.REFUSED, reason, "Resume them first: slipway resume.")


def no_way_back(package: Package, now: Situation) -> Plan | None:
    """Back is only to what was verified live on this endpoint, and only when a rollback was asked for by name."""
    if now.trigger != Trigger.ROLLBACK:
        return None
    current, name = live_version(now), f"Version {package.version}"
    if now.asked_version is None:
        return Plan(Decision.REFUSED, "A rollback was asked for without a version.", "Name the version to go back to.")
    if not now.endpoint:
        return Plan(Decision.REFUSED, "There is no endpoint to roll back.", "Release a version: slipway release.")
    if current is not None and package.version >= current:
        reason = f"{name} is not older than version {current}, which is live."
        return Plan(Decision.REFUSED, reason, "To go forward, release it: slipway release.")
    if package.version not in {v.get("version") for v in now.live.get("verified", [])}:
        known = ", ".join(str(v["version"]) for v in now.live.get("verified", [])) or "none"
        reason = f"{name} is not among the last that were verified live on this endpoint: {known}."
        return Plan(Decision.REFUSED, reason, "Choose one of these.")
    return None


def superseded(package: Package, now: Situation) -> Plan | None:
    """Only a rollback goes back: a replayed, late or mistaken wish for an older version changes nothing (C03, C11)."""
    current = live_version(now)
    if current is None or package.version >= current or now.trigger == Trigger.ROLLBACK:
        return None
    return Plan(
        Decision.REFUSED if now.asked_version == package.version else Decision.SUPERSEDED,
        f"Version {package.version} is older than version {current}, which is live.",
        f"To go back on purpose: slipway rollback MODEL --to {package.version}.",
    )
