"""`endpoint.scaling` of `model.yaml`: how many instances serve, by how much they are asked."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from slipway.config.base import Clash, Declared, refuse

Cooldown = Annotated[int, Field(ge=0, le=3600)]


class Scaling(Declared):
    """Target tracking by Application Auto Scaling. The release machine registers it once a version is verified live,
    takes it off for each shift, and restores it whatever the shift comes to."""

    min_instances: Annotated[int, Field(ge=1, le=100)]
    """Never fewer."""
    max_instances: Annotated[int, Field(ge=1, le=100)]
    """Never more, but during a shift, when the new fleet starts beside the old one."""
    invocations_per_instance: Annotated[float, Field(gt=0)] | None = None
    """Requests to one instance in a minute that scaling aims at."""
    concurrent_requests_per_model: Annotated[float, Field(gt=0)] | None = None
    """Requests at the same time on one instance that scaling aims at; seen every 10 s. With both, the larger fleet."""
    scale_out_cooldown_seconds: Cooldown = 300
    scale_in_cooldown_seconds: Cooldown = 300

    @model_validator(mode="after")
    def _can_scale(self) -> Self:
        refuse(self._upside_down(), self._aimless())
        return self

    def _upside_down(self) -> Clash | None:
        if self.min_instances <= self.max_instances:
            return None
        return Clash(
            ("min_instances",),
            f"is more than max_instances {self.max_instances}",
            f"give at most {self.max_instances}, or raise max_instances",
            (("max_instances",),),
        )

    def _aimless(self) -> Clash | None:
        if self.invocations_per_instance is not None or self.concurrent_requests_per_model is not None:
            return None
        return Clash(
            (),
            "aims at nothing",
            "declare invocations_per_instance (a minute), concurrent_requests_per_model, or both",
        )
