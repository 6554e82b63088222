"""Application Auto Scaling of one variant, in memory: slipway_lambda.ports.scalings.Scalings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from release_proof.sagemaker import SageMaker
from slipway_lambda.contracts.scaling import Scaling, policies


@dataclass
class AutoScaling:
    """As the service, it takes an instance count as it finds it, and its target bars changes of the instance type."""

    sagemaker: SageMaker
    bounds: dict[str, tuple[int, int]] = field(default_factory=dict)
    held: dict[str, dict[str, Mapping[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sagemaker.scales = lambda: bool(self.bounds)

    def limits(self, resource: str) -> tuple[int, int] | None:
        """Of the target."""
        return self.bounds.get(resource)

    def policies(self, resource: str) -> dict[str, Mapping[str, Any]]:
        """Of the target."""
        return dict(self.held.get(resource, {}))

    def register(self, resource: str, least: int, most: int) -> None:
        """Anew or again."""
        self.bounds[resource] = (least, most)
        self.held.setdefault(resource, {})

    def put_policy(self, resource: str, name: str, configuration: Mapping[str, Any]) -> None:
        """Only of a registered target."""
        self.held[resource][name] = dict(configuration)

    def delete_policy(self, resource: str, name: str) -> None:
        """If it is there."""
        self.held[resource].pop(name)

    def deregister(self, resource: str) -> None:
        """With its policies."""
        self.bounds.pop(resource, None)
        self.held.pop(resource, None)

    def set_instances(self, endpoint: str, variant: str, count: int) -> None:
        """At once."""
        self.sagemaker.resize(count)

    def not_as(self, scaling: Scaling, endpoint: str, variant: str) -> str:
        """What differs from the declaration, in words; empty when nothing does."""
        resource = f"endpoint/{endpoint}/variant/{variant}"
        wanted = (scaling.min_instances, scaling.max_instances)
        if self.limits(resource) != wanted:
            return f"the limits of the scalable target are {self.limits(resource)}, not {wanted}"
        if self.policies(resource) != policies(scaling, endpoint):
            return f"its policies are {sorted(self.policies(resource))}"
        return ""
