"""The account's quotas of SageMaker by their names in Service Quotas, read from and written to `Limits`."""

from dataclasses import replace
from functools import cache
from typing import Any

from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.limits import Limits
from rehearsal.sagemaker.shapes import service_model

ENDPOINT_USE = " for endpoint usage"
_USES = {
    ENDPOINT_USE: "ProductionVariantInstanceType",
    " for training job usage": "TrainingInstanceType",
    " for processing job usage": "ProcessingInstanceType",
    " for transform job usage": "TransformInstanceType",
}
_SINGLE = {
    "Maximum number of serverless endpoints": "serverless_endpoints",
    "Maximum total concurrency that can be allocated across all serverless endpoints": "serverless_concurrency",
}


class NoSuchQuotaError(ValueError):
    """The name is not one of a quota that this cloud keeps."""


@cache
def names() -> tuple[str, ...]:
    """Every quota that is kept, in the order they are listed."""
    found = [kind + use for use, shape in _USES.items() for kind in service_model().shape_for(shape).enum]  # type: ignore[attr-defined]  # a string shape has it
    return tuple(sorted([*found, *_SINGLE]))


def value(limits: Limits, name: str) -> int:
    """The quota now. Raises NoSuchQuotaError."""
    if name not in names():
        raise NoSuchQuotaError(f"{name!r} is not a quota of SageMaker that is kept here: {_like(name)}")
    if name in _SINGLE:
        return int(getattr(limits, _SINGLE[name]))
    if name.endswith(ENDPOINT_USE):
        return limits.endpoint_instance_quotas.get(name, limits.endpoint_instances)
    return limits.job_instance_quotas.get(name, limits.job_instances)


def set_value(core: Core, name: str, most: int) -> None:
    """From the next call on. What runs already goes on. Raises NoSuchQuotaError, or ValueError below 0."""
    value(core.limits, name)
    if most < 0:
        raise ValueError(f"a quota is 0 or more, not {most}")
    change: dict[str, Any]
    if name in _SINGLE:
        change = {_SINGLE[name]: most}
    else:
        member = "endpoint_instance_quotas" if name.endswith(ENDPOINT_USE) else "job_instance_quotas"
        change = {member: {**getattr(core.limits, member), name: most}}
    core.limits = replace(core.limits, **change)


def _like(name: str) -> str:
    kind = name.partition(" ")[0]
    near = [one for one in names() if one.startswith(f"{kind} ")]
    return ", ".join(near or names()[-2:])
