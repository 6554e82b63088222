"""The service as its host calls it."""

import copy
import importlib
import pkgutil
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rehearsal.host import Host, Scope
from rehearsal.sagemaker import account_quotas, recovery, ticking
from rehearsal.sagemaker.actions import TABLE, Call
from rehearsal.sagemaker.core import Core, bounded
from rehearsal.sagemaker.errors import ServiceError
from rehearsal.sagemaker.faults import STRIKES, Faults, check
from rehearsal.sagemaker.limits import Limits
from rehearsal.sagemaker.serving.router import Router, StreamedAnswer
from rehearsal.sagemaker.shapes import check_request, service_model

# Importing a module fills the tables of actions and faults with what it adds.
_PACKAGE = __name__.rpartition(".")[0]
for _module in pkgutil.walk_packages([str(Path(__file__).parent)], f"{_PACKAGE}."):
    importlib.import_module(_module.name)


class SageMaker:
    """Control plane (`handle`) and data plane (`invoke`) over one directory; `close` ends all and removes the files."""

    ACTIONS = frozenset(TABLE)

    def __init__(self, host: Host, root: Path, limits: Limits | None = None) -> None:
        self._core = Core(host, root, limits or Limits())
        self._router = Router(self._core)
        self._closed = False
        self._core.run("ticks", ticking.keep_ticking, self._core)

    def handle(self, action: str, params: Mapping[str, Any], scope: Scope, principal: str) -> dict[str, Any]:
        """One API call by `principal` (an ARN). Timestamps in the answer are epoch floats. Raises ServiceError."""
        if action not in TABLE:
            known = action in service_model().operation_names
            reason = "is not one that the embedded cloud runs" if known else "is not an action of SageMaker"
            raise ServiceError("UnknownOperationException", f"{action} {reason}.", 400)
        checked = check_request(action, dict(params))
        self._core.faults.refuse_call(action, checked, after=False)
        with self._core.store.lock:
            answer = copy.deepcopy(TABLE[action](Call(action, self._core, checked, scope, principal)))
        self._core.faults.refuse_call(action, checked, after=True)
        return answer

    async def invoke(
        self, endpoint: str, headers: Mapping[str, str], body: bytes, scope: Scope, operation: str = "InvokeEndpoint"
    ) -> StreamedAnswer:
        """An operation of the runtime API in the caller's event loop: status, headers, body.

        Errors are answers, not exceptions. A streamed answer's body is its event stream; any other is bytes.
        """
        return await self._router.invoke(endpoint, headers, body, scope, operation)

    def fault(self, row: str, *, times: int | None = 1, **where: Any) -> None:
        """Arm a row of the fault catalogue. Some (A04, A06) take hold at once, the rest in their moment."""
        if strike := STRIKES.get(row):
            check(row, times, where)
            strike(self._core, where)
        else:
            self._core.faults.arm(row, times, where)

    def faults(self) -> dict[str, Any]:
        """{"rows": {row: its filters}, "armed": [{"row", "left", "where"}]}; `left` None: until cleared."""
        return self._core.faults.summary()

    @property
    def armed(self) -> Faults:
        """The armed faults of the whole cloud, for what injects some beside SageMaker."""
        return self._core.faults

    def clear_faults(self) -> None:
        """Disarm all; maintenance ends, what hangs goes on, held events go out."""
        self._core.faults.clear()
        self._core.events.release()

    def quotas(self, *, now: bool = True) -> dict[str, int]:
        """The account's quotas by their names in Service Quotas: as they are, or as they are for a new account."""
        limits = self._core.limits if now else Limits()
        return {name: account_quotas.value(limits, name) for name in account_quotas.names()}

    def set_quota(self, name: str, value: int) -> None:
        """Hold to another quota from now on. Raises ValueError for a name or value that is none."""
        account_quotas.set_value(self._core, name, value)

    def flush(self) -> None:
        """Hand over metrics, captured records and events that are still buffered."""
        with self._core.ticking:
            ticking.tick(self._core)
        self._core.metrics.flush()
        self._core.capture.flush()
        self._core.events.flush()

    def snapshot(self) -> list[dict[str, Any]]:
        """What `resume` of a later process needs; JSON values."""
        return copy.deepcopy(recovery.snapshot(self._core))

    def resume(self, kept: list[dict[str, Any]]) -> None:
        """Take up what a killed cloud had: once, before the first call."""
        recovery.resume(self._core, kept)

    def processes(self) -> list[dict[str, Any]]:
        """Containers running now: pid, kind (server, training, processing), name."""
        return [{"pid": one.pid, "kind": one.kind, "name": one.name} for one in self._core.spawner.running()]

    async def aclose(self) -> None:
        """Close this event loop's connections to containers; call before `close` from the loop that used `invoke`."""
        await self._router.aclose()

    def close(self) -> None:
        """End every process, write what is buffered (while the host answers), remove the files. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        core = self._core
        core.stopping.set()
        self._router.close()
        core.spawner.close(2.0)
        for live in list(core.live.values()):
            for fleet in live.fleets():
                fleet.close()
        core.join(2.0)
        for part in (core.metrics, core.capture, core.events):
            bounded(part.close, 2.0)
        for name in ("fleets", "jobs", "pids"):
            shutil.rmtree(core.root / name, ignore_errors=True)
