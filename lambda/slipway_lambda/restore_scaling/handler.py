"""Restore scaling: whatever a release came to, its endpoint scales as declared afterwards."""

from collections.abc import Mapping
from typing import Any

from slipway_lambda.contracts.release import ReleaseSpec
from slipway_lambda.events import take
from slipway_lambda.ports.endpoints import SageMakerEndpoints
from slipway_lambda.ports.scalings import ApplicationAutoScaling
from slipway_lambda.restore_scaling.restore import restore


def handler(event: Mapping[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001
    """`spec` → {"restored"}: False where there is no fleet to scale, or none is declared to."""
    spec = ReleaseSpec.from_dict(take(event, "spec", dict))
    if spec.scaling is None:
        return {"restored": False}
    done = restore(spec.endpoint, spec.variant, spec.scaling, SageMakerEndpoints(), ApplicationAutoScaling())
    return {"restored": done}
