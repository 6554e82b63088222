"""How a job ends other than by its container's own success, and the service's words for it."""

from typing import Any

INTERNAL_ERROR = "InternalServerError: We encountered an internal error. Please try again."
NO_CAPACITY = (
    "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type."
)


class JobError(Exception):
    """The job fails; the text is its FailureReason."""


class StoppedError(Exception):
    """The job ended before its container ran, by a stop, a time limit, or because the cloud is shutting down."""


class InstancesLostError(Exception):
    """The job's instances are gone: `spot` by an interruption, else by a failure of the platform."""

    def __init__(self, text: str, *, spot: bool = False, where: dict[str, Any] | None = None) -> None:
        super().__init__(text)
        self.spot = spot
        self.where = where or {}
