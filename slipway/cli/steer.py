"""`slipway promote`, `abort`, `pause` and `resume`."""

from slipway.cli import output
from slipway.cli.release import POLL_SECONDS
from slipway.cli.target import target
from slipway.operations import steering, trials
from slipway.operations.approvals import clean_reason
from slipway.operations.errors import Failure
from slipway.operations.following import demand, follow
from slipway.operations.planning import deployed_spec, endpoint
from slipway.operations.starting import begin
from slipway_lambda.contracts.release import Trigger


def promote(
    name: str, env: str | None, reason: str | None, *, full: bool, watch: bool, as_json: bool, aws: bool
) -> None:
    """Ask the release machine to hurry its trial; with `watch`, raise Failure unless the version went live."""
    why = clean_reason(reason)
    at = target(name, env, aws=aws)
    execution, version = steering.under_way(at, "promote")
    trials.check_hurry(at, execution, version, spec=deployed_spec(at), seen=endpoint(at))
    asked = steering.promote(at, execution, who=at.who(), reason=why, full=full)
    facts = {"ok": True, "model": name, "environment": at.environment.name, "version": version, "full": full,
             "joined": not asked, "execution": execution}  # fmt: skip
    what = f"v{version}" if version else "the version"
    step = "to end its trial in favour of" if full else "to take the next step with"
    words = (
        f"The release machine {'was' if asked else 'is already'} asked {step} {what}. It does so at its next look,"
        " unless the challenger does harm or an abort is asked for.\nWatch it with: slipway status -w"
    )
    if watch:
        output.err(words)
        end = follow(at, execution, output.err, POLL_SECONDS)
        demand(end, at.label, execution, version)
        facts |= {"outcome": end.outcome}
        words = f"{name} v{end.version} is live in {at.environment.name}"
    _answer(as_json, facts, words)


def abort(name: str, env: str | None, reason: str | None, *, watch: bool, as_json: bool, aws: bool) -> None:
    """Ask the release machine to stop; with `watch`, raise Failure when the version went live all the same."""
    why = clean_reason(reason)
    at = target(name, env, aws=aws)
    execution, version = steering.under_way(at)
    steering.abort(at, execution, who=at.who(), reason=why)
    facts = {"ok": True, "model": name, "environment": at.environment.name, "version": version, "execution": execution}
    what = f"v{version}" if version else "the version"
    words = (
        f"The release machine was asked to stop {what}. SageMaker cannot be interrupted: when it has settled, the last"
        " good version stays or comes back.\nWatch it with: slipway status -w"
    )
    if watch:
        output.err(words)
        end = follow(at, execution, output.err, POLL_SECONDS)
        if end.released:
            fix = f"go back: slipway rollback {name} --reason WHY"
            raise Failure("SLW519", f"{what} went live before the wish was seen.", where=execution, fix=fix)
        facts |= {"outcome": end.outcome, "cause": end.cause}
        words = f"ended {end.outcome.replace('_', ' ')}: {end.cause}"
    _answer(as_json, facts, words)


def pause(name: str, env: str | None, reason: str | None, *, as_json: bool, aws: bool) -> None:
    """Hold new versions, from the next release on."""
    why = clean_reason(reason)
    at = target(name, env, aws=aws)
    steering.pause(at, who=at.who(), reason=why)
    words = (
        f"Releases of {at.label} are on hold. One that is under way goes on (slipway abort stops it), and going back"
        " stays possible. Lift it with: slipway resume"
    )
    _answer(
        as_json, {"ok": True, "model": name, "environment": at.environment.name, "held": True, "reason": why}, words
    )


def resume(name: str, env: str | None, *, as_json: bool, aws: bool) -> None:
    """Lift the hold, and let the machine look for what was approved meanwhile."""
    at = target(name, env, aws=aws)
    held = steering.resume(at)
    begin(at, f"resume-{held['held_at']}", {"trigger": str(Trigger.RECONCILE)})
    words = f"The hold on {at.label} is lifted; what was approved meanwhile is released now."
    _answer(as_json, {"ok": True, "model": name, "environment": at.environment.name, "held": False}, words)


def _answer(as_json: bool, facts: dict[str, object], words: str) -> None:
    if as_json:
        output.json_object(facts)
    else:
        output.out(words)
