"""Verify what is live, and say what would put it right."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.release import ReleaseSpec, Verdict
from slipway_lambda.events import take
from slipway_lambda.ports.alarms import Alarms, CloudWatchAlarms
from slipway_lambda.ports.endpoints import Endpoints, SageMakerEndpoints
from slipway_lambda.ports.fleets import CloudWatchFleets, Fleets
from slipway_lambda.verify_release.canary import compared
from slipway_lambda.verify_release.fleet import fell_back, served_by
from slipway_lambda.verify_release.verify import Asked, Finding, guarded, recovery, verify


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """`spec`, `config`, `digest`, `minimum_requests`, `since_ms`, `now_ms` (epoch), `last_good`, `ever_served`,
    `planned_instances` (of a fleet that scales and was shifted; else 0) → `verdict`, `reason`, `recovery`,
    `live_config`, `requests`; `served_by` (instances by type) and `fell_back` (a sentence), either may be empty.
    """
    return look(event, SageMakerEndpoints(), CloudWatchAlarms(), CloudWatchFleets())


def look(event: Mapping[str, Any], endpoints: Endpoints, metrics: Alarms, fleets: Fleets) -> dict[str, Any]:
    """As the handler, on any ports."""
    spec = ReleaseSpec.from_dict(take(event, "spec", dict))
    asked = Asked(
        config=take(event, "config", str),
        digest=take(event, "digest", str),
        instance_count=spec.instance_count if take(event, "digest", str) else 0,
        minimum_requests=take(event, "minimum_requests", int),
        counts=_counts(spec, int(event.get("planned_instances", 0))),
    )
    endpoint, requests = endpoints.describe(spec.endpoint), 0
    if asked.minimum_requests > 0 and endpoint.get("EndpointConfigName") == asked.config:
        requests = metrics.invocations(
            spec.endpoint, spec.variant, asked.config, _seconds(event, "since_ms"), _seconds(event, "now_ms")
        )
    finding = verify(asked, endpoint, requests)
    if asked.minimum_requests > 0:  # a shift of traffic, which the alarms were to watch
        finding = _beside_the_old_fleet(finding, event, spec, fleets)
        finding = guarded(finding, spec.dimensions_of_alarms(asked.config), metrics.describe(spec.alarm_names))
    return {
        "verdict": finding.verdict,
        "reason": finding.reason,
        "recovery": recovery(endpoint, take(event, "last_good", dict), ever_served=take(event, "ever_served", bool)),
        "live_config": endpoint.get("EndpointConfigName", ""),
        "status": endpoint.get("EndpointStatus", Verdict.GONE),
        "requests": requests,
        "served_by": served_by(spec, endpoint),
        "fell_back": fell_back(spec, endpoint),
    }


def _counts(spec: ReleaseSpec, planned: int) -> tuple[int, int] | None:
    if spec.scaling is None:
        return None
    return (planned, planned) if planned else (spec.scaling.min_instances, spec.scaling.max_instances)


def _beside_the_old_fleet(finding: Finding, event: Mapping[str, Any], spec: ReleaseSpec, fleets: Fleets) -> Finding:
    old, new = take(event, "last_good", dict).get("config", ""), take(event, "config", str)
    if finding.verdict is not Verdict.LIVE or old in ("", new):
        return finding
    since, now = _seconds(event, "since_ms"), _seconds(event, "now_ms")
    seen = [fleets.by_minute(spec.endpoint, spec.variant, config, since, now) for config in (old, new)]
    return compared(finding, *seen)


def _seconds(event: Mapping[str, Any], key: str) -> float:
    return take(event, key, int) / 1000
