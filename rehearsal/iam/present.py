"""The request that the present context serves, as far as its check has looked at it, and who makes it."""

from contextvars import ContextVar

from rehearsal.host import Scope
from rehearsal.iam.callers import Caller
from rehearsal.iam.requestkeys import Asked

asked: ContextVar[Asked | None] = ContextVar("slipway_asked", default=None)
caller: ContextVar[Caller | None] = ContextVar("slipway_caller", default=None)


def scope() -> Scope:
    """Account and region of the request; empty outside one."""
    request = asked.get()
    return Scope(request.account, request.region) if request is not None else Scope("", "")


def service() -> str:
    """The service that the request went to; "" outside one."""
    request = asked.get()
    return request.service if request is not None else ""
