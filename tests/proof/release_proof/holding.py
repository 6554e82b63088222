"""The tasks of the model that renew the lock, and what a person may have asked for in it."""

from release_proof.protocol import Endpoint
from release_proof.step import LOOK, OURS, RECOVER, UNLOCK, Step, Ways

LOST = "lock_lost"
__all__ = ["LOOK", "OURS", "RECOVER", "UNLOCK", "Holding"]


class Holding(Step):
    """An execution that keeps its lock, or finds that it has lost it."""

    def renewed(self, *, seal: bool = False) -> Endpoint | None:
        """The endpoint with a fresh lease; None where the lock is another's."""
        if not self.setting.has("lock_is_renewed_before_each_change"):
            return self.endpoint
        return self.endpoint._replace(leased=True, sealed=self.endpoint.sealed or seal) if self.mine else None

    def _lose(self) -> Ways:
        yield "refused", self.to("Tell", outcome=LOST)

    def keep_the_lock(self) -> Ways:
        if (kept := self.renewed()) is None:
            yield from self._lose()
        else:
            yield "ok", self.to("What is live?", kept)
            yield from self.lost(self.to(self.me.at, kept))
        yield from self.fails(self.refuse())

    def was_it_aborted(self) -> Ways:
        sealing = self.me.at == "Was it aborted meanwhile?"
        go = "Write the ledger" if sealing else "Update the endpoint"
        if self.me.decision == "update" and not self.me.judged and not sealing:
            go = "Create the trial config" if self.setting.has("new_versions_are_tried_first") else go
        if self.me.decision == "create" and not sealing:
            go = "Create the endpoint"
        if (kept := self.renewed(seal=sealing)) is None:
            yield "refused", self.to(OURS)
        else:
            wish = self.endpoint.wish and self.setting.has("wish_to_abort_is_looked_for")
            yield "ok", self.to(OURS if wish else go, kept)
            yield from self.lost(self.to(self.me.at, kept))
        yield from self.fails(self.to(OURS))

    def still_ours(self) -> Ways:
        if (kept := self.renewed()) is None:
            yield from self._lose()
        else:
            yield "ok", self.to(RECOVER, kept)
            yield from self.lost(self.to(self.me.at, kept))
        if self.mine:  # it cannot be asked, and lasts long enough
            yield from self.fails(self.to(RECOVER, self.endpoint._replace(leased=True)))
        yield from self.fails(self.to("Tell", outcome=LOST))
