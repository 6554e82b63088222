"""Endpoints after a restart of the cloud: as if all their instances had failed at once.

Creating goes on; Deleting is completed; Failed stays. An endpoint that served gets new instances of its live config,
with the weights and counts it had. An update or a change of capacity that was under way is rolled back: its new
fleet is lost like the old one, and only the old one is known to work. InService stays InService meanwhile, as an
endpoint does whose instances are being replaced; requests find no instance until the first is healthy. Instances that
do not come up again make it OutOfService: UpdateEndpoint and DeleteEndpoint are left.
"""

from rehearsal.sagemaker.core import Core
from rehearsal.sagemaker.endpoints import summaries
from rehearsal.sagemaker.endpoints.blueprint import Blueprint
from rehearsal.sagemaker.endpoints.deployment import ClosingError, Creation, Deployment
from rehearsal.sagemaker.endpoints.live import LiveEndpoint
from rehearsal.sagemaker.recovery import resumes
from rehearsal.sagemaker.store import Record

_UNDER_WAY = frozenset({"Updating", "RollingBack"})


class Restoration(Deployment):
    """New instances for what was live. Traffic is theirs as soon as they are healthy."""

    def __init__(self, core: Core, live: LiveEndpoint, record: Record) -> None:
        super().__init__(core, live, record, Blueprint.kept(record["_live"]))
        record |= {"_deployment": None, "_target": None}  # no new config: nothing is pending
        self._live.replace(self._target())

    def _work(self) -> None:
        if self._record["EndpointStatus"] in _UNDER_WAY:
            self._become("RollingBack")
        try:
            self._start(self._fleets)
        except ClosingError:
            raise
        except Exception as error:
            self._log(f"the instances did not come up again: {error}")
            status = "OutOfService"
        else:
            status = "UpdateRollbackFailed" if self._record["EndpointStatus"] == "UpdateRollbackFailed" else "InService"
        with self._core.store.lock:
            # An UpdateEndpoint or DeleteEndpoint that came meanwhile decides what becomes of it.
            overtaken = self._record["_deployment"] is not None or self._record["EndpointStatus"] == "Deleting"
            if overtaken or not set(self._fleets) <= set(self._live.fleets()):
                return
            changed = self._record["EndpointStatus"] != status
        if changed:
            self._become(status)


@resumes
def resume_endpoints(core: Core) -> None:
    """Take up every endpoint of every account and region."""
    for scope, state in core.store.scopes():
        for name, record in list(state.endpoints.items()):
            live = core.live[scope, name] = LiveEndpoint(scope, name)
            status = record["EndpointStatus"]
            record["_deployment"] = None
            if status == "Deleting":
                core.run(f"delete-{name}", live.remove, core, record)
            elif status == "Creating":
                creation = Creation(core, live, record, Blueprint.kept(record["_target"]))
                core.run(f"deploy-{name}", creation.run)
            elif record.get("_live") and status != "Failed":
                if status == "SystemUpdating":
                    summaries.set_status(core, live, record, "InService")
                core.run(f"restore-{name}", Restoration(core, live, record).run)
