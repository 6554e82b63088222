"""Model package groups and their resource policies."""

import json

from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import ServiceError, invalid
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.store import Record, split_arn


@action("CreateModelPackageGroup")
def create_model_package_group(call: Call) -> Record:
    """A group that counts its versions."""
    name = call.params["ModelPackageGroupName"]
    arn = call.arn("model-package-group", name)
    if name in call.state.package_groups:
        raise invalid(f"Model Package Group already exists: {arn}")
    record = call.new("ModelPackageGroupArn", arn)
    record |= {"ModelPackageGroupStatus": "Completed", "_last_version": 0}
    record["CreatedBy"] = {"IamIdentity": {"Arn": call.principal, "PrincipalId": call.principal.rpartition("/")[2]}}
    call.state.package_groups[name] = record
    return call.show(record)


@action("DescribeModelPackageGroup")
def describe_model_package_group(call: Call) -> Record:
    """The group."""
    return call.show(find_group(call, call.params["ModelPackageGroupName"]))


@action("ListModelPackageGroups")
def list_model_package_groups(call: Call) -> Record:
    """One page of groups."""
    return listed(call, call.state.package_groups.values(), name="ModelPackageGroupName", order="Ascending")


@action("DeleteModelPackageGroup")
def delete_model_package_group(call: Call) -> Record:
    """Only an empty group can go."""
    group = find_group(call, call.params["ModelPackageGroupName"])
    name = group["ModelPackageGroupName"]
    if any(package.get("ModelPackageGroupName") == name for package in call.state.packages.values()):
        raise ServiceError(
            "ConflictException",
            f"Model Package Group {group['ModelPackageGroupArn']} cannot be deleted: it contains model packages.",
        )
    del call.state.package_groups[name]
    call.state.tags.pop(group["ModelPackageGroupArn"], None)
    return {}


@action("PutModelPackageGroupPolicy")
def put_model_package_group_policy(call: Call) -> Record:
    """A resource policy for other accounts. It must be JSON."""
    group = find_group(call, call.params["ModelPackageGroupName"])
    try:
        statements = json.loads(call.params["ResourcePolicy"])["Statement"]
    except (ValueError, KeyError, TypeError) as error:
        raise invalid("Invalid resource policy: it must be a JSON policy document with a Statement.") from error
    if not statements:
        raise invalid("Invalid resource policy: Statement is empty.")
    group["_policy"] = call.params["ResourcePolicy"]
    return call.show(group)


@action("GetModelPackageGroupPolicy")
def get_model_package_group_policy(call: Call) -> Record:
    """The policy as it was put."""
    group = find_group(call, call.params["ModelPackageGroupName"])
    if "_policy" not in group:
        raise invalid(f"Cannot find resource policy for: {group['ModelPackageGroupArn']}")
    return {"ResourcePolicy": group["_policy"]}


@action("DeleteModelPackageGroupPolicy")
def delete_model_package_group_policy(call: Call) -> Record:
    """Takes other accounts' access away."""
    group = find_group(call, call.params["ModelPackageGroupName"])
    if group.pop("_policy", None) is None:
        raise invalid(f"Cannot find resource policy for: {group['ModelPackageGroupArn']}")
    return {}


def find_group(call: Call, name: str) -> Record:
    """A group by name or by ARN, which may be another account's."""
    found = split_arn(name)
    state = call.core.store.state(found[0]) if found else call.state
    bare = found[1].partition("/")[2] if found else name
    for known, group in state.package_groups.items():
        if known == bare or (found and known.lower() == bare):
            return group
    arn = name if found else call.arn("model-package-group", name)
    raise invalid(f"ModelPackageGroup {arn} does not exist.")
