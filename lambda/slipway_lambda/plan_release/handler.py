"""Plan the release: everything is derived here once, so that the later states only carry it out."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.attributes import from_item, to_item
from slipway_lambda.contracts import ledger
from slipway_lambda.contracts.release import Attempt, Decision, ReleaseSpec, Trigger
from slipway_lambda.events import take
from slipway_lambda.plan_release import deployment, requests
from slipway_lambda.plan_release.package import Package, read_package
from slipway_lambda.plan_release.plan import Situation, decide, last_good, live_version


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
    return {
        "decision": plan.decision,
        "reason": plan.reason,
        "next_step": plan.next_step,
        "version": package.version,
        "package_arn": package.arn,
        "config": wanted,
        "strategy": "all_at_once" if first else spec.strategy,
        "strategy_words": deployment.strategy_words(spec, first=first),
        "model_request": requests.model_request(spec, package),
        "config_request": requests.config_request(spec, package),
        "deployment_config": deployment.deployment_config(spec),
        "recovery_config": deployment.recovery_config(spec),
        "image": package.image,
        "digest": package.digest,
        "model_data_url": package.model_data_url,
        "artefact_sha256": package.artefact_sha256,
        "golden_uri": package.uris.get("golden_uri", ""),
        "last_good": last_good(plan.decision, now),
        "left_package_arn": _left(package, now),
        "live_config": now.endpoint.get("EndpointConfigName", ""),
        "ever_served": bool(now.live) or now.endpoint.get("EndpointStatus") == "InService",
        "last_refusal": _last_refusal(package, now),
        "failed_before": now.attempt.get("outcome") == Attempt.FAILED
        and now.attempt.get("approval") == package.approval,
        "minimum_requests": spec.minimum_requests if plan.decision in (Decision.UPDATE, Decision.RESPEC) else 0,
        "attempt_item": _attempt_item(spec, package, now),
        "record_item": _record_item(spec, package, wanted, now, first=first),
        "live_item": {
            **_key(spec, ledger.LIVE),
            **to_item({**requests.live_record(package, wanted, now.live), "execution": now.execution}),
        },
    }


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


def _attempt_item(spec: ReleaseSpec, package: Package, now: Situation) -> dict[str, Any]:
    """The attempt without its outcome, which the machine adds."""
    same = now.attempt.get("approval") == package.approval and now.attempt.get("outcome") == Attempt.STARTED
    return {
        **_key(spec, ledger.attempt_key(package.version)),
        **to_item(
            {
                "version": package.version,
                "approval": package.approval,
                "execution": now.execution,
                "tries": now.attempt.get("tries", 1) + 1 if same else 1,
            }
        ),
    }


def _record_item(spec: ReleaseSpec, package: Package, wanted: str, now: Situation, *, first: bool) -> dict[str, Any]:
    """What the record of this release says whatever its end; the machine adds the rest."""
    return to_item(
        {
            ledger.PARTITION_KEY: ledger.endpoint_key(spec.endpoint),
            "version": package.version,
            "package_arn": package.arn,
            "config": wanted,
            "strategy": "all_at_once" if first else spec.strategy,
            "strategy_words": deployment.strategy_words(spec, first=first),
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
