"""Whether a demo went as it should. Pure."""

import math

from slipway.demo.result import Release, Result

MINIMUM_REQUESTS = 5000
SHARE_SLACK_SIGMAS = 4.0
"""The canary's share is a share of chances: so many standard deviations of a fair draw are allowed on top."""

OUTCOMES = ("released", "released", "rolled_back")
STRATEGIES = ("all_at_once", "canary", "canary")


def verdict(result: Result, canary_share: float) -> list[str]:
    """Everything that is not as it should be, in words; empty when all is. `canary_share` is of instances, 0 to 1."""
    return [
        *_deploy(result),
        *_training(result),
        *_releases(result.releases, canary_share),
        *_monitoring(result),
        *_iam(result),
    ]


def _deploy(result: Result) -> list[str]:
    if result.deploy.stacks < 5 or result.deploy.resources < 1:
        return [f"{result.deploy.stacks} stacks with {result.deploy.resources} resources were deployed, not 5 stacks"]
    return []


def _training(result: Result) -> list[str]:
    value = result.training.value
    faults = []
    if result.training.rows < 1:
        faults.append("the first training prepared no rows")
    if value is None or not math.isfinite(value):
        faults.append(f"the first training's {result.training.metric or 'metric'} is {value}")
    return faults


def _releases(releases: list[Release], canary_share: float) -> list[str]:
    if [r.version for r in releases] != [1, 2, 3]:
        return [f"versions {[r.version for r in releases]} were released, not 1, 2 and 3"]
    faults = []
    for release, outcome, strategy, live in zip(releases, OUTCOMES, STRATEGIES, (1, 2, 2), strict=True):
        name = f"version {release.version}"
        if release.outcome != outcome:
            faults.append(f"{name} ended {release.outcome}, not {outcome}: {release.cause or 'no cause told'}")
        if release.strategy != strategy:
            faults.append(f"{name} took {release.strategy}, not {strategy}")
        if release.live_version != live:
            faults.append(f"after {name}, version {release.live_version} was live, not {live}")
        if release.failed_by_platform:
            faults.append(f"{release.failed_by_platform} requests were lost by the platform while {name} was released")
    return faults + _traffic(releases, canary_share)


def _traffic(releases: list[Release], canary_share: float) -> list[str]:
    _, second, third = releases
    faults = []
    if (sent := second.requests + third.requests) < MINIMUM_REQUESTS:
        faults.append(f"the client sent {sent} requests over versions 2 and 3, fewer than {MINIMUM_REQUESTS}")
    if second.failed_requests:
        faults.append(f"{second.failed_requests} requests failed while version 2 was released")
    if not third.failed_requests:
        faults.append("no request failed while version 3 was released: it was not made bad, or nothing reached it")
    allowed = share_allowed(third.canary_requests, canary_share)
    if (bad := third.failed_requests - third.failed_by_platform) > allowed:
        faults.append(
            f"version 3 failed {bad} of {third.canary_requests} requests, more than its canary share"
            f" {canary_share:.0%} ({allowed})"
        )
    if third.outcome == "rolled_back" and not third.cause:
        faults.append("version 3 was rolled back without a cause")
    return faults


def share_allowed(requests: int, share: float) -> int:
    """How many of the requests a canary of this share may get when each is sent its way by chance."""
    return math.floor(requests * share + SHARE_SLACK_SIGMAS * math.sqrt(requests * share * (1 - share)))


def _monitoring(result: Result) -> list[str]:
    windows, retraining = result.monitoring, result.retraining
    if not windows:
        return ["no window was monitored"]
    faults = [f"window {w.window} had no records" for w in windows if not w.records]
    if windows[0].violations:
        faults.append(f"the months trained on drifted from themselves: {', '.join(windows[0].violations)}")
    if not windows[-1].violations:
        faults.append("no drift was found in the months replayed")
    if retraining.triggered_by != "drift":
        faults.append(f"retraining was started by {retraining.triggered_by or 'nothing'}, not by drift")
    if retraining.outcome not in {"registered", "refused"}:
        faults.append(f"retraining ended {retraining.outcome or 'never'}, neither registered nor refused")
    if retraining.outcome == "refused" and not retraining.reason:
        faults.append("retraining was refused without a reason")
    return faults


def _iam(result: Result) -> list[str]:
    faults = []
    if not result.iam.enforced or result.iam.allowed < 1:
        faults.append("IAM was not enforced")
    if result.iam.denied:
        faults.append(f"{result.iam.denied} calls were denied: a role lacks a permission it needs")
    return faults
