"""Model packages: versions that only grow, approval, life cycle, and an event for every change."""

from typing import Any

from rehearsal.sagemaker import events
from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import ServiceError, conflict, invalid
from rehearsal.sagemaker.event_details import publish
from rehearsal.sagemaker.faults import declare_call
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.registry import package_rules, package_validation, resource_policy
from rehearsal.sagemaker.registry.groups import authorise, find_group, scope_of
from rehearsal.sagemaker.shapes import service_model
from rehearsal.sagemaker.store import Record, arn_of, public, split_arn

DEPTH = "rules"
DIFFERENCES = (
    "A model package without a ValidationSpecification is `Completed` at once; certification for AWS Marketplace is "
    "refused.",
    "`ImageDigest` of a model package is filled in for images that the registry holds, `ModelDataETag` is not.",
    "`SourceUri` with the ARN of a model package or a model copies its InferenceSpecification (and metrics) when "
    "none is given: how much the service copies is not documented.",
    "Versions of model packages have no tags of their own: `ListTags` shows the group's, `AddTags` is refused.",
)

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
_VERSIONED_ONLY = ("ModelApprovalStatus", "ApprovalDescription", "ModelLifeCycle")

declare_call(
    "C08",
    "CreateModelPackage",
    "UpdateModelPackage",
    code="ConflictException",
    message="The model package is being changed by another request. Please try again.",
)


@action("CreateModelPackage")
def create_model_package(call: Call) -> Record:
    """The next version of a group, or an unversioned package. The same ClientToken answers with the same package."""
    if (earlier := _told_before(call)) is not None:
        return earlier
    group_name, name = call.params.get("ModelPackageGroupName"), call.params.get("ModelPackageName")
    if (group_name is None) == (name is None):
        raise invalid("You must specify exactly one of ModelPackageGroupName and ModelPackageName.")
    package_rules.check_request(call.params, versioned=group_name is not None)
    profile = package_validation.profile_of(call.params)
    inherited = _source(call)
    record = _version(call, group_name) if group_name else _unversioned(call, str(name))
    record |= {key: value for key, value in inherited.items() if key not in record}
    record |= {
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": package_validation.status_details([]),
        "CertifyForMarketplace": False,
        "CreatedBy": call.user,
    }
    if "InferenceSpecification" in record:
        record["InferenceSpecification"] = package_rules.with_digests(record["InferenceSpecification"], call.core.host)
    arn = record["ModelPackageArn"]
    _packages(call, arn)[arn] = record
    _remember(call, arn)
    if profile is not None:
        package_validation.pending(record, profile)
        call.core.run(f"validate-{arn}", package_validation.start, call.core, record)
    publish(call.core, events.MODEL_PACKAGE, record)
    return call.show(record)


def _source(call: Call) -> Record:
    """What a package takes over from SourceUri, if that is the ARN of a package (a clone) or of a model."""
    uri = call.params.get("SourceUri", "")
    _, path = split_arn(uri) or (None, "")
    if "InferenceSpecification" in call.params or not path:
        return {}
    if path.startswith("model-package/"):
        taken = ("InferenceSpecification", "ModelMetrics", "DriftCheckBaselines", "Domain", "Task", "SamplePayloadUrl")
        return public(find_package(call, uri), taken)
    model = call.state.models.get(path.removeprefix("model/"))
    if path.startswith("model/") and model is not None:
        given = model.get("Containers") or [model["PrimaryContainer"]]
        members = ("Image", "ModelDataUrl", "ModelDataSource", "Environment", "ContainerHostname")
        return {"InferenceSpecification": {"Containers": [public(one, members) for one in given]}}
    raise invalid(f'SourceUri "{uri}" does not exist.')


def _version(call: Call, group_name: str) -> Record:
    bare = group_name.rpartition("/")[2].lower()
    owner, _ = split_arn(group_name) or (call.scope, "")
    group = find_group(call, group_name, arn_of(owner, "model-package", f"{bare}/*"))
    group["_last_version"] += 1
    version, name = group["_last_version"], group["ModelPackageGroupName"]
    record = call.new("ModelPackageArn", arn_of(owner, "model-package", f"{name}/{version}"))
    record |= {"ModelPackageGroupName": name, "ModelPackageVersion": version}
    return {"ModelApprovalStatus": "PendingManualApproval", **record}


def _unversioned(call: Call, name: str) -> Record:
    arn = call.arn("model-package", name)
    if arn in call.state.packages:
        raise conflict(f"Model Package already exists: {arn}")
    return call.new("ModelPackageArn", arn)


@action("DescribeModelPackage")
def describe_model_package(call: Call) -> Record:
    """The version as it stands; with MetadataOnly its card is cut down to what identifies it."""
    record = call.show(find_package(call, call.params["ModelPackageName"]))
    if call.params.get("IncludedData") == "MetadataOnly" and "ModelCard" in record:
        content = package_rules.sanitised(record["ModelCard"].get("ModelCardContent", ""))
        record["ModelCard"] = {**record["ModelCard"], "ModelCardContent": content}
    return record


@action("BatchDescribeModelPackage")
def batch_describe_model_package(call: Call) -> Record:
    """Summaries by ARN, and an error for each version that is not there or not the caller's to see."""
    shape: Any = service_model().shape_for("BatchDescribeModelPackageSummary")
    found, failed = {}, {}
    for arn in call.params["ModelPackageArnList"]:
        try:
            found[arn] = public(find_package(call, arn), tuple(shape.members))
        except ServiceError as error:
            failed[arn] = {"ErrorCode": error.code, "ErrorResponse": error.message}
    answer = {"ModelPackageSummaries": found, "BatchDescribeModelPackageErrorMap": failed}
    return {member: value for member, value in answer.items() if value}


@action("UpdateModelPackage")
def update_model_package(call: Call) -> Record:
    """Approval, life cycle, metadata. Every edit sends an event that names the edited fields."""
    record = find_package(call, call.params["ModelPackageArn"])
    if (earlier := _told_before(call)) is not None:
        return earlier
    edits = _edits(call, record)
    changed = [field for member, field in _UPDATABLE.items() if member in edits]
    changed += [
        member for member in ("CustomerMetadataProperties", "AdditionalInferenceSpecifications") if member in edits
    ]
    if not changed:
        raise invalid("No member to update is given: there must be at least one besides ModelPackageArn.")
    record |= edits
    record |= {"LastModifiedTime": call.now, "LastModifiedBy": call.user}
    _remember(call, record["ModelPackageArn"])
    publish(call.core, events.MODEL_PACKAGE, record, UpdatedModelPackageFields=changed)
    return call.show(record)


def _edits(call: Call, record: Record) -> Record:
    """New values of the record, all checked before any is set."""
    params = call.params
    edits = {member: params[member] for member in _UPDATABLE if member in params}
    for member in _VERSIONED_ONLY:
        if member in edits and "ModelPackageVersion" not in record:
            raise invalid(f"{member} does not apply to an unversioned model package.")
    if specification := edits.get("InferenceSpecification"):
        package_rules.check_containers(specification["Containers"])
        edits["InferenceSpecification"] = package_rules.with_digests(specification, call.core.host)
    if card := edits.get("ModelCard"):
        package_rules.check_card(card)
        edits["ModelCard"] = {**record.get("ModelCard", {}), **card}
    if {"CustomerMetadataProperties", "CustomerMetadataPropertiesToRemove"} & set(params):
        held = record.get("CustomerMetadataProperties") or {}
        edits["CustomerMetadataProperties"] = package_rules.edited_properties(held, params) or None
    if added := params.get("AdditionalInferenceSpecificationsToAdd"):
        together = [*record.get("AdditionalInferenceSpecifications", []), *added]
        package_rules.check_additional(together)
        edits["AdditionalInferenceSpecifications"] = together
    return edits


@action("DeleteModelPackage")
def delete_model_package(call: Call) -> Record:
    """Its version number is never used again."""
    record = find_package(call, call.params["ModelPackageName"])
    arn = record["ModelPackageArn"]
    if record["ModelPackageStatus"] in ("Pending", "InProgress"):
        raise conflict(f"Model Package {arn} is being validated: it cannot be deleted in status InProgress.")
    del _packages(call, arn)[arn]
    call.core.store.state(scope_of(arn)).tags.pop(arn, None)
    return {}


@action("ListModelPackages")
def list_model_packages(call: Call) -> Record:
    """One page. Without a group the default is unversioned packages, as documented."""
    rows = list(call.state.packages.values())
    kind = call.params.get("ModelPackageType", "Unversioned")
    if group_name := call.params.get("ModelPackageGroupName"):
        owner, _ = split_arn(group_name) or (call.scope, "")
        bare = group_name.rpartition("/")[2].lower()
        versions = arn_of(owner, "model-package", f"{bare}/*")
        group = find_group(call, group_name, arn_of(owner, "model-package-group", bare), versions)
        packages = call.core.store.state(owner).packages.values()
        rows = [row for row in packages if row.get("ModelPackageGroupName") == group["ModelPackageGroupName"]]
        kind = call.params.get("ModelPackageType", "Versioned")
    rows = [row for row in rows if kind == "Both" or ("ModelPackageVersion" in row) == (kind == "Versioned")]
    name = "ModelPackageGroupName" if kind == "Versioned" else "ModelPackageName"
    same = {"ModelApprovalStatus": "ModelApprovalStatus"}
    return listed(call, rows, name=name, order="Ascending", equal=same)


def find_package(call: Call, name: str) -> Record:
    """A package by ARN, also of another account whose group's policy allows it, or by an unversioned name."""
    arn = name.lower() if split_arn(name) else call.arn("model-package", name)
    owner = scope_of(arn)
    record = _packages(call, arn).get(arn) if owner.region == call.scope.region else None
    if owner.account != call.scope.account:
        groups = call.core.store.state(owner).package_groups
        group = groups.get(record.get("ModelPackageGroupName", "")) if record else None
        if group is None:  # a stranger is not told that it does not exist
            resource_policy.require(call, None, arn)
        else:
            authorise(call, group, arn)
    if record is None:
        raise invalid(f"ModelPackage {arn} does not exist.")
    return record


def _packages(call: Call, arn: str) -> dict[str, Record]:
    return call.core.store.state(scope_of(arn)).packages


def _told_before(call: Call) -> Record | None:
    """The answer to a request with this ClientToken, if there was one; another request with it is a conflict."""
    token = call.params.get("ClientToken")
    if not token or f"{call.action} {token}" not in call.state.tokens:
        return None
    request, arn = call.state.tokens[f"{call.action} {token}"]
    if request != _without_token(call):
        raise conflict(f'ClientToken "{token}" was used with other parameters.')
    return {"ModelPackageArn": arn}


def _remember(call: Call, arn: str) -> None:
    if token := call.params.get("ClientToken"):
        call.state.tokens[f"{call.action} {token}"] = (_without_token(call), arn)


def _without_token(call: Call) -> Record:
    return {key: value for key, value in call.params.items() if key != "ClientToken"}
