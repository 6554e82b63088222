"""`slipway approve` and `slipway reject`."""

from typing import Any

from slipway.cli import output, project
from slipway.config.model import Model
from slipway.config.platform import Environment, Platform, Role
from slipway.operations import approvals, ledger
from slipway.operations.errors import Failure
from slipway.operations.outputs import declared_model, outputs
from slipway.operations.where import Where, find


def decide(text: str, verdict: approvals.Verdict, reason: str | None, *, as_json: bool, aws: bool) -> None:
    """Check all that can be checked, then write the word and its reason into the registry."""
    name, number = approvals.parse(text)
    why = approvals.clean_reason(reason)
    root = project.root()
    found = project.declarations()
    model = declared_model(found.models, name)
    build = next(e for e in found.platform.environments if Role.BUILD in e.roles)
    where = find(root, build, aws=aws)
    output.err(f"asking {where.label}")
    version = approvals.find_version(where, model, number)
    for environment in found.platform.environments:
        if Role.SERVE in environment.roles:
            live = _live(where, found.platform, environment, model)
            approvals.check(version, verdict, live)
            if verdict == "Rejected" and live and live.get("version") == number:
                output.err(
                    f"note: v{number} is live in {environment.name} and stays so; to leave it: slipway rollback {name}"
                )
    decision = approvals.decide(where, version, verdict, why)
    if as_json:
        output.json_object({"ok": True, "model": name, "version": number, "verdict": verdict, "reason": why,
                            "who": decision.who, "when": decision.when, "arn": version.arn})  # fmt: skip
        return
    output.out(f"{name} v{number} is {verdict.lower()} in {where.label}, by {decision.who} at {decision.when}: {why}")
    if verdict == "Approved":
        output.out("Its release starts by itself; watch it with: slipway status -w")


def _live(where: Where, platform: Platform, environment: Environment, model: Model) -> dict[str, Any] | None:
    """What the environment's ledger says is live.

    An account out of reach is told; a ledger that should answer and does not stops the approval.
    """
    if (environment.account, environment.region) != (where.account, where.region):
        output.err(f"note: what is live in {environment.name} was not looked at: it is in another account or Region")
        return None
    try:
        found = outputs(where, platform, environment, model)
        return ledger.live(where, found.ledger_table, found.endpoint) if found.endpoint else None
    except Failure as failure:
        raise approvals.unreadable_live(f"{failure.what} ({failure.where})") from failure
