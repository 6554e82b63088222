"""Model packages: versions that only grow, approval, life cycle, and an event for every change."""

from datetime import UTC, datetime
from typing import Any

from rehearsal.sagemaker import events
from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import ServiceError, invalid
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.package_groups import find_group
from rehearsal.sagemaker.store import Record, arn_of, split_arn

_MAX_CUSTOM = 50
# Member of UpdateModelPackage → its name in the event's UpdatedModelPackageFields (`sourceUri` is written so).
_UPDATABLE = {
    "ModelApprovalStatus": "ModelApprovalStatus",
    "ApprovalDescription": "ApprovalDescription",
    "ModelPackageRegistrationType": "ModelPackageRegistrationType",
    "InferenceSpecification": "InferenceSpecification",
    "SourceUri": "sourceUri",
    "ModelCard": "ModelCard",
    "ModelLifeCycle": "ModelLifeCycle",
}
_EVENT_MEMBERS = (
    "ModelPackageName", "ModelPackageGroupName", "ModelPackageVersion", "ModelPackageArn", "InferenceSpecification",
    "ModelPackageStatus", "ModelPackageStatusDetails", "CertifyForMarketplace", "ModelApprovalStatus",
    "MetadataProperties", "ModelMetrics", "ModelLifeCycle", "ApprovalDescription", "CustomerMetadataProperties",
    "SourceUri",
)  # fmt: skip


@action("CreateModelPackage")
def create_model_package(call: Call) -> Record:
    """The next version of a group, or an unversioned package. The same ClientToken answers with the same package."""
    token = call.params.get("ClientToken")
    request = {key: value for key, value in call.params.items() if key != "ClientToken"}
    if token and token in call.state.tokens:
        earlier, arn = call.state.tokens[token]
        if earlier != request:
            raise ServiceError("ConflictException", f'ClientToken "{token}" was used with other parameters.')
        return {"ModelPackageArn": arn}
    group_name, name = call.params.get("ModelPackageGroupName"), call.params.get("ModelPackageName")
    if (group_name is None) == (name is None):
        raise invalid("You must specify exactly one of ModelPackageGroupName and ModelPackageName.")
    record = _version(call, group_name) if group_name else _unversioned(call, str(name))
    record |= {
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CertifyForMarketplace": call.params.get("CertifyForMarketplace", False),
        "CreatedBy": _who(call),
    }
    arn = record["ModelPackageArn"]
    _packages(call, arn)[arn] = record
    if token:
        call.state.tokens[token] = (request, arn)
    _publish(call, record, [])
    return call.show(record)


def _version(call: Call, group_name: str) -> Record:
    if call.params.get("Tags"):
        raise invalid("Tags cannot be given for a versioned model package: the tags of its group apply.")
    group = find_group(call, group_name)
    group["_last_version"] += 1
    version, name = group["_last_version"], group["ModelPackageGroupName"]
    scope, _ = split_arn(group["ModelPackageGroupArn"]) or (call.scope, "")
    record = call.new("ModelPackageArn", arn_of(scope, "model-package", f"{name}/{version}"))
    record |= {"ModelPackageGroupName": name, "ModelPackageVersion": version}
    return {"ModelApprovalStatus": "PendingManualApproval", **record}


def _unversioned(call: Call, name: str) -> Record:
    arn = call.arn("model-package", name)
    if arn in call.state.packages:
        raise invalid(f'ModelPackage already exists: "{arn}".')
    return call.new("ModelPackageArn", arn)


@action("DescribeModelPackage")
def describe_model_package(call: Call) -> Record:
    """The version as it stands."""
    return call.show(find_package(call, call.params["ModelPackageName"]))


@action("UpdateModelPackage")
def update_model_package(call: Call) -> Record:
    """Approval, life cycle, metadata. Every edit sends an event that names the edited fields."""
    record = find_package(call, call.params["ModelPackageArn"])
    changed = [field for member, field in _UPDATABLE.items() if member in call.params]
    custom = dict(record.get("CustomerMetadataProperties", {}))
    custom |= call.params.get("CustomerMetadataProperties", {})
    for key in call.params.get("CustomerMetadataPropertiesToRemove", []):
        custom.pop(key, None)
    if len(custom) > _MAX_CUSTOM:
        raise invalid(
            f"CustomerMetadataProperties can have at most {_MAX_CUSTOM} entries, this would make {len(custom)}."
        )
    if custom != record.get("CustomerMetadataProperties", {}):
        changed.append("CustomerMetadataProperties")
        record["CustomerMetadataProperties"] = custom or None
    if added := call.params.get("AdditionalInferenceSpecificationsToAdd"):
        record["AdditionalInferenceSpecifications"] = [*(record.get("AdditionalInferenceSpecifications") or []), *added]
    record |= {member: call.params[member] for member in _UPDATABLE if member in call.params}
    record |= {"LastModifiedTime": call.now, "LastModifiedBy": _who(call)}
    _publish(call, record, changed)
    return call.show(record)


@action("DeleteModelPackage")
def delete_model_package(call: Call) -> Record:
    """Its version number is never used again."""
    record = find_package(call, call.params["ModelPackageName"])
    del _packages(call, record["ModelPackageArn"])[record["ModelPackageArn"]]
    return {}


@action("ListModelPackages")
def list_model_packages(call: Call) -> Record:
    """One page. Without a group the default is unversioned packages, as documented."""
    rows = list(call.state.packages.values())
    default = "Unversioned"
    if group_name := call.params.get("ModelPackageGroupName"):
        group = find_group(call, group_name)
        found = split_arn(group["ModelPackageGroupArn"])
        state = call.core.store.state(found[0]) if found else call.state
        rows = [
            row for row in state.packages.values() if row.get("ModelPackageGroupName") == group["ModelPackageGroupName"]
        ]
        default = "Versioned"
    kind = call.params.get("ModelPackageType", default)
    rows = [row for row in rows if kind == "Both" or ("ModelPackageVersion" in row) == (kind == "Versioned")]
    if status := call.params.get("ModelApprovalStatus"):
        rows = [row for row in rows if row.get("ModelApprovalStatus") == status]
    name = "ModelPackageGroupName" if kind == "Versioned" else "ModelPackageName"
    return listed(call, rows, name=name, order="Ascending")


def find_package(call: Call, name: str) -> Record:
    """A package by ARN (also of another account, whose policy decides elsewhere) or by an unversioned name."""
    arn = name if split_arn(name) else call.arn("model-package", name)
    record = _packages(call, arn).get(arn)
    if record is None:
        raise invalid(f"ModelPackage {arn} does not exist.")
    return record


def _packages(call: Call, arn: str) -> dict[str, Record]:
    found = split_arn(arn)
    return call.core.store.state(found[0] if found else call.scope).packages


def _who(call: Call) -> dict[str, Any]:
    return {"IamIdentity": {"Arn": call.principal, "PrincipalId": call.principal.rpartition("/")[2]}}


def _publish(call: Call, record: Record, changed: list[str]) -> None:
    detail = {member: record[member] for member in _EVENT_MEMBERS if record.get(member) is not None}
    detail["CreationTime"] = _iso(record["CreationTime"])
    if changed:
        detail["UpdatedModelPackageFields"] = changed
        detail["LastModifiedTime"] = _iso(record["LastModifiedTime"])
    found = split_arn(record["ModelPackageArn"])
    call.core.events.put(events.MODEL_PACKAGE, record["ModelPackageArn"], detail, found[0] if found else call.scope)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
