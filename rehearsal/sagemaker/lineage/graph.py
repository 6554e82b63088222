"""Associations between entities, and questions about what came of what."""

from collections import deque
from typing import Any

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import ServiceError, invalid, not_found
from rehearsal.sagemaker.lineage.store import (
    ASSOCIATION_LIMIT,
    DEFAULT_GROUP,
    associations,
    entities,
    group_arn,
)
from rehearsal.sagemaker.listing import epoch, listed, page
from rehearsal.sagemaker.store import Record, split_arn

DEPTH = "rules"
DIFFERENCES = (
    "`QueryLineage` without IncludeEdges answers with the edges, and with the start among the vertices; lineage "
    "shared by other accounts is not there.",
)

_ENDS = ("Artifact", "Action", "Context", "Experiment", "TrialComponent")
_LINEAGE_TYPES = ("Artifact", "Action", "Context", "TrialComponent")
_MAX_DEPTH = 10
_DIRECTIONS = {"Ascendants": (True, False), "Descendants": (False, True), "Both": (True, True)}


@action("AddAssociation")
def add_association(call: Call) -> Record:
    """A directed edge between two entities that exist."""
    source, destination = (_entity(call, call.params[key]) for key in ("SourceArn", "DestinationArn"))
    key = f"{source['_arn']} {destination['_arn']}"
    table = associations(call.state)
    if key in table:
        raise invalid(f"Association from {source['_arn']} to {destination['_arn']} already exists.")
    if sum("_automatic" not in one for one in table.values()) >= ASSOCIATION_LIMIT:
        raise ServiceError(
            "ResourceLimitExceeded", f"The account-level service limit 'Total Associations' is {ASSOCIATION_LIMIT}."
        )
    table[key] = {
        **edge(source, destination, call.params.get("AssociationType")),
        "CreationTime": call.now,
        "CreatedBy": call.user,
        "_sequence": call.core.store.next_sequence(),
    }
    return call.show(table[key])


def edge(source: Record, destination: Record, kind: str | None) -> Record:
    """An association as ListAssociations and QueryLineage show it, but for times."""
    shown = {"SourceArn": source["_arn"], "DestinationArn": destination["_arn"], "AssociationType": kind}
    for side, one in (("Source", source), ("Destination", destination)):
        shown[f"{side}Type"] = one.get("_type", one["_kind"])
        shown[f"{side}Name"] = one.get(f"{one['_kind']}Name")
    return {key: value for key, value in shown.items() if value is not None}


@action("DeleteAssociation")
def delete_association(call: Call) -> Record:
    """The edge goes, its ends stay."""
    source, destination = call.params["SourceArn"].lower(), call.params["DestinationArn"].lower()
    gone = associations(call.state).pop(f"{source} {destination}", None)
    if gone is None:
        raise not_found(f"Association from {source} to {destination} does not exist.")
    return call.show(gone)


@action("ListAssociations")
def list_associations(call: Call) -> Record:
    """One page of edges."""
    members = ("SourceArn", "DestinationArn", "SourceType", "DestinationType", "AssociationType")
    same = {member: member for member in members}
    rows = associations(call.state).values()
    return listed(call, rows, name="SourceName", order="Descending", equal=same, sort=same)


@action("QueryLineage")
def query_lineage(call: Call) -> Record:
    """Entities that lead to the start (Ascendants), come of it (Descendants) or both, nearest first.

    With IncludeEdges, which is the default, the entities and edges on the way to those that the filters let through
    are answered as well; the start is one of the vertices.
    """
    params = call.params
    direction = params.get("Direction", "Both")
    depth = params.get("MaxDepth", _MAX_DEPTH)
    starts = [_entity(call, arn)["_arn"] for arn in params.get("StartArns", [])]
    reached, ways = _walk(call, starts, direction, depth) if starts else (list(entities(call.state)), {})
    table = entities(call.state)
    lineage = [arn for arn in reached if table[arn]["_kind"] in _LINEAGE_TYPES]
    wanted = [arn for arn in lineage if _passes(table[arn], params.get("Filters", {}))]
    edges: list[Record] = []
    if params.get("IncludeEdges", True) and starts:
        edges = _edges_to(wanted, ways)
        on_the_way = {arn for one in edges for arn in (one["SourceArn"], one["DestinationArn"])}
        wanted = [arn for arn in lineage if arn in on_the_way or arn in wanted or arn in starts]
    vertices = [{"Arn": arn, "Type": table[arn].get("_type"), "LineageType": table[arn]["_kind"]} for arn in wanted]
    answer = page(call, vertices, member="Vertices")
    shown = {one["Arn"] for one in answer["Vertices"]}
    near = [one for one in edges if one["SourceArn"] in shown or one["DestinationArn"] in shown]
    members = ("SourceArn", "DestinationArn", "AssociationType")
    if near:
        answer["Edges"] = [{key: one[key] for key in members if key in one} for one in near]
    return answer


def _walk(call: Call, starts: list[str], direction: str, depth: int) -> tuple[list[str], dict[str, list[Record]]]:
    """ARNs in order of distance, and for each the edges over which it was reached."""
    table = entities(call.state)
    ways: dict[str, list[Record]] = {start: [] for start in starts}
    upwards, downwards = _DIRECTIONS[direction]
    for up in [True] * upwards + [False] * downwards:  # a sibling is neither ascendant nor descendant
        near: dict[str, list[Record]] = {}
        for one in associations(call.state).values():
            near.setdefault(one["DestinationArn" if up else "SourceArn"], []).append(one)
        distance = dict.fromkeys(starts, 0)
        waiting = deque(starts)
        while waiting:
            here = waiting.popleft()
            for one in near.get(here, []) if distance[here] < depth else []:
                there = one["SourceArn" if up else "DestinationArn"]
                if there not in table:
                    continue
                ways.setdefault(there, []).append(one)
                if there not in distance:
                    distance[there] = distance[here] + 1
                    waiting.append(there)
    return list(ways), ways


def _edges_to(wanted: list[str], ways: dict[str, list[Record]]) -> list[Record]:
    """The edges on all ways from the start to what is wanted."""
    found: dict[tuple[str, str], Record] = {}
    waiting, seen = deque(wanted), set(wanted)
    while waiting:
        here = waiting.popleft()
        for one in ways.get(here, []):
            found[one["SourceArn"], one["DestinationArn"]] = one
            for there in (one["SourceArn"], one["DestinationArn"]):
                if there not in seen:
                    seen.add(there)
                    waiting.append(there)
    return list(found.values())


def _passes(record: Record, filters: dict[str, Any]) -> bool:
    held = record.get("Properties") or {}
    bounds = (("Created", "CreationTime"), ("Modified", "LastModifiedTime"))
    return (
        record.get("_type") in filters.get("Types", [record.get("_type")])
        and record["_kind"] in filters.get("LineageTypes", [record["_kind"]])
        and all(held.get(key) == value for key, value in filters.get("Properties", {}).items())
        and all(record[key] <= epoch(filters.get(f"{name}Before", record[key])) for name, key in bounds)
        and all(record[key] >= epoch(filters.get(f"{name}After", record[key])) for name, key in bounds)
    )


def _entity(call: Call, arn: str) -> Record:
    record = entities(call.state).get(arn.lower())
    if record is None or record["_kind"] not in _ENDS:
        raise not_found(f"Lineage entity {arn} does not exist.")
    return record


@action("DescribeLineageGroup")
def describe_lineage_group(call: Call) -> Record:
    """The one group of the account and region."""
    return call.show(_group(call, call.params["LineageGroupName"]))


@action("ListLineageGroups")
def list_lineage_groups(call: Call) -> Record:
    """There is one."""
    return listed(call, [_group(call, DEFAULT_GROUP)], name="LineageGroupName", order="Descending")


@action("GetLineageGroupPolicy")
def get_lineage_group_policy(call: Call) -> Record:
    """Policies of lineage groups come from shares in AWS RAM, which is not here: there is none."""
    group = _group(call, call.params["LineageGroupName"])
    raise not_found(f"Lineage group {group['LineageGroupArn']} has no resource policy.")


def _group(call: Call, name: str) -> Record:
    bare = name.rpartition("/")[2] if split_arn(name) else name
    if bare != DEFAULT_GROUP:
        raise not_found(f"Lineage group {name} does not exist.")
    first = min((one["CreationTime"] for one in entities(call.state).values()), default=call.now)
    times = {"CreationTime": first, "LastModifiedTime": first, "_sequence": 0}
    return {"LineageGroupName": DEFAULT_GROUP, "LineageGroupArn": group_arn(call.scope), **times}
