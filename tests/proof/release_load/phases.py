"""What DescribeEndpoint says of a release under way: the steps in which the new version gets its part of the load."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from release_load.endpoint import LOOK_SECONDS, Endpoint
from release_load.strategies import INSTANCES
from slipway_lambda.contracts.trial import CHALLENGER

SETTLED = ("InService", "Failed", "UpdateRollbackFailed")


@dataclass(frozen=True)
class Step:
    """`share`: of the answers, the new version's, 0 to 1. `trial`: two variants side by side, not two fleets of one."""

    name: str
    share: float
    trial: bool


@dataclass
class Phase:
    """A step from `began` to `ended` (monotonic)."""

    step: Step
    began: float
    ended: float = 0.0


def step_of(described: dict[str, Any]) -> Step | None:
    """None: the new version has no part yet, or an update or a change of shares is on its way to the next step."""
    status = described["EndpointStatus"]
    if status == "Updating" and (taking := _taking(described)):
        return Step(f"{taking} of {INSTANCES} instances", taking / INSTANCES, trial=False)
    if status != "InService":
        return None
    if CHALLENGER in _named(described, "ShadowProductionVariants"):
        return Step("beside as a shadow", 0.0, trial=True)
    variants = _named(described, "ProductionVariants")
    if CHALLENGER not in variants or any(v["CurrentWeight"] != v["DesiredWeight"] for v in variants.values()):
        return None
    share = variants[CHALLENGER]["CurrentWeight"] / sum(v["CurrentWeight"] for v in variants.values())
    return Step(f"beside with {share:.0%}", share, trial=True)


def in_trial(described: dict[str, Any]) -> bool:
    """Champion and challenger serve side by side."""
    return any(CHALLENGER in _named(described, m) for m in ("ProductionVariants", "ShadowProductionVariants"))


def taken(described: dict[str, Any]) -> bool:
    """The challenger of a trial by shares has none."""
    challenger = _named(described, "ProductionVariants").get(CHALLENGER)
    return challenger is not None and challenger["CurrentWeight"] == 0


def phases(endpoint: Endpoint, arn: str, kill: Callable[[Step, str | None], None]) -> Iterator[Phase]:
    """Each step once it is over, until the endpoint serves one version again, or the execution has ended without a
    change. `kill` is called as a step begins, with the fleet that is to lose a worker: of a trial the challenger's,
    else the one that has an instance to spare (a fleet of one, killed, leaves its part to the other)."""
    now: Phase | None = None
    changing, settled = False, set(endpoint.servers().values())
    while True:
        found, at = endpoint.describe(), time.monotonic()
        rests = found["EndpointStatus"] in SETTLED
        changing = changing or not rests
        step = step_of(found)
        if now is not None and step != now.step:
            now.ended = at
            yield now
            now = None
        if (changing and rests and not in_trial(found)) or (not changing and endpoint.ended(arn)):
            return
        if step is not None and now is None:
            now = Phase(step, at)
            kill(step, _victim(step, endpoint, settled))
            if step.trial:  # the shift that follows replaces these
                settled = set(endpoint.servers().values())
        time.sleep(LOOK_SECONDS)


def _victim(step: Step, endpoint: Endpoint, settled: set[str]) -> str | None:
    fleets = sorted(set(endpoint.servers().values()))
    if step.trial:
        return next((f for f in fleets if f.startswith(f"{CHALLENGER}/")), None)
    new = [f for f in fleets if f not in settled]
    old = [f for f in fleets if f in settled and not f.startswith(f"{CHALLENGER}/")]
    return next(iter(new if step.share * INSTANCES > 1 else old), None)


def _taking(described: dict[str, Any]) -> int:
    for variant in described.get("PendingDeploymentSummary", {}).get("ProductionVariants", []):
        for status in variant.get("VariantStatus", []):
            if found := re.search(r"capacity of (\d+) instance", status.get("StatusMessage", "")):
                return int(found[1])
    return 0


def _named(described: dict[str, Any], member: str) -> dict[str, dict[str, Any]]:
    return {v["VariantName"]: v for v in described.get(member, [])}
