"""A trial as SageMaker is asked for it, and what is made of one that was cut off."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from slipway_lambda.contracts.release import Decision, ReleaseSpec, Trigger
from slipway_lambda.contracts.trial import CHALLENGER, SHADOW
from slipway_lambda.plan_release.package import Package
from slipway_lambda.plan_release.situation import Plan, Situation, live_version, on_trial

RESTS = frozenset({Decision.NOTHING, Decision.SUPERSEDED})
"""Nothing would be done; nor where what starts by itself is refused, since nobody else takes it up."""
SHIFTS = frozenset({Decision.UPDATE, Decision.RESPEC})


def wants_trial(spec: ReleaseSpec, decision: Decision, now: Situation) -> bool:
    """A version that replaces another is tried first. Not one that a person goes back to: it was verified before."""
    return spec.trial is not None and decision is Decision.UPDATE and now.trigger != Trigger.ROLLBACK


def tries(spec: ReleaseSpec, decision: Decision, now: Situation) -> bool:
    """Against a champion that a release verified. What serves unverified, since its own release was cut off, is none:
    without the ledger there would be no way back from a trial beside it.
    """
    verified = on_trial(now) or now.live.get("config") == now.endpoint.get("EndpointConfigName")
    return wants_trial(spec, decision, now) and bool(now.live) and verified


def untriable(spec: ReleaseSpec, package: Package, now: Situation) -> Plan | None:
    """A trial needs a champion whose model is known, and something to go back to."""
    if spec.trial is None or not now.endpoint or now.trigger == Trigger.ROLLBACK:
        return None
    current, config = live_version(now), now.endpoint.get("EndpointConfigName", "")
    if current == package.version:
        return None
    if on_trial(now) and not now.live:
        return Plan(
            Decision.REFUSED,
            f"Two versions serve side by side under {config}, and the ledger knows none to go back to.",
            "Put one config live by hand (UpdateEndpoint), then start the release again.",
        )
    if current is None:
        return Plan(
            Decision.REFUSED,
            f"{config} was made by no release, so its champion is not known and nothing can be tried beside it.",
            "Put back a config that a release made, or release once with strategy all_at_once.",
        )
    return None


def left_behind(now: Situation) -> bool:
    """A trial serves, nobody is at it (this execution has the lock), and the ledger knows the way back."""
    settled = now.endpoint.get("EndpointStatus") == "InService"
    return settled and on_trial(now) and bool(now.live) and not now.halt


def end_trial(spec: ReleaseSpec, now: Situation, plan: Plan) -> Plan:
    """The plan, unless it would leave a trial that was cut off to itself, or shift from two variants to one by steps,
    which SageMaker refuses: then back to the champion alone.
    """
    rests = plan.decision in RESTS or (plan.decision is Decision.REFUSED and now.by_itself)
    rests = rests or (spec.trial is None and plan.decision in SHIFTS)
    if not rests or not left_behind(now):
        return plan
    reason = (
        f"A trial was cut off, and nobody goes on with it ({plan.reason}): {now.live['config']} serves alone again."
    )
    return Plan(
        Decision.END_TRIAL, reason, "Look at how the execution that tried it ended; `slipway retry` tries again."
    )


def members(spec: ReleaseSpec, request: Mapping[str, Any], champion: Mapping[str, Any]) -> dict[str, Any]:
    """What a plan says of its trial. `request`: the release's own CreateEndpointConfig; `champion`: config, version."""
    config = trial_request(spec, request, champion)
    return {
        "trial_config": config["EndpointConfigName"],
        "trial_request": config,
        "trial_deployment": {
            # At once: the champion still answers what it answered before. Its alarms watch that.
            "BlueGreenUpdatePolicy": {
                "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0},
                "TerminationWaitInSeconds": 0,
                "MaximumExecutionTimeoutInSeconds": spec.timeout_seconds,
            },
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": name} for name in spec.alarm_names]},
        },
    }


def trial_request(spec: ReleaseSpec, request: Mapping[str, Any], champion: Mapping[str, Any]) -> dict[str, Any]:
    """CreateEndpointConfig of the trial. A release names a config and its model alike, which tells the champion's. The
    name is the champion's with the content's hash, so that whoever finds it live takes it for the champion's.
    """
    (variant,) = request["ProductionVariants"]
    share = spec.trial.weights_percent[0] if spec.trial and spec.trial.weights_percent else 0
    content = [spec.strategy, champion["config"], request["EndpointConfigName"], share, variant]
    digest = sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]
    production = {**variant, "ModelName": champion["config"], "InitialVariantWeight": float(100 - share)}
    challenger = {**variant, "VariantName": CHALLENGER, "InitialVariantWeight": float(share or 100)}
    name = {"EndpointConfigName": f"{spec.endpoint}-v{champion['version']}-{digest}"}
    if spec.strategy == SHADOW:  # as heavy as the champion: a copy of every request
        return {**request, **name, "ProductionVariants": [production], "ShadowProductionVariants": [challenger]}
    return {**request, **name, "ProductionVariants": [production, challenger]}


def trial_words(spec: ReleaseSpec, *, tried: bool) -> str:
    """What comes before the shift, for people."""
    trial = spec.trial
    assert trial is not None
    if not tried:
        return f"without the trial ({spec.strategy}), for what serves was never verified by a release: "
    if spec.strategy == SHADOW:
        how = "shadow: the challenger answers a copy of every request, which nobody gets"
    else:
        shares = ", ".join(f"{w} %" for w in trial.weights_percent)
        how = f"ab: the challenger answers {shares} of the traffic in turn"
    return (
        f"{how}, for {trial.seconds} s at most and until {trial.minimum_requests} requests a side"
        f"{'' if spec.strategy == SHADOW else ' and share'} show it no worse; then "
    )
