"""Rows of the fault catalogue about endpoints, besides those that a deployment takes in its moment.

A04 an endpoint fails (or goes OutOfService) · A06 maintenance · A08 the double fleet exceeds a quota · A25 an update of
a scalable target is refused · A30 an endpoint is deleted from outside.
"""

import functools
from collections.abc import Iterator
from typing import Any

from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints import summaries
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.faults import at_once, declare_call
from rehearsal.sagemaker.store import Record

_MAINTENANCE_SECONDS = 3600.0  # cloud

declare_call(
    "A08",
    "CreateEndpoint",
    "UpdateEndpoint",
    code="ResourceLimitExceeded",
    message="The account-level service limit 'Number of instances across all endpoints' is exceeded by this request. "
    "Please use AWS Service Quotas to request an increase for this quota.",
)
declare_call(
    "A25",
    "UpdateEndpoint",
    code="ValidationException",
    message="The variant(s) must be deregistered as scalable targets with AWS Auto Scaling before they can be removed "
    "or have their instance type updated.",
)


@at_once("A04", "endpoint", status=("Failed", "OutOfService"))
def _fail(core: Core, where: dict[str, Any]) -> None:
    """InService → Failed: only DeleteEndpoint is left. With `status="OutOfService"` UpdateEndpoint is too."""
    status = where.get("status", "Failed")
    for live, record in _in_service(core, where):
        reason = "Request to service failed (fault A04)." if status == "Failed" else None
        summaries.set_status(core, live, record, status, reason)


@at_once("A06", "endpoint", "seconds")
def _maintain(core: Core, where: dict[str, Any]) -> None:
    """InService → SystemUpdating for `seconds` of cloud time (an hour), or until the faults are cleared."""
    seconds = float(where.get("seconds", _MAINTENANCE_SECONDS))
    for live, record in _in_service(core, where):
        summaries.set_status(core, live, record, "SystemUpdating")
        core.faults.on_clear.append(functools.partial(_end_of_maintenance, core, live, record))
        core.run(f"maintain-{live.name}", _maintenance, core, live, record, seconds)


def _maintenance(core: Core, live: LiveEndpoint, record: Record, seconds: float) -> None:
    generation = core.faults.generation
    if core.host.clock.sleep(seconds, core.stopping) and core.faults.generation == generation:
        _end_of_maintenance(core, live, record)


def _end_of_maintenance(core: Core, live: LiveEndpoint, record: Record) -> None:
    if record["EndpointStatus"] == "SystemUpdating":
        summaries.set_status(core, live, record, "InService")


@at_once("A30", "endpoint")
def _delete(core: Core, where: dict[str, Any]) -> None:
    """The endpoint is deleted by somebody else."""
    for live, record in _in_service(core, where):
        summaries.set_status(core, live, record, "Deleting")
        live.remove(core, record)


def _in_service(core: Core, where: dict[str, Any]) -> Iterator[tuple[LiveEndpoint, Record]]:
    for live in list(core.live.values()):
        record = core.store.state(live.scope).endpoints[live.name]
        if where.get("endpoint", live.name) == live.name and record["EndpointStatus"] == "InService":
            yield live, record
