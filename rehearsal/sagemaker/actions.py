"""The table of API actions. Each is one small function under `@action`, found by its name."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rehearsal.host import Scope
from rehearsal.sagemaker.errors import invalid
from rehearsal.sagemaker.shapes import output_members
from rehearsal.sagemaker.store import Record, State, arn_of, public

if TYPE_CHECKING:
    from rehearsal.sagemaker.core import Core


@dataclass(frozen=True)
class Call:
    """One API call whose parameters have passed the model's check."""

    action: str
    core: "Core"
    params: dict[str, Any]
    scope: Scope
    principal: str

    @property
    def state(self) -> State:
        """Resources of the caller's account and region."""
        return self.core.store.state(self.scope)

    @property
    def now(self) -> float:
        """Cloud time, epoch seconds."""
        return self.core.host.clock.now()

    def arn(self, kind: str, name: str) -> str:
        """ARN of a resource of this scope."""
        return arn_of(self.scope, kind, name)

    @property
    def user(self) -> Record:
        """The caller, as CreatedBy and LastModifiedBy show it."""
        return {"IamIdentity": {"Arn": self.principal, "PrincipalId": self.principal.rpartition("/")[2]}}

    def new(self, arn_key: str, arn: str) -> Record:
        """A record of the request plus ARN and times. Tags go to the tag table."""
        record = {key: value for key, value in self.params.items() if key not in ("Tags", "ClientToken")}
        now = self.now
        record |= {arn_key: arn, "_arn": arn, "CreationTime": now, "_sequence": self.core.store.next_sequence()}
        if self.params.get("Tags"):
            self.state.tags[arn] = tag_map(self.params["Tags"])
        return record

    def show(self, record: Record) -> Record:
        """The record as this action answers it."""
        return public(record, output_members(self.action))


def tag_map(tags: list[dict[str, str]]) -> dict[str, str]:
    """Tags of a request by key; a key given twice is refused."""
    found: dict[str, str] = {}
    for tag in tags:
        if tag["Key"] in found:
            raise invalid(f"Duplicate tag key found: {tag['Key']}.")
        found[tag["Key"]] = tag["Value"]
    return found


Handler = Callable[[Call], Record]
TABLE: dict[str, Handler] = {}


def action(name: str) -> Callable[[Handler], Handler]:
    """Register a function as the API action `name`. It runs with the store locked: no IO in it."""

    def register(handler: Handler) -> Handler:
        TABLE[name] = handler
        return handler

    return register
