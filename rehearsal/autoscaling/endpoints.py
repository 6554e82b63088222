"""Scalable targets of an endpoint that is deleted: Application Auto Scaling deregisters them, if the caller may.

https://docs.aws.amazon.com/sagemaker/latest/dg/endpoint-delete-with-scaling.html
"""

import logging
from collections.abc import Mapping
from typing import Any

from rehearsal.autoscaling.service import AutoScaling
from rehearsal.autoscaling.store import Record, Store, named
from rehearsal.cfn.calls import CallError
from rehearsal.emulator import within
from rehearsal.host import Scope
from rehearsal.permissions import Need
from rehearsal.sagemaker.errors import ServiceError

_log = logging.getLogger("slipway.autoscaling")


def targets_of(store: Store, endpoint: str, scope: Scope) -> list[Record]:
    """The targets that are variants of the endpoint."""
    prefix = f"endpoint/{endpoint}/variant/"
    targets = list(store.state(scope).targets.values())
    return [one for one in targets if one["ResourceId"].startswith(prefix)]


def needs(scaling: AutoScaling | None, action: str, params: Mapping[str, Any], scope: Scope) -> list[Need]:
    """What a caller who deletes an endpoint needs besides: to deregister each of its targets."""
    if action != "DeleteEndpoint" or scaling is None:
        return []
    found = targets_of(scaling.store, str(params.get("EndpointName")), scope)
    return [Need("application-autoscaling:DeregisterScalableTarget", one["ScalableTargetARN"]) for one in found]


def deregister(scaling: AutoScaling, endpoint: str, scope: Scope) -> None:
    """All targets of the endpoint, with their policies, alarms and scheduled actions; the deletion goes on if one of
    them is gone meanwhile, or has an alarm that a composite one needs."""
    for target in targets_of(scaling.store, endpoint, scope):
        try:
            within(scope, scaling.deregister, named(target))
        except (ServiceError, CallError) as error:
            _log.info("%s stays a scalable target: %s", target["ResourceId"], error)
