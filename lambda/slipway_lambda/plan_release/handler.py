"""Plan the release: everything is derived here once, so that the later states only carry it out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from slipway_lambda.attributes import from_item, to_item
from slipway_lambda.contracts import ledger
from slipway_lambda.contracts.release import Attempt, Decision, ReleaseSpec, Trigger
from slipway_lambda.contracts.scaling import live_count
from slipway_lambda.events import take
from slipway_lambda.plan_release import deployment, requests, trial
from slipway_lambda.plan_release.package import Package, read_package
from slipway_lambda.plan_release.plan import Situation, decide, is_proven, last_good, live_version, same_attempt


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """`spec`, `package` (DescribeModelPackage), `endpoint` (DescribeEndpoint or {}), `ledger` (items with typed
    attributes), `trigger`, `asked_version` (0: none), `execution` → the plan.
    """
    spec = ReleaseSpec.from_dict(take(event, "spec", dict))
    package = read_package(take(event, "package", dict))
    now = _situation(event, package)
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
        "attempt_item": _attempt_item(spec, package, wanted, now, of_version=plan.decision is not Decision.END_TRIAL),
        "record_item": _record_item(spec, package, wanted, now, by=(strategy, words)),
        "live_item": {
            **_key(spec, ledger.LIVE),
            **to_item({**requests.live_record(package, wanted, now.live), "execution": now.execution}),
        },
    }


def _sized(spec: ReleaseSpec, now: Situation) -> ReleaseSpec:
    """For as many instances as are live, where scaling decides that."""
    live = live_count(now.endpoint, spec.variant) if spec.scaling else 0
    return replace(spec, instance_count=live) if live else spec


def _situation(event: Mapping[str, Any], package: Package) -> Situation:
    items = {i[ledger.SORT_KEY]["S"]: from_item(i) for i in take(event, "ledger", list)}
    return Situation(
        trigger=take(event, "trigger", str),
        asked_version=take(event, "asked_version", int) or None,
        execution=take(event, "execution", str),
        endpoint=take(event, "endpoint", dict),
        live=items.get(ledger.LIVE, {}),
        halt=items.get(ledger.HALT, {}),
        attempt=items.get(ledger.attempt_key(package.version), {}),
        hold=items.get(ledger.HOLD, {}),
    )


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


def _attempt_item(
    spec: ReleaseSpec, package: Package, wanted: str, now: Situation, *, of_version: bool
) -> dict[str, Any]:
    """The attempt without its outcome, which the machine adds. What ends a trial that was cut off is no attempt at any
    version: it goes to number 0.
    """
    same = same_attempt(package, wanted, now) and now.attempt.get("outcome") == Attempt.STARTED
    return {
        **_key(spec, ledger.attempt_key(package.version if of_version else 0)),
        **to_item(
            {
                "version": package.version,
                "approval": package.approval,
                "config": wanted,
                "execution": now.execution,
                "tries": now.attempt.get("tries", 1) + 1 if same else 1,
            }
        ),
    }


def _record_item(
    spec: ReleaseSpec, package: Package, wanted: str, now: Situation, *, by: tuple[str, str]
) -> dict[str, Any]:
    """What the record of this release says whatever its end; the machine adds the rest. `by`: strategy, its words."""
    return to_item(
        {
            ledger.PARTITION_KEY: ledger.endpoint_key(spec.endpoint),
            "version": package.version,
            "package_arn": package.arn,
            "config": wanted,
            "strategy": by[0],
            "strategy_words": by[1],
            "from_version": live_version(now) or 0,
            "from_config": now.endpoint.get("EndpointConfigName", ""),
            "approval_words": package.approval_words,
            "approved_by": package.approved_by,
            "data_version": package.data_version,
            "commit": package.commit,
            "image_digest": package.digest,
            "artefact_sha256": package.artefact_sha256,
            "metrics": package.metrics,
            "alarms": spec.alarm_names,
        }
    )


def _key(spec: ReleaseSpec, sort_key: str) -> dict[str, Any]:
    return to_item({ledger.PARTITION_KEY: ledger.endpoint_key(spec.endpoint), ledger.SORT_KEY: sort_key})
