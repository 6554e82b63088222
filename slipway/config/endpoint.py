"""`endpoint` of `model.yaml`: where a model serves."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from slipway.config.base import Clash, Declared, refuse, says
from slipway.config.instances import hardware, has_own_disks
from slipway.config.scaling import Scaling

InstanceType = Annotated[
    str,
    StringConstraints(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$", max_length=64),
    Field(json_schema_extra=says("a SageMaker instance type, such as ml.m5.large")),
]


class Capture(Declared):
    """Data capture of requests and answers, which the monitors read."""

    sampling_percent: Annotated[int, Field(ge=0, le=100)] = 100


class Kind(StrEnum):
    """How an endpoint gets its compute."""

    REAL_TIME = "real_time"
    SERVERLESS = "serverless"
    ASYNCHRONOUS = "asynchronous"


NOT_OFFERED = {
    Kind.SERVERLESS: "SageMaker captures no requests of it for the monitors, isolates no network, updates it by no"
    " rolling or instance-wise shift, and turns no endpoint of another kind into one",
    Kind.ASYNCHRONOUS: "its answers go to S3, where no golden record and no latency objective would judge a release",
}


class Endpoint(Declared):
    """The endpoint and its instances."""

    kind: Kind = Kind.REAL_TIME
    """Only `real_time` is offered: instances that answer at once. Another kind is refused with its reason."""
    instance_type: InstanceType = "ml.m5.large"
    fallback_instance_types: Annotated[list[InstanceType], Field(max_length=3)] = []  # noqa: RUF012 (pydantic copies defaults)
    """Taken in this order, for each instance, where SageMaker has no capacity of `instance_type`."""
    instance_count: Annotated[int, Field(ge=1, le=100)] = 2
    startup_timeout_seconds: Annotated[int, Field(ge=60, le=3600)] = 480
    """How long an instance may take until `/ping` answers."""
    capture: Capture = Capture()
    scaling: Scaling | None = None
    """Without it `instance_count` instances serve. With it that many are created at first; from then on the fleet that
    is live stays as large as it is over every release."""

    @property
    def counts(self) -> range:
        """Every number of instances that may serve."""
        if self.scaling is None:
            return range(self.instance_count, self.instance_count + 1)
        return range(self.scaling.min_instances, self.scaling.max_instances + 1)

    @model_validator(mode="after")
    def _begins_within_limits(self) -> Self:
        if self.scaling is not None and self.instance_count not in self.counts:
            low, high = self.scaling.min_instances, self.scaling.max_instances
            refuse(
                Clash(
                    ("instance_count",),
                    f"is {self.instance_count}, outside scaling.min_instances {low} to scaling.max_instances {high}",
                    f"give {low} to {high}: that many are created at first",
                    (("scaling",),),
                )
            )
        return self

    @property
    def instance_types(self) -> tuple[str, ...]:
        """All that may serve, the first choice first."""
        return (self.instance_type, *self.fallback_instance_types)

    @model_validator(mode="after")
    def _can_be_had(self) -> Self:
        refuse(self._not_offered(), *(c for at in range(len(self.fallback_instance_types)) for c in self._unfit(at)))
        return self

    def _not_offered(self) -> Clash | None:
        if self.kind is Kind.REAL_TIME:
            return None
        why = f"{self.kind} is not offered by this version: {NOT_OFFERED[self.kind]}"
        return Clash(("kind",), why, "use real_time, or leave it out")

    def _unfit(self, at: int) -> Iterator[Clash]:
        first, kind = self.instance_type, self.fallback_instance_types[at]
        here, reads = ("fallback_instance_types", at), (("instance_type",),)
        if kind in self.instance_types[: at + 1]:
            before = self.instance_types.index(kind)
            where = "instance_type itself" if before == 0 else f"also entry {before}"
            yield Clash(here, f"is {where}: what is not to be had once is not had by asking again", "remove it", reads)
        elif hardware(kind) != hardware(first):
            yield Clash(
                here,
                f"is {hardware(kind)} hardware and instance_type {first} is {hardware(first)}: one image does not run"
                " on both",
                f"use {hardware(first)} types",
                reads,
            )
        elif has_own_disks(kind) is not has_own_disks(first):
            having, without = (kind, first) if has_own_disks(kind) else (first, kind)
            yield Clash(
                here,
                f"does not go with instance_type {first}: {having} encrypts its own disks and SageMaker refuses a key"
                f" for them, {without} needs one, and an endpoint config has one key for all",
                "use types that are alike in this",
                reads,
            )
