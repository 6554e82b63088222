"""All that a release is to do, in one value: what is decided, the requests to send, the items to write. Pure."""

from dataclasses import replace
from typing import Any

from slipway_lambda.contracts.release import Attempt, Decision, ReleaseSpec, Trigger
from slipway_lambda.contracts.scaling import live_count
from slipway_lambda.plan_release import deployment, items, requests, trial
from slipway_lambda.plan_release.package import Package
from slipway_lambda.plan_release.plan import Situation, decide, is_proven, last_good, same_attempt


def planned(spec: ReleaseSpec, package: Package, now: Situation) -> dict[str, Any]:
    """The machine's variable `plan`; `reason` and `next_step` are for people, ledger items have typed attributes."""
    wanted = requests.content_name(spec, package)
    plan = decide(spec, package, wanted, now)
    first = plan.decision in (Decision.CREATE, Decision.CLEAR)
    shifts = plan.decision in (Decision.UPDATE, Decision.RESPEC)
    back = last_good(plan.decision, now)
    # Before the spec takes the live fleet's size: what a config says of instances is what was declared.
    model_request, config_request = requests.model_request(spec, package), requests.config_request(spec, package)
    tried = trial.members(spec, config_request, back) if trial.tries(spec, plan.decision, now) else {}
    spec = _sized(spec, now)
    strategy = "all_at_once" if first or (spec.trial and not tried) else spec.strategy
    words = deployment.strategy_words(spec, first=first)
    if trial.wants_trial(spec, plan.decision, now):
        words = trial.trial_words(spec, tried=bool(tried)) + words
    return {
        "decision": plan.decision,
        "reason": plan.reason,
        "next_step": plan.next_step,
        "version": package.version,
        "package_arn": package.arn,
        "config": wanted,
        "strategy": strategy,
        "strategy_words": words,
        **tried,
        **({"trial_left": True} if trial.left_behind(now) else {}),
        "model_request": model_request,
        "config_request": config_request,
        "deployment_config": deployment.deployment_config(spec),
        "recovery_config": deployment.recovery_config(spec),
        "image": package.image,
        "digest": package.digest,
        "model_data_url": package.model_data_url,
        "artefact_sha256": package.artefact_sha256,
        "golden_uri": package.uris.get("golden_uri", ""),
        "last_good": back,
        "left_package_arn": _left(package, now),
        "instance_count": spec.instance_count if spec.scaling and shifts else 0,
        "live_config": now.endpoint.get("EndpointConfigName", ""),
        # What is created anew has not: it may be deleted if it fails.
        "ever_served": bool(now.endpoint) and (bool(now.live) or now.endpoint.get("EndpointStatus") == "InService"),
        "last_refusal": _last_refusal(package, now),
        "failed_before": now.attempt.get("outcome") == Attempt.FAILED and same_attempt(package, wanted, now),
        "proven": is_proven(package, plan.decision, now),
        "minimum_requests": spec.minimum_requests if shifts else 0,
        "attempt_item": items.attempt(spec, package, wanted, now, of_version=plan.decision is not Decision.END_TRIAL),
        "record_item": items.record(spec, package, wanted, now, by=(strategy, words)),
        "live_item": items.live(spec, package, wanted, now),
    }


def _sized(spec: ReleaseSpec, now: Situation) -> ReleaseSpec:
    """For as many instances as are live, where scaling decides that."""
    live = live_count(now.endpoint, spec.variant) if spec.scaling else 0
    return replace(spec, instance_count=live) if live else spec


def _last_refusal(package: Package, now: Situation) -> str:
    """Why it was refused before with this approval: a sweep repeats the check every time, people hear of a cause
    once.
    """
    before = now.attempt
    refused = before.get("outcome") == Attempt.REFUSED and before.get("approval") == package.approval
    return str(before.get("cause", "")) if refused and now.by_itself else ""


def _left(package: Package, now: Situation) -> str:
    """The version that a rollback leaves, where the ledger knows it; else empty."""
    known = now.live.get("config") == now.endpoint.get("EndpointConfigName") and now.live.get("package_arn")
    return str(known) if now.trigger == Trigger.ROLLBACK and known and known != package.arn else ""
