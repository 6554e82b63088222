"""`endpoint` of `model.yaml`: where a model serves."""

from typing import Annotated

from pydantic import Field, StringConstraints

from slipway.config.base import Declared, says

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
