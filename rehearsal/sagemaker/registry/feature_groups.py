"""Feature groups as records: their definitions and metadata. No store is behind them, and they say so.

Reading and writing of records (the Feature Store runtime) is another service, which is not here; the offline store is
`Blocked` with the reason.
"""

from typing import Any

from rehearsal.sagemaker import events
from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import ServiceError, invalid, not_found
from rehearsal.sagemaker.event_details import publish
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.store import Record, split_arn

DEPTH = "record"
DIFFERENCES = (
    "No feature store is behind a feature group: the offline store is `Blocked` with the reason, the runtime's "
    "GetRecord and PutRecord are not there.",
)

_RESERVED = frozenset({"is_deleted", "write_time", "api_invocation_time"})
_MAX_FEATURES = 2500
_BLOCKED = "The embedded cloud does not run the offline store: nothing is written to S3 and no Glue table is made."


@action("CreateFeatureGroup")
def create_feature_group(call: Call) -> Record:
    """A group with its definitions checked."""
    params = call.params
    name = params["FeatureGroupName"]
    arn = call.arn("feature-group", name)
    if name in _groups(call):
        raise ServiceError("ResourceInUse", f"Resource Already Exists: FeatureGroup with name {name} already exists.")
    kinds = _kinds(params["FeatureDefinitions"])
    for member in ("RecordIdentifierFeatureName", "EventTimeFeatureName"):
        if params[member] not in kinds:
            raise invalid(f"{member} {params[member]} is not one of the FeatureDefinitions.")
    if kinds[params["EventTimeFeatureName"]] == "Integral":
        raise invalid("The type of the event time feature must be String or Fractional.")
    if "OnlineStoreConfig" not in params and "OfflineStoreConfig" not in params:
        raise invalid("Either OnlineStoreConfig or OfflineStoreConfig must be specified.")
    if "OfflineStoreConfig" in params and "RoleArn" not in params:
        raise invalid("RoleArn is required with an OfflineStoreConfig.")
    record = call.new("FeatureGroupArn", arn)
    record |= {"FeatureGroupStatus": "Created", "LastModifiedTime": call.now, "_features": {}}
    if "OfflineStoreConfig" in params:
        record["OfflineStoreStatus"] = {"Status": "Blocked", "BlockedReason": _BLOCKED}
    _groups(call)[name] = record
    publish(call.core, events.FEATURE_GROUP, record)
    return call.show(record)


@action("DescribeFeatureGroup")
def describe_feature_group(call: Call) -> Record:
    """The group, all definitions on one page."""
    return call.show(_find(call))


@action("UpdateFeatureGroup")
def update_feature_group(call: Call) -> Record:
    """Features can be added, never taken away; time to live and throughput can be changed."""
    record = _find(call)
    if not {"FeatureAdditions", "OnlineStoreConfig", "ThroughputConfig"} & set(call.params):
        raise invalid("You must give FeatureAdditions, OnlineStoreConfig or ThroughputConfig.")
    definitions = [*record["FeatureDefinitions"], *call.params.get("FeatureAdditions", [])]
    if len(definitions) > _MAX_FEATURES:
        raise invalid(f"A feature group has at most {_MAX_FEATURES} features, this would make {len(definitions)}.")
    _kinds(definitions)
    if "OnlineStoreConfig" in call.params:
        if "OnlineStoreConfig" not in record:
            raise invalid("OnlineStoreConfig can be updated only for a group that has an online store.")
        record["OnlineStoreConfig"] = {**record["OnlineStoreConfig"], **call.params["OnlineStoreConfig"]}
    if "ThroughputConfig" in call.params:
        record["ThroughputConfig"] = {**record.get("ThroughputConfig", {}), **call.params["ThroughputConfig"]}
    record |= {"FeatureDefinitions": definitions, "LastUpdateStatus": {"Status": "Successful"}}
    record["LastModifiedTime"] = call.now
    publish(call.core, events.FEATURE_GROUP, record)
    return call.show(record)


@action("DeleteFeatureGroup")
def delete_feature_group(call: Call) -> Record:
    """The group and the metadata of its features."""
    record = _find(call)
    del _groups(call)[record["FeatureGroupName"]]
    call.state.tags.pop(record["FeatureGroupArn"], None)
    publish(call.core, events.FEATURE_GROUP, {**record, "FeatureGroupStatus": "Deleting"})
    return {}


@action("ListFeatureGroups")
def list_feature_groups(call: Call) -> Record:
    """One page of groups."""
    rows = list(_groups(call).values())
    if wanted := call.params.get("OfflineStoreStatusEquals"):
        rows = [row for row in rows if row.get("OfflineStoreStatus", {}).get("Status") == wanted]
    same = {"FeatureGroupStatusEquals": "FeatureGroupStatus"}
    sort = {"FeatureGroupStatus": "FeatureGroupStatus", "OfflineStoreStatus": "OfflineStoreStatus.Status"}
    shown = [{**row, "OfflineStoreStatus.Status": row.get("OfflineStoreStatus", {}).get("Status", "")} for row in rows]
    return listed(call, shown, name="FeatureGroupName", order="Ascending", equal=same, sort=sort)


@action("DescribeFeatureMetadata")
def describe_feature_metadata(call: Call) -> Record:
    """One feature."""
    return call.show(feature(_find(call), call.params["FeatureName"]))


@action("UpdateFeatureMetadata")
def update_feature_metadata(call: Call) -> Record:
    """Description and parameters of one feature."""
    record = _find(call)
    shown = feature(record, call.params["FeatureName"])
    held = {one["Key"]: one for one in shown.get("Parameters", [])}
    held |= {one["Key"]: one for one in call.params.get("ParameterAdditions", [])}
    for key in call.params.get("ParameterRemovals", []):
        held.pop(key, None)
    if len(held) > 25:
        raise invalid(f"A feature has at most 25 parameters, this would make {len(held)}.")
    kept: dict[str, Any] = {"LastModifiedTime": call.now, "Parameters": list(held.values()) or None}
    if "Description" in call.params:
        kept["Description"] = call.params["Description"]
    record["_features"].setdefault(shown["FeatureName"], {}).update(kept)
    return {}


def feature(group: Record, name: str) -> Record:
    """A feature with its metadata."""
    for one in group["FeatureDefinitions"]:
        if one["FeatureName"] == name:
            shared = ("FeatureGroupArn", "FeatureGroupName", "CreationTime", "LastModifiedTime")
            kept = group["_features"].get(name, {})
            return {**{key: group[key] for key in shared}, **one, **kept, "_sequence": group["_sequence"]}
    raise not_found(f"Feature {name} does not exist in feature group {group['FeatureGroupArn']}.")


def _groups(call: Call) -> dict[str, Record]:
    return call.state.table("feature_groups")


def _kinds(definitions: list[dict[str, Any]]) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for one in definitions:
        name = one["FeatureName"]
        if name.lower() in _RESERVED:
            raise invalid(f"Feature name {name} is reserved.")
        if name in kinds:
            raise invalid(f"Feature {name} is defined more than once.")
        kinds[name] = one["FeatureType"]
    return kinds


def _find(call: Call) -> Record:
    name = call.params["FeatureGroupName"]
    bare = name.rpartition("/")[2] if split_arn(name) else name
    for known, record in _groups(call).items():
        if bare == known or (split_arn(name) and record["FeatureGroupArn"] == name.lower()):
            return record
    raise not_found(f"Resource Not Found: FeatureGroup {bare} does not exist.")
