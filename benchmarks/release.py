"""What the platform adds to a release: `python benchmarks/release.py`; prints JSON.

A canary of four instances under traffic on the embedded cloud, at clock speed 1 but for SageMaker's own work: from the
approval to the end of the execution, without the time from the accepted UpdateEndpoint until the endpoint has settled.
The same change asked of SageMaker by hand, in the same run, is the measure.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "proof"))

from release_load.client import Load  # noqa: E402
from release_load.endpoint import Endpoint, until  # noqa: E402
from release_load.rig import Rig  # noqa: E402
from slipway.config.rollout import Strategy  # noqa: E402

ASKED_SECONDS, ASKED_TRANSITIONS = 5.0, 40
ROUNDS = 3
BAKING_SPEED = 60
RATE = 50
LATENCY_MILLISECONDS = 3000


def settle(rig: Rig, endpoint: Endpoint) -> float:
    """Let the bakes pass; the time on the wall at which the endpoint was seen to be settled."""
    rig.speed(BAKING_SPEED)
    until(lambda: endpoint.describe()["EndpointStatus"] == "InService", "the end of the update")
    rig.speed(1)
    return time.monotonic()


def began(endpoint: Endpoint) -> float:
    """The time on the wall at which an update was seen to be under way."""
    until(lambda: endpoint.describe()["EndpointStatus"] == "Updating", "an update")
    return time.monotonic()


def timed(rig: Rig, endpoint: Endpoint, change: Callable[[], str]) -> tuple[float, float, str]:
    """Seconds of the whole, seconds of SageMaker's own work in it, and what the change gave."""
    start = time.monotonic()
    given = change()
    updating = began(endpoint)
    settled = settle(rig, endpoint)
    if given:
        ended = endpoint.end_of(given)
        if ended.status != "SUCCEEDED":
            raise SystemExit(f"the release {ended.status}: {ended.cause}")
    return time.monotonic() - start, settled - updating, given


def by_hand(rig: Rig, endpoint: Endpoint) -> float:
    """Seconds that asking SageMaker for the live config once more, under another name, takes besides its own work."""
    client, live = endpoint.client("sagemaker"), endpoint.describe()["EndpointConfigName"]
    config = client.describe_endpoint_config(EndpointConfigName=live)
    kept = ("ProductionVariants", "KmsKeyId")

    def change() -> str:
        client.create_endpoint_config(EndpointConfigName="by-hand", **{k: config[k] for k in kept if k in config})
        client.update_endpoint(EndpointName=endpoint.name, EndpointConfigName="by-hand")
        return ""

    whole, work, _ = timed(rig, endpoint, change)
    client.update_endpoint(EndpointName=endpoint.name, EndpointConfigName=live)
    settle(rig, endpoint)
    client.delete_endpoint_config(EndpointConfigName="by-hand")
    return whole - work


def entered(endpoint: Endpoint, arn: str) -> list[str]:
    """Names of the states of an execution, in order."""
    pages = endpoint.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=arn)
    events = [e for page in pages for e in page["events"]]
    return [e["stateEnteredEventDetails"]["name"] for e in events if "stateEnteredEventDetails" in e]


def main() -> None:
    """Measure and print."""
    found: list[dict[str, Any]] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Rig.deployed(ROOT, Path(folder), [Strategy.CANARY], LATENCY_MILLISECONDS) as rig,
    ):
        (endpoint,) = rig.endpoints.values()
        rig.calm()
        rig.speed(1)
        bare = by_hand(rig, endpoint)
        for _ in range(ROUNDS):
            version = endpoint.registry.register()
            with Load(rig.cloud, endpoint.name, rate=RATE):
                whole, work, arn = timed(rig, endpoint, lambda version=version: endpoint.release(version))
            states = entered(endpoint, arn)
            looks = Counter(states)["Look at the endpoint"]
            found.append({
                "overhead_seconds": round(whole - work, 2),
                "sagemaker_seconds": round(work, 2),
                "transitions": len(states),
                "looks": looks,
            })  # fmt: skip
    worst = max(one["overhead_seconds"] for one in found)
    print(
        json.dumps(
            {
                "releases": found,
                "by_hand_overhead_seconds": round(bare, 2),
                "overhead_seconds": worst,
                "asked_seconds": ASKED_SECONDS,
                "of_asked": round(worst / ASKED_SECONDS, 2),
                "asked_transitions": ASKED_TRANSITIONS,
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
