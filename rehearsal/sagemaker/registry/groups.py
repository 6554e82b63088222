"""Model package groups and their resource policies."""

from rehearsal.host import Scope
from rehearsal.sagemaker.actions import Call, action
from rehearsal.sagemaker.errors import conflict, invalid, not_emulated
from rehearsal.sagemaker.listing import listed
from rehearsal.sagemaker.registry import resource_policy
from rehearsal.sagemaker.store import Record, split_arn

DEPTH = "rules"
DIFFERENCES = (
    "The policy of a model package group can have conditions on `aws:PrincipalAccount`, `aws:PrincipalArn`, the time "
    "and the keys of SageMaker; one with other conditions is refused.",
    "Groups shared through AWS RAM are not found; a group of another account is named by its ARN.",
)


@action("CreateModelPackageGroup")
def create_model_package_group(call: Call) -> Record:
    """A group that counts its versions. Names that differ in case only have one ARN, so one group."""
    if "ManagedConfiguration" in call.params:
        raise not_emulated("model package groups with a ManagedConfiguration")
    name = call.params["ModelPackageGroupName"]
    arn = call.arn("model-package-group", name)
    if any(group["ModelPackageGroupArn"] == arn for group in call.state.package_groups.values()):
        raise invalid(f"Model Package Group already exists: {arn}")
    record = call.new("ModelPackageGroupArn", arn)
    record |= {"ModelPackageGroupStatus": "Completed", "CreatedBy": call.user, "_last_version": 0}
    call.state.package_groups[name] = record
    return call.show(record)


@action("DescribeModelPackageGroup")
def describe_model_package_group(call: Call) -> Record:
    """The group, by name or ARN."""
    return call.show(find_group(call, call.params["ModelPackageGroupName"]))


@action("ListModelPackageGroups")
def list_model_package_groups(call: Call) -> Record:
    """One page of groups. Groups shared through AWS RAM are not emulated: asked for, there are none to tell of."""
    if call.params.get("CrossAccountFilterOption") == "CrossAccount":
        raise not_emulated("discovery of groups that other accounts share through AWS RAM")
    return listed(call, call.state.package_groups.values(), name="ModelPackageGroupName", order="Ascending")


@action("DeleteModelPackageGroup")
def delete_model_package_group(call: Call) -> Record:
    """Only an empty group can go."""
    group = find_group(call, call.params["ModelPackageGroupName"])
    owner = call.core.store.state(scope_of(group["ModelPackageGroupArn"]))
    name = group["ModelPackageGroupName"]
    if any(package.get("ModelPackageGroupName") == name for package in owner.packages.values()):
        raise conflict(f"Model Package Group {group['ModelPackageGroupArn']} cannot be deleted: it has model packages.")
    del owner.package_groups[name]
    owner.tags.pop(group["ModelPackageGroupArn"], None)
    return {}


@action("PutModelPackageGroupPolicy")
def put_model_package_group_policy(call: Call) -> Record:
    """A resource policy for other accounts. It must be JSON."""
    group = find_group(call, call.params["ModelPackageGroupName"])
    resource_policy.check(call.params["ResourcePolicy"])
    group["_policy"] = call.params["ResourcePolicy"]
    return call.show(group)


@action("GetModelPackageGroupPolicy")
def get_model_package_group_policy(call: Call) -> Record:
    """The policy as it was put."""
    return {"ResourcePolicy": _with_policy(call)["_policy"]}


@action("DeleteModelPackageGroupPolicy")
def delete_model_package_group_policy(call: Call) -> Record:
    """Takes other accounts' access away."""
    del _with_policy(call)["_policy"]
    return {}


def _with_policy(call: Call) -> Record:
    group = find_group(call, call.params["ModelPackageGroupName"])
    if "_policy" not in group:
        raise invalid(f"Cannot find resource policy for: {group['ModelPackageGroupArn']}")
    return group


def find_group(call: Call, name: str, *resources: str) -> Record:
    """A group by name, or by ARN: then it may be another account's, whose policy decides.

    `resources` are what the action is about, where that is not the group but versions of it: one of them must be
    allowed.
    """
    arn = name.lower() if split_arn(name) else call.arn("model-package-group", name)
    scope, path = split_arn(arn) or (call.scope, "")
    if scope.region == call.scope.region and path.startswith("model-package-group/"):
        groups = call.core.store.state(scope).package_groups.values()
        group = next((one for one in groups if one["ModelPackageGroupArn"] == arn), None)
        if group is not None:
            authorise(call, group, *(resources or (arn,)))
            return group
    if scope.account != call.scope.account:  # a stranger is not told that it does not exist
        resource_policy.require(call, None, *(resources or (arn,)))
    raise invalid(f"ModelPackageGroup {arn} does not exist.")


def authorise(call: Call, group: Record, *resources: str) -> None:
    """Raise AccessDeniedException unless the caller's account owns the group, or its policy names the caller."""
    if scope_of(group["ModelPackageGroupArn"]).account != call.scope.account:
        resource_policy.require(call, group.get("_policy"), *resources)


def scope_of(arn: str) -> Scope:
    """The account and region that own a resource."""
    found = split_arn(arn)
    if found is None:
        raise ValueError(f"{arn} is not an ARN of SageMaker")
    return found[0]
