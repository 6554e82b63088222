"""The deployed app of the proofs under load: an endpoint for each strategy, and the clock they share."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from rehearsal.cloud import Cloud
from release_load.application import ACCOUNT, REGION, build_image, outputs, synthesise
from release_load.endpoint import Endpoint, until
from release_load.registry import Registry
from release_load.strategies import Objectives
from slipway.config.rollout import Strategy

CALM_SECONDS = 70
"""Cloud time after which no alarm remembers: more than the periods that one looks back."""
FAST = 120.0
SLOWER = 1.25
"""A slow model than the alarm on latency allows."""
T = TypeVar("T")


@dataclass
class Rig:
    """`champion`: the version that is live everywhere when a case begins."""

    cloud: Cloud
    endpoints: dict[Strategy, Endpoint]
    objectives: Objectives
    champions: dict[Strategy, int] = field(default_factory=dict)
    _marks: list[tuple[float, float, float]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    @contextmanager
    def deployed(
        cls, root: Path, folder: Path, strategies: Sequence[Strategy], objectives: Objectives
    ) -> Iterator["Rig"]:
        """A cloud with the app, and a good first version live on every endpoint."""
        assembly = synthesise(root, folder / "cdk.out", strategies, objectives)
        with Cloud.start(folder / "cloud", account=ACCOUNT, region=REGION, speed=FAST) as cloud:
            cloud.bootstrap()
            cloud.deploy(assembly)
            image, told = build_image(cloud), outputs(cloud)
            endpoints = {
                one: Endpoint(
                    cloud,
                    one,
                    told[f"Release-{name}"]["EndpointName"],
                    told[f"Release-{name}"]["ReleaseMachine"],
                    told["Foundation"]["LedgerTable"],
                    Registry(
                        cloud.client("sagemaker"),
                        cloud.client("s3"),
                        name,
                        told["Foundation"]["ArtefactBucket"],
                        image,
                        SLOWER * objectives.latency_milliseconds / 1000,
                    ),
                )
                for one in strategies
                for name in ["load-" + one.value.replace("_", "-")]
            }
            rig = cls(cloud, endpoints, objectives)
            rig._no_sweeps()
            rig.speed(FAST)
            rig.side_by_side(rig._first)
            yield rig

    def _first(self, endpoint: Endpoint) -> None:
        version = endpoint.registry.register()
        ended = endpoint.end_of(endpoint.release(version))
        assert ended.status == "SUCCEEDED", ended
        self.champions[endpoint.strategy] = version

    def _no_sweeps(self) -> None:
        """The reconciler would take versions before their approvals do."""
        scheduler = self.cloud.client("scheduler")
        kept = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
        for found in scheduler.list_schedules()["Schedules"]:
            schedule = scheduler.get_schedule(Name=found["Name"], GroupName=found["GroupName"])
            scheduler.update_schedule(State="DISABLED", **{k: schedule[k] for k in kept})

    def side_by_side(self, work: Callable[[Endpoint], T]) -> dict[Strategy, T]:
        """For every endpoint at once. Raises the first fault, when all have ended."""
        with ThreadPoolExecutor(len(self.endpoints)) as pool:
            begun = {one: pool.submit(work, endpoint) for one, endpoint in self.endpoints.items()}
        return {one: future.result() for one, future in begun.items()}

    # time
    def speed(self, speed: float) -> None:
        """Cloud seconds in a second of the wall, from now on."""
        with self._lock:
            self.cloud.clock.set_speed(speed)
            self._marks.append((time.monotonic(), self.cloud.clock.now(), speed))

    def cloud_time(self, monotonic: float) -> float:
        """Cloud time (epoch s) at a time of the wall, since the first call of `speed`."""
        with self._lock:
            at, now, speed = next((m for m in reversed(self._marks) if m[0] <= monotonic), self._marks[0])
        return now + (monotonic - at) * speed

    def calm(self) -> None:
        """Cloud time passes until no alarm of a release that ended is raised; nothing else may be under way."""
        for _ in range(5):
            self.cloud.clock.advance(CALM_SECONDS)
            self.speed(self._marks[-1][2])
            self.cloud.flush()
            if not any(endpoint.alarms() for endpoint in self.endpoints.values()):
                return
        until(lambda: not any(e.alarms() for e in self.endpoints.values()), "calm alarms")
