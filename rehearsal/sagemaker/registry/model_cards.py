"""Model cards: content by the published schema, a version for each change of it, and an event for every change."""

from typing import Any

from rehearsal.sagemaker import events
from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import conflict, invalid, not_found
from rehearsal.sagemaker.event_details import publish
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.registry.model_card_schema import CARD, check_content
from rehearsal.sagemaker.registry.package_rules import sanitised
from rehearsal.sagemaker.store import Record, split_arn

DEPTH = "rules"
DIFFERENCES = (
    "The content of a model card is checked against the published JSON schema; wording of the refusals is ours.",
)

_STATUS = {"ModelCardStatus": "ModelCardStatus"}


def cards(call: Call) -> dict[str, Record]:
    """By name. A record is the latest version; `_versions` holds all of them, oldest first."""
    return call.state.table("model_cards")


@action("CreateModelCard")
def create_model_card(call: Call) -> Record:
    """Version 1 of a card."""
    name = call.params["ModelCardName"]
    arn = call.arn("model-card", name)
    if name in cards(call):
        raise conflict(f"ModelCard {arn} already exists.")
    content = check_content(call.params["Content"], CARD)
    record = call.new("ModelCardArn", arn)
    record |= {"ModelCardVersion": 1, "CreatedBy": call.user, "LastModifiedTime": call.now, **_searched(content)}
    record |= {"LastModifiedBy": call.user, "AccountId": call.scope.account}
    record["_versions"] = [_version(record)]
    cards(call)[name] = record
    publish(call.core, events.MODEL_CARD, record)
    return call.show(record)


@action("UpdateModelCard")
def update_model_card(call: Call) -> Record:
    """New content makes a new version; a new status does not. One request changes one of them."""
    record = find_card(call, call.params["ModelCardName"])
    content, status = call.params.get("Content"), call.params.get("ModelCardStatus")
    if (content is None) == (status is None):
        raise invalid("You must update either the Content or the ModelCardStatus of a model card in one request.")
    if content is not None:
        if record["ModelCardStatus"] == "Archived":
            raise conflict(f"ModelCard {record['ModelCardArn']} is archived: its content cannot be changed.")
        for key in ("ModelId", "RiskRating", "ModelPackageGroupName"):
            record.pop(key, None)
        record |= {"Content": content, "ModelCardVersion": record["ModelCardVersion"] + 1}
        record |= _searched(check_content(content, CARD))
    else:
        record["ModelCardStatus"] = status
    record |= {"LastModifiedTime": call.now, "LastModifiedBy": call.user}
    if content is None:
        record["_versions"].pop()
    record["_versions"].append(_version(record))
    publish(call.core, events.MODEL_CARD, record)
    return call.show(record)


@action("DescribeModelCard")
def describe_model_card(call: Call) -> Record:
    """The latest version, or the one asked for; with MetadataOnly the content is cut down to what identifies it."""
    shown = call.show(version_of(find_card(call, call.params["ModelCardName"]), call.params.get("ModelCardVersion")))
    if call.params.get("IncludedData") == "MetadataOnly":
        shown["Content"] = sanitised(shown["Content"])
    return shown


@action("DeleteModelCard")
def delete_model_card(call: Call) -> Record:
    """All versions go, and the records of their exports."""
    record = find_card(call, call.params["ModelCardName"])
    exports = call.state.table("model_card_exports")
    for arn in [arn for arn, one in exports.items() if one["ModelCardName"] == record["ModelCardName"]]:
        if exports[arn]["Status"] == "InProgress":
            raise conflict(f"ModelCard {record['ModelCardArn']} has an export job in progress.")
        del exports[arn]
    del cards(call)[record["ModelCardName"]]
    call.state.tags.pop(record["ModelCardArn"], None)
    return {}


@action("ListModelCards")
def list_model_cards(call: Call) -> Record:
    """One page of cards, each by its latest version."""
    return listed(call, cards(call).values(), name="ModelCardName", order="Descending", equal=_STATUS)


@action("ListModelCardVersions")
def list_model_card_versions(call: Call) -> Record:
    """One page of a card's versions."""
    versions = find_card(call, call.params["ModelCardName"])["_versions"]
    rows = [{**one, "_sequence": one["ModelCardVersion"]} for one in versions]
    sort = {"Version": "ModelCardVersion"}
    return listed(call, rows, name="ModelCardName", order="Descending", equal=_STATUS, sort=sort)


def find_card(call: Call, name: str) -> Record:
    """A card by name or by ARN."""
    found = split_arn(name)
    bare = found[1].removeprefix("model-card/") if found else name
    for known, record in cards(call).items():
        if known == bare or (found and record["ModelCardArn"] == name.lower()):
            return record
    raise not_found(f"ModelCard {name if found else call.arn('model-card', name)} does not exist.")


def version_of(record: Record, version: int | None) -> Record:
    """One version of a card; without a number the latest."""
    if version is None:
        return record
    for one in record["_versions"]:
        if one["ModelCardVersion"] == version:
            return dict(one)
    raise not_found(f"ModelCard {record['ModelCardArn']} has no version {version}.")


def _version(record: Record) -> Record:
    return {key: value for key, value in record.items() if not key.startswith("_")}


def _searched(content: dict[str, Any]) -> Record:
    """What events and Search take out of the content."""
    members = {
        "ModelId": content.get("model_overview", {}).get("model_id"),
        "RiskRating": content.get("intended_uses", {}).get("risk_rating"),
        "ModelPackageGroupName": content.get("model_package_details", {}).get("model_package_group_name"),
    }
    return {key: value for key, value in members.items() if value is not None}
