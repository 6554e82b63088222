"""`endpoint` of `model.yaml`: where a model serves."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from slipway.config.base import Clash, Declared, refuse, says
from slipway.config.scaling import Scaling

InstanceType = Annotated[
    str,
    StringConstraints(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9]+$", max_length=64),
    Field(json_schema_extra=says("a SageMaker instance type, such as ml.m5.large")),
]


class Capture(Declared):
    """Data capture of requests and answers, which the monitors read."""

    sampling_percent: Annotated[int, Field(ge=0, le=100)] = 100


class Endpoint(Declared):
    """The real-time endpoint."""

    instance_type: InstanceType = "ml.m5.large"
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
