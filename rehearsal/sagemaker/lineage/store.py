"""The lineage graph's memory: entities by ARN in one table, and the associations between them."""

import hashlib
from dataclasses import dataclass

from rehearsal.host import Scope
from rehearsal.sagemaker.actions import Call
from rehearsal.sagemaker.errors import ServiceError, invalid, not_found
from rehearsal.sagemaker.store import Record, State, arn_of, split_arn

# At most this many of a kind are made by hand in an account and region; what the service makes is not counted
# ("Manually Create Tracking Entities", developer guide).
_LIMITS = {"Artifact": 6000, "Action": 3000, "Context": 500}
ASSOCIATION_LIMIT = 6000
DEFAULT_GROUP = "sagemaker-default-lineage-group"


@dataclass(frozen=True)
class Kind:
    """A kind of entity: its name in the API, its part of the ARN."""

    noun: str
    arn_kind: str

    @property
    def name_key(self) -> str:
        """Member that names it."""
        return f"{self.noun}Name"

    @property
    def arn_key(self) -> str:
        """Member that holds its ARN."""
        return f"{self.noun}Arn"


ARTIFACT = Kind("Artifact", "artifact")
ACTION = Kind("Action", "action")
CONTEXT = Kind("Context", "context")
EXPERIMENT = Kind("Experiment", "experiment")
TRIAL = Kind("Trial", "experiment-trial")
TRIAL_COMPONENT = Kind("TrialComponent", "experiment-trial-component")


def entities(state: State) -> dict[str, Record]:
    """All entities, by ARN; `_kind` is the noun, `_type` the type that QueryLineage and ListAssociations show."""
    return state.table("lineage")


def associations(state: State) -> dict[str, Record]:
    """All edges, by source and destination."""
    return state.table("associations")


def of_kind(state: State, kind: Kind) -> list[Record]:
    """The entities of one kind, oldest first."""
    return [one for one in entities(state).values() if one["_kind"] == kind.noun]


def artifact_arn(scope: Scope, uri: str) -> str:
    """There is one artifact for each SourceUri: its ARN is a hash of it."""
    return arn_of(scope, ARTIFACT.arn_kind, hashlib.md5(uri.encode(), usedforsecurity=False).hexdigest())


def group_arn(scope: Scope) -> str:
    """The lineage group that every entity of an account and region is in."""
    return arn_of(scope, "lineage-group", DEFAULT_GROUP)


def created(call: Call, kind: Kind, arn: str, shown_type: str | None = None) -> Record:
    """A new record of the request, in the table. Refused when the name is taken or the limit is reached."""
    table = entities(call.state)
    if arn in table:
        raise invalid(f"{kind.noun} with ARN {arn} already exists.")
    limit = _LIMITS.get(kind.noun)
    if limit is not None and sum("_automatic" not in one for one in of_kind(call.state, kind)) >= limit:
        raise ServiceError(
            "ResourceLimitExceeded", f"The account-level service limit 'Total {kind.noun}s' is {limit} entities."
        )
    record = call.new(kind.arn_key, arn)
    record |= {"LastModifiedTime": call.now, "CreatedBy": call.user, "LastModifiedBy": call.user, "_kind": kind.noun}
    if shown_type is not None:
        record["_type"] = shown_type
    if kind in (ARTIFACT, ACTION, CONTEXT, TRIAL_COMPONENT):
        record["LineageGroupArn"] = group_arn(call.scope)
    table[arn] = record
    return record


def find(call: Call, kind: Kind, name: str) -> Record:
    """An entity by name or ARN."""
    arn = name.lower() if split_arn(name) else call.arn(kind.arn_kind, name)
    record = entities(call.state).get(arn)
    if record is None or record["_kind"] != kind.noun:
        raise not_found(f"{kind.noun} {name} does not exist.")
    return record


def updated(call: Call, record: Record, *members: str, maps: tuple[str, ...] = ()) -> Record:
    """Set what the request gives. Members in `maps` are merged, and `<member>ToRemove` lists keys that go."""
    for member in maps:
        merged = {**(record.get(member) or {}), **call.params.get(member, {})}
        for key in call.params.get(f"{member}ToRemove", []):
            merged.pop(key, None)
        record[member] = merged or None
    record |= {member: call.params[member] for member in members if member in call.params}
    record |= {"LastModifiedTime": call.now, "LastModifiedBy": call.user}
    return record


def deleted(call: Call, record: Record) -> Record:
    """Remove an entity that nothing is associated with any more."""
    arn = record["_arn"]
    if any(arn in (edge["SourceArn"], edge["DestinationArn"]) for edge in associations(call.state).values()):
        raise invalid(f"{arn} has associations. Delete them before you delete the {record['_kind']}.")
    del entities(call.state)[arn]
    call.state.tags.pop(arn, None)
    return call.show(record)
