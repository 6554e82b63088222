"""What the shipped decisions say of a state of the model; remembered, since the same question comes often."""

from dataclasses import replace
from functools import cache
from typing import Any

from release_proof.protocol import Attempt
from slipway_lambda.clean_up_release.choose import needed_configs
from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.contracts.trial import Trial
from slipway_lambda.plan_release.package import Package
from slipway_lambda.plan_release.plan import Situation, decide, last_good
from slipway_lambda.verify_release.verify import Asked, recovery, verify

NAME, DIGEST, OTHER = "e", "sha256:" + "1" * 64, "sha256:" + "2" * 64
SPEC: Any = ReleaseSpec.from_dict({
    "model": "m", "environment": "dev", "endpoint": NAME, "variant": "main", "instance_type": "ml.c6i.large",
    "instance_count": 2, "startup_timeout_seconds": 600, "capture_percent": 100, "capture_uri": "",
    "capture_key_arn": "", "volume_key_arn": "", "hosting_role_arn": "", "strategy": "canary", "canary_percent": 50,
    "step_percent": 50, "batch_percent": 50, "rollback_batch_percent": 50, "new_fleet_alarms": [], "other_alarms": [],
    "bake_seconds": 120,
    "termination_wait_seconds": 60, "timeout_seconds": 600, "alarm_names": ["a"], "minimum_requests": 0,
    "keep_versions": 2, "smoke_records": 1, "smoke_tolerance": 0.1,
})  # fmt: skip


TRIED: Any = replace(SPEC, strategy="ab", trial=Trial(3600, 5000, (10, 50), 300, 0.1, ()))


def config(version: int, beside: int = 0) -> str:
    """The config's name of a version, alone or with a challenger beside it; empty for none."""
    return f"{NAME}-v{version}-0000000{beside}" if version else ""


def number(name: str) -> int:
    """The version of a config."""
    return int(name.split("-")[1][1:]) if name else 0


def described(status: str, live: int, beside: int = 0, *, other_bytes: bool = False) -> dict[str, Any]:
    """DescribeEndpoint."""
    if not status:
        return {}
    image = f"repository@{OTHER if other_bytes else DIGEST}"
    variant = {"DeployedImages": [{"ResolvedImage": image}], "CurrentWeight": 1.0, "DesiredWeight": 1.0}
    counts = {"CurrentInstanceCount": 2, "DesiredInstanceCount": 2}
    return {
        "EndpointStatus": status,
        "EndpointConfigName": config(live, beside),
        "ProductionVariants": [{**variant, **counts}] * (2 if beside else 1),
    }


@cache
def plan(
    trigger: str,
    asked: int,
    candidate: int,
    fit: bool,
    seen: tuple[str, int] | tuple[str, int, int],
    ledger: int,
    halted: bool,
    attempt: Attempt,
    held: bool = False,
    verified: tuple[int, ...] = (),
    *,
    trial: bool = False,
) -> tuple[str, int, bool]:
    """decision, last good version, whether the endpoint ever served."""
    faults = () if fit else ("its approval status is Rejected, not Approved",)
    package = Package("arn", candidate, "a", "i", DIGEST, "s3://b/k", "1" * 64, {}, {}, faults)
    endpoint = described(*seen)
    history = [{"config": config(v), "version": v} for v in verified]
    live = {"config": config(ledger), "version": ledger, "verified": history} if ledger else {}
    tried = {"approval": "a", "outcome": attempt.outcome, "tries": attempt.tries, "execution": "another"}
    now = Situation(
        trigger=trigger,
        asked_version=asked or None,
        execution="me",
        endpoint=endpoint,
        live=live,
        halt={"cause": "c"} if halted else {},
        attempt=tried if attempt.outcome else {},
        hold={"who": "w"} if held else {},
    )
    made = decide(TRIED if trial else SPEC, package, config(candidate), now)
    back = last_good(made.decision, now)
    # As the plan's handler says it.
    served = bool(endpoint) and (bool(now.live) or endpoint.get("EndpointStatus") == "InService")
    return str(made.decision), number(back.get("config", "")), served


@cache
def verdict(candidate: int, status: str, live: int, other_bytes: bool, digest: bool, beside: int = 0) -> str:
    """What the endpoint is, compared with what was asked. `digest` False: it is not compared."""
    asked = Asked(config(candidate), DIGEST if digest else "", 2, 0)
    return str(verify(asked, described(status, live, beside, other_bytes=other_bytes), 0).verdict)


@cache
def helps(status: str, live: int, back: int, ever_served: bool, beside: int = 0) -> str:
    """What puts it right."""
    good = {"config": config(back), "version": back} if back else {}
    return str(recovery(described(status, live, beside), good, ever_served=ever_served))


@cache
def spared(status: str, live: int, target: int, verified: tuple[int, ...], back: int, beside: int = 0) -> int:
    """Bits of the versions whose own configs stay. `target` 0: none, or a trial's."""
    endpoint = described(status, live, beside)
    if target:
        endpoint["PendingDeploymentSummary"] = {"EndpointConfigName": config(target)}
    history = [{"config": config(v)} for v in verified]
    record = {"config": config(verified[0]), "verified": history} if verified else {}
    names = needed_configs(endpoint, record, {"config": config(back)} if back else {}, 2)
    return sum(1 << number(name) for name in names if name == config(number(name)))
